use super::*;
use medlock_domain::{ClassCounts, PhiClass};
use medlock_records::{Rewrite, RewriteError};
use proptest::prelude::*;

/// Changes nothing: what comes out must then be what went in.
#[derive(Default)]
pub(crate) struct Same(ClassCounts);

impl Rewrite for Same {
    fn document(&mut self, _patient: Option<&str>) {}
    fn text(&mut self, _cue: Option<&str>, text: &str) -> Result<String, RewriteError> {
        Ok(text.to_owned())
    }
    fn field(&mut self, _class: PhiClass, value: &str) -> Result<String, RewriteError> {
        Ok(value.to_owned())
    }
    fn counts(&self) -> &ClassCounts {
        &self.0
    }
}

/// `[CLASS]` for every field, dates included.
#[derive(Default)]
pub(crate) struct Stars(ClassCounts);

impl Rewrite for Stars {
    fn document(&mut self, _patient: Option<&str>) {}
    fn text(&mut self, _cue: Option<&str>, text: &str) -> Result<String, RewriteError> {
        Ok(text.to_owned())
    }
    fn field(&mut self, class: PhiClass, _value: &str) -> Result<String, RewriteError> {
        Ok(format!("[{class}]"))
    }
    fn counts(&self) -> &ClassCounts {
        &self.0
    }
}

/// Answers with what every format has to escape.
#[derive(Default)]
struct Hostile(ClassCounts);

const ANSWER: &str = "\"<&>|^~\\,;\t\r\n'-->]]>\u{1}\u{1c}\u{b}";

impl Rewrite for Hostile {
    fn document(&mut self, _patient: Option<&str>) {}
    fn text(&mut self, _cue: Option<&str>, _text: &str) -> Result<String, RewriteError> {
        Ok(ANSWER.into())
    }
    fn field(&mut self, _class: PhiClass, _value: &str) -> Result<String, RewriteError> {
        Ok(ANSWER.into())
    }
    fn counts(&self) -> &ClassCounts {
        &self.0
    }
}

/// Refuses everything.
#[derive(Default)]
struct Refusing(ClassCounts);

impl Rewrite for Refusing {
    fn document(&mut self, _patient: Option<&str>) {}
    fn text(&mut self, _cue: Option<&str>, _text: &str) -> Result<String, RewriteError> {
        Err(RewriteError::new("the vault is closed"))
    }
    fn field(&mut self, _class: PhiClass, _value: &str) -> Result<String, RewriteError> {
        Err(RewriteError::new("the vault is closed"))
    }
    fn counts(&self) -> &ClassCounts {
        &self.0
    }
}

fn run(input: &[u8], format: Format, rewriter: &mut dyn Rewrite) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    let options = Options { max_unit: 1 << 20, ..Options::default() };
    rewrite(input, &mut out, format, rewriter, &options).map(|_| out)
}

const SAMPLES: &[(Format, &str)] = &[
    (Format::Text, "Henry Seven"),
    (Format::Json, "{\"name\": \"Henry Seven\", \"note\": [\"seen\", 1234567]}"),
    (Format::Fhir, include_str!("../data/synthea-patients.ndjson")),
    (Format::FhirLines, include_str!("../data/synthea-patients.ndjson")),
    (Format::Hl7v2, include_str!("../data/ADT-A01-01.hl7")),
    (Format::Xml, include_str!("../data/header.xml")),
    (Format::Csv, "mrn,name,note\n1,Henry,seen\n2,\"Seven, H\",\"a\"\"b\"\n"),
    (Format::Tsv, "mrn\tname\tnote\n1\tHenry\tseen\n"),
];

fn sample(format: Format, text: &str) -> &str {
    // One resource is a document; the file has several.
    if format == Format::Fhir { text.lines().next().unwrap() } else { text }
}

#[test]
fn what_escapes_cannot_break_out() {
    for (format, text) in SAMPLES {
        let text = sample(*format, text);
        let out = run(text.as_bytes(), *format, &mut Hostile::default()).unwrap();
        // Read again by our own readers, which agree with others (see the tests of each format).
        let again = run(&out, *format, &mut Same::default()).unwrap_or_else(|e| panic!("{format}: {e}"));
        assert!(!again.is_empty() && !again.windows(5).any(|w| w == b"Seven"), "{format}");
        match format {
            Format::Json | Format::Fhir => drop(serde_json::from_slice::<serde_json::Value>(&out).unwrap()),
            Format::Hl7v2 => {
                assert_eq!(out.iter().filter(|b| **b == b'|').count(), text.bytes().filter(|b| *b == b'|').count())
            }
            Format::Csv => {
                let rows: Vec<_> = csv::Reader::from_reader(&out[..]).records().map(Result::unwrap).collect();
                assert_eq!((rows.len(), &rows[1][1]), (2, ANSWER));
            }
            _ => {}
        }
    }
}

#[test]
fn an_error_of_the_rewriter_ends_the_stream_and_names_the_place() {
    for (format, text) in SAMPLES {
        let error = run(sample(*format, text).as_bytes(), *format, &mut Refusing::default()).unwrap_err().to_string();
        assert!(error.starts_with("the vault is closed (") && !error.contains("Seven"), "{format}: {error}");
    }
}

#[test]
fn what_is_cut_off_is_an_error_where_that_can_be_told() {
    for (format, text) in SAMPLES {
        if !matches!(format, Format::Json | Format::Fhir | Format::Xml) {
            continue;
        }
        let text = sample(*format, text).trim_end();
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)).step_by(7) {
            assert!(run(&text.as_bytes()[..end], *format, &mut Same::default()).is_err(), "{format} cut at {end}");
        }
    }
    assert!(refused(b"a,b\n1,\"2", Format::Csv).contains("not closed"));
}

#[test]
fn one_unit_has_its_limit() {
    let options = Options { max_unit: 1_000, ..Options::default() };
    for (format, text) in [
        (Format::Json, format!("[\"{}\"]", "a".repeat(2_000))),
        (Format::JsonLines, format!("1\n[\"{}\"]", "a".repeat(2_000))),
        (Format::Hl7v2, format!("MSH|^~\\&|{}", "a".repeat(2_000))),
        (Format::Csv, format!("mrn,note\n1,{}\n", "a".repeat(2_000))),
        (Format::Xml, format!("<a>{}</a>", "a".repeat(2_000))),
    ] {
        let error = with(text.as_bytes(), format, &options).err().unwrap();
        assert!(matches!(error, RecordError::TooLarge { limit: 1_000, .. }), "{format}: {error}");
    }
}

#[test]
fn a_cut_off_writer_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = rewrite(&b"text"[..], Full, Format::Text, &mut Same::default(), &Options::default()).unwrap_err();
    assert!(matches!(error, RecordError::Write(_)));
}

const ALL: [Format; 9] = [
    Format::Text,
    Format::Json,
    Format::JsonLines,
    Format::Fhir,
    Format::FhirLines,
    Format::Hl7v2,
    Format::Xml,
    Format::Csv,
    Format::Tsv,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in ALL {
            let _ = run(&bytes, format, &mut Hostile::default());
        }
        let _ = Format::detect(Some("x.json"), &bytes);
    }

    #[test]
    fn almost_valid_input_never_panics(at in 0usize..9_000, byte in any::<u8>(), which in 0..SAMPLES.len()) {
        let (format, text) = SAMPLES[which];
        let mut bytes = sample(format, text).as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = run(&bytes, format, &mut Hostile::default());
        if let Ok(out) = run(&bytes, format, &mut Same::default()) {
            // Bytes that nobody replaced are as they were, unless ids were renamed or things left out.
            if matches!(format, Format::Text | Format::Json | Format::Csv | Format::Tsv) {
                prop_assert_eq!(out, bytes);
            }
        }
    }

    #[test]
    fn any_table_comes_back(rows in prop::collection::vec(prop::collection::vec("[a-z\",;\r\n\t 0-9]{0,8}", 3), 1..6), crlf: bool) {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let mut bytes = writer.into_inner().unwrap();
        if crlf && !rows.iter().flatten().any(|c| c.contains(['\r', '\n'])) {
            bytes = String::from_utf8(bytes).unwrap().replace('\n', "\r\n").into_bytes();
        }
        let options = Options { csv_delimiter: Some(b','), csv_header: Some(false), ..Options::default() };
        let mut out = Vec::new();
        rewrite(&bytes[..], &mut out, Format::Csv, &mut Same::default(), &options).unwrap();
        prop_assert_eq!(&out, &bytes);
        let mut out = Vec::new();
        rewrite(&bytes[..], &mut out, Format::Csv, &mut Hostile::default(), &options).unwrap();
        let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
        let read: Vec<_> = reader.into_records().map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), rows.len());
        for (row, original) in read.iter().zip(&rows) {
            for (cell, was) in row.iter().zip(original) {
                let searched = was.chars().any(char::is_alphanumeric);
                prop_assert_eq!(cell, if searched { ANSWER } else { was.as_str() });
            }
        }
    }

    #[test]
    fn any_message_keeps_its_bytes(fields in prop::collection::vec("[A-Za-z ^~&.\\\\FST]{0,12}", 1..8)) {
        let text = format!("MSH|^~\\&|A|B\rZZZ|{}\r\nNTE|1||{}\n", fields.join("|"), fields.join("^"));
        let out = run(text.as_bytes(), Format::Hl7v2, &mut Same::default()).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}
