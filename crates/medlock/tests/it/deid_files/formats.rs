//! Every format, read back by a parser that is not ours.

use super::*;

const PERSON: &str = "Everyman";

/// De-identifies one file and gives what came out.
fn clean(name: &str, bytes: &[u8]) -> (Vec<u8>, Value) {
    let desk = Desk::new();
    desk.put(name, bytes);
    desk.run(&[&format!("@{name}"), "--out", "@out/", "--no-vault"]).code(0);
    let out = fs::read(desk.at(&format!("out/{name}"))).unwrap();
    let text = String::from_utf8_lossy(&out).into_owned();
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} is left in {name}:\n{text}");
    }
    let manifest = desk.manifest(&format!("out/{MANIFEST}"));
    (out, entry(&manifest, name).clone())
}

#[test]
fn json_and_json_lines() {
    let record =
        format!(r#"{{"mrn": "00123456", "name": "{PERSON}", "glucose": 98.50, "note": "Seen: Maria Gonzalez."}}"#);
    let (out, entry) = clean("a.json", record.as_bytes());
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&value["mrn"], &value["name"], &entry["format"]), (&"[MRN]".into(), &"[NAME]".into(), &"json".into()));
    assert!(String::from_utf8(out).unwrap().contains("98.50"), "numbers are as they were written");
    let (out, entry) = clean("a.jsonl", format!("{record}\n\n{record}\n").as_bytes());
    assert_eq!(
        (lines(&String::from_utf8(out).unwrap().replace("\n\n", "\n")).len(), &entry["documents"]),
        (2, &2.into())
    );
}

#[test]
fn fhir() {
    let patient = format!(
        r#"{{"resourceType":"Patient","id":"p-1","gender":"female","birthDate":"1962-03-04","name":[{{"family":"{PERSON}"}}]}}"#
    );
    let (out, entry) = clean("p.json", patient.as_bytes());
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&value["resourceType"], &value["gender"]), (&"Patient".into(), &"female".into()));
    assert_eq!((&value["birthDate"], &entry["format"]), (&"1962".into(), &"fhir".into()));
    assert_ne!(value["id"], "p-1");
    let (out, entry) = clean("p.ndjson", format!("{patient}\n{patient}\n").as_bytes());
    let all = lines(&String::from_utf8(out).unwrap());
    assert_eq!((&all[0]["id"], &entry["format"]), (&all[1]["id"], &"fhir-ndjson".into()));
}

#[test]
fn hl7_v2() {
    let message = "MSH|^~\\&|LAB|HOSP|EHR|HOSP|20240304||ORU^R01|1|P|2.5\rPID|1||00123456^^^H^MR||Everyman^Adam||19620304|M\r\
                   OBX|1|NM|2345-7^Glucose^LN||98|mg/dL|||||F\r";
    let (out, entry) = clean("a.hl7", message.as_bytes());
    let out = String::from_utf8(out).unwrap();
    let segments: Vec<Vec<&str>> = out.split_terminator('\r').map(|s| s.split('|').collect()).collect();
    let before: Vec<usize> = message.split_terminator('\r').map(|s| s.split('|').count()).collect();
    assert_eq!(segments.iter().map(Vec::len).collect::<Vec<_>>(), before);
    assert_eq!((segments[1][8], segments[2][5], &entry["format"]), ("M", "98", &"hl7v2".into()));
    assert!(!out.contains("19620304"));
}

#[test]
fn xml() {
    let document = format!(
        "<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><recordTarget><patientRole>\
         <id extension=\"00123456\" root=\"2.16.840.1.113883.19.5\"/><patient><name><given>Adam</given>\
         <family>{PERSON}</family></name></patient></patientRole></recordTarget></ClinicalDocument>\n"
    );
    let (out, entry) = clean("a.xml", document.as_bytes());
    let mut reader = quick_xml::Reader::from_reader(&out[..]);
    let mut names = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(e) => names.push(e.name().as_ref().to_owned()),
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(names.last().unwrap(), "family");
    assert_eq!(entry["format"], "xml");
}

#[test]
fn csv_and_tsv() {
    for (name, delimiter) in [("a.csv", b','), ("a.tsv", b'\t')] {
        let d = char::from(delimiter);
        let table = format!("mrn{d}last_name{d}glucose{d}note\r\n00123456{d}{PERSON}{d}98{d}\"fine{d} she said\"\r\n");
        let (out, entry) = clean(name, table.as_bytes());
        let rows: Vec<csv::StringRecord> = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .from_reader(&out[..])
            .records()
            .map(Result::unwrap)
            .collect();
        assert_eq!((rows.len(), &rows[0][0], &rows[0][1], &rows[0][2]), (1, "[MRN]", "[NAME]", "98"));
        assert_eq!(&rows[0][3], format!("fine{d} she said"));
        assert_eq!(entry["format"], name[2..]);
    }
}

#[test]
fn a_format_can_be_told() {
    let desk = Desk::new();
    let table = "mrn;last_name\n00123456;Everyman\n";
    assert_eq!(desk.piped(table, &["-", "--format", "csv", "--no-vault"]).code(0).out, "mrn;last_name\n[MRN];[NAME]\n");
    // One that it is not is found out.
    let ran = desk.piped("Everyman", &["-", "--format", "json", "--no-vault"]).code(1);
    assert!(
        ran.err.contains("not valid json") && ran.err.contains("throw it away") && ran.out.is_empty(),
        "{}",
        ran.err
    );
}

#[cfg(feature = "parquet")]
#[test]
fn parquet() {
    use ::parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::record::RowAccessor;
    use std::sync::Arc;

    let schema =
        "message v { required binary mrn (STRING); required binary last_name (STRING); required int32 glucose; }";
    let schema = Arc::new(::parquet::schema::parser::parse_message_type(schema).unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for text in ["00123456", PERSON] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(text)], None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&[98], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();

    let (out, entry) = clean("a.parquet", &file);
    let reader = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let row = &rows[0];
    assert_eq!((row.get_string(0).unwrap().as_str(), row.get_string(1).unwrap().as_str()), ("[MRN]", "[NAME]"));
    assert_eq!((row.get_int(2).unwrap(), &entry["format"]), (98, &"parquet".into()));
    // A damaged one is an error of the file.
    let desk = Desk::new();
    desk.put("bad.parquet", &file[..file.len() / 2]);
    desk.run(&["@bad.parquet", "--out", "@out/", "--no-vault"]).code(1);
    assert!(!desk.at("out/bad.parquet").exists());
}
