use super::*;

#[test]
fn formats_are_told_by_content_and_name() {
    for (name, head, expected) in [
        ("a.txt", "Patient is well", Format::Text),
        ("a", "[NAME] is well", Format::Text),
        ("a.json", "{\"resourceType\":\"Patient\"", Format::Fhir),
        ("a.json", "{\"a\":1}", Format::Json),
        ("a.ndjson", "{\"resourceType\":\"Patient\"}\n", Format::FhirLines),
        ("a.jsonl", "{\"a\":1}\n", Format::JsonLines),
        ("", "{\"a\":1}\n{\"a\":2}\n", Format::JsonLines),
        ("a.dat", "MSH|^~\\&|", Format::Hl7v2),
        ("a.txt", "\u{feff}\u{b}MSH|^~\\&|", Format::Hl7v2),
        ("a.xml", "<a/>", Format::Xml),
        ("a.ccda", "\u{feff}<?xml?>", Format::Xml),
        ("a", "<?xml version='1.0'?>", Format::Xml),
        ("A.CSV", "a,b", Format::Csv),
        ("a.tsv", "a\tb", Format::Tsv),
        ("a.csv", "PAR1", Format::Parquet),
        ("a", "", Format::Text),
    ] {
        let name = Some(name).filter(|n| !n.is_empty());
        assert_eq!(Format::detect(name, head.as_bytes()), Ok(expected), "{name:?} {head:?}");
    }
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
}

#[test]
fn what_cannot_be_inspected_is_named() {
    for (head, what) in [
        (&b"%PDF-1.4"[..], "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x89PNG\r\n", "PNG"),
        (b"a\0b", "binary"),
        (b"{\\rtf1", "RTF"),
        (b"PARE", "encrypted"),
    ] {
        let error = Format::detect(Some("a.txt"), head).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    let mut dicom = vec![b' '; 128];
    dicom.extend(b"DICM");
    assert!(Format::detect(None, &dicom).is_err());
}
