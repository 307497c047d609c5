use super::*;
use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::*;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

const SCHEMA: &str = "message visits {
    required binary mrn (STRING);
    optional binary last_name (STRING);
    optional int32 birth_date (DATE);
    required int64 visit (TIMESTAMP(MILLIS,true));
    optional int64 phone;
    optional int32 age;
    optional double glucose;
    optional double latitude;
    required boolean ok;
    optional binary note (STRING);
    optional binary extra (JSON);
    optional group tags (LIST) { repeated group list { optional binary element (STRING); } }
}";

/// Two row groups of two rows, the second row of each without optional values.
fn sample() -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![KeyValue::new("pandas".into(), Some("Rose Everyman".to_string()))]))
        .build();
    let mut out = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut out, schema, Arc::new(properties)).unwrap();
    let bytes = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    for _ in 0..2 {
        let mut group = writer.next_row_group().unwrap();
        macro_rules! column {
            ($kind:ty, $values:expr, $def:expr, $rep:expr) => {{
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<$kind>().write_batch(&$values, $def, $rep).unwrap();
                column.close().unwrap();
            }};
        }
        let half = Some(&[1i16, 0][..]);
        column!(ByteArrayType, [bytes("00123456"), bytes("00123457")], None, None);
        column!(ByteArrayType, [bytes("Everyman")], half, None);
        column!(Int32Type, [-5_516], half, None);
        column!(Int64Type, [1_112_116_504_123i64, 0], None, None);
        column!(Int64Type, [7_815_551_212i64], half, None);
        column!(Int32Type, [93, 62], Some(&[1, 1]), None);
        column!(DoubleType, [150.5], half, None);
        column!(DoubleType, [42.123456], half, None);
        column!(BoolType, [true, false], None, None);
        column!(ByteArrayType, [bytes("Seen by Dr. Henry Sanders.")], half, None);
        column!(ByteArrayType, [bytes("{\"ssn\": \"999-48-8934\", \"n\": 1.50}")], half, None);
        column!(ByteArrayType, [bytes("stable"), bytes("call 781-555-1313")], Some(&[3, 3, 0]), Some(&[0, 1, 0]));
        group.close().unwrap();
    }
    writer.close().unwrap();
    out
}

#[test]
fn columns_by_type_and_name() {
    let (out, report, marker) = with(&sample(), Format::Parquet, &Options::default()).unwrap();
    let reader = SerializedFileReader::new(Bytes::from(out.clone())).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    let row = &rows[2];
    assert_eq!((row.get_string(0).unwrap().as_str(), row.get_string(1).unwrap().as_str()), ("[MRN]", "[NAME]"));
    assert_eq!(row.get_string(9).unwrap(), "Seen by [NAME].");
    assert_eq!(row.get_string(10).unwrap(), "{\"ssn\": \"[SSN]\", \"n\": 1.50}");
    // 1954-11-25 became 1901-02-03; what cannot be a number or an age any more is null.
    let text = row.to_string();
    assert!(text.contains("birth_date: 1901-02-03") && text.contains("visit: 1901-02-03 04:05:06"), "{text}");
    assert!(text.contains("phone: null") && text.contains("age: null") && text.contains("latitude: null"), "{text}");
    assert!(text.contains("glucose: 150.5") && text.contains("ok: true"), "{text}");
    let tags = row.get_list(11).unwrap().elements().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(tags, ["\"stable\"", "\"call [PHONE]\""]);
    assert!(rows[3].to_string().contains("age: 62, glucose: null"), "{}", rows[3]);
    assert_eq!((report.documents, marker.patients[1].as_deref()), (4, Some("00123457")));
    assert!(report.removed.contains_key("metadata of the file (file)"));
    // Neither statistics nor metadata remember the old values.
    for old in ["Everyman", "00123456", "999-48", "Sanders", "1313", "pandas"] {
        assert!(!out.windows(old.len()).any(|w| w == old.as_bytes()), "{old}");
    }
    assert!(reader.metadata().file_metadata().key_value_metadata().is_none());
    let mut from_file = Vec::new();
    let mut marker = Marker::default();
    let input = std::io::Cursor::new(sample());
    medlock_records::rewrite_parquet(input, &mut from_file, &mut marker, &Options::default()).unwrap();
    assert_eq!(from_file, out);
}

fn one_column(message: &str, write: impl FnOnce(&mut parquet::file::writer::SerializedColumnWriter<'_>)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let mut out = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut out, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    write(&mut column);
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    out
}

#[test]
fn what_cannot_be_inspected_is_refused_by_name() {
    let image = one_column("message m { required binary photo_bytes; }", |c| {
        c.typed::<ByteArrayType>().write_batch(&[ByteArray::from(vec![0xFF, 0xD8])], None, None).unwrap();
    });
    assert_eq!(refused(&image, Format::Parquet), "refused: a column of bytes that are no text (photo_bytes)");
    let fixed = one_column("message m { required fixed_len_byte_array(4) digest; }", |c| {
        c.typed::<FixedLenByteArrayType>().write_batch(&[vec![1, 2, 3, 4].into()], None, None).unwrap();
    });
    assert_eq!(refused(&fixed, Format::Parquet), "refused: a column of a type that cannot be inspected (digest)");
    let phone = one_column("message m { required int64 phone; }", |c| {
        c.typed::<Int64Type>().write_batch(&[7_815_551_212], None, None).unwrap();
    });
    assert!(refused(&phone, Format::Parquet).ends_with("must have one (phone)"));
    let named = one_column("message m { required int64 mrn_00123456; }", |c| {
        c.typed::<Int64Type>().write_batch(&[1], None, None).unwrap();
    });
    assert_eq!(refused(&named, Format::Parquet), "refused: a column whose name may be an identifier (column 1)");
    assert!(refused(b"PAR1", Format::Parquet).contains("not valid parquet"));
}

#[test]
fn identifiers_of_a_uuid_column_and_old_timestamps() {
    let id = "d78af07c9cb94f319b11c45a28f2eec8";
    let raw: Vec<u8> = (0..16).map(|i| u8::from_str_radix(&id[2 * i..2 * i + 2], 16).unwrap()).collect();
    let file = one_column("message m { required fixed_len_byte_array(16) id (UUID); }", |c| {
        c.typed::<FixedLenByteArrayType>().write_batch(&[raw.clone().into(), raw.clone().into()], None, None).unwrap();
    });
    let (out, report, _) = with(&file, Format::Parquet, &Options::default()).unwrap();
    assert!(!out.windows(16).any(|w| w == raw));
    assert_eq!(report.renamed, 2);
    let old = one_column("message m { required int96 at; }", |c| {
        let mut at = Int96::new();
        at.set_data(1_000, 0, 2_453_459);
        c.typed::<Int96Type>().write_batch(&[at], None, None).unwrap();
    });
    let (out, ..) = with(&old, Format::Parquet, &Options::default()).unwrap();
    let reader = SerializedFileReader::new(Bytes::from(out)).unwrap();
    let row = reader.get_row_iter(None).unwrap().next().unwrap().unwrap();
    assert!(row.to_string().contains("1901-02-03 04:05:06"), "{row}");
}

#[test]
fn damaged_files_are_errors() {
    let file = sample();
    for end in (0..file.len()).step_by(23) {
        assert!(with(&file[..end], Format::Parquet, &Options::default()).is_err(), "cut at {end}");
    }
    // Whatever a flipped byte does, it is a result and not the end of the process.
    for at in (0..file.len()).step_by(5) {
        let mut bytes = file.clone();
        bytes[at] ^= 0x55;
        let _ =
            with(&bytes, Format::Parquet, &Options::default()).map(|(_, report, _)| assert_eq!(report.documents, 4));
    }
}
