use super::*;
use serde_json::Value;

const RECORD: &str = r#"{
  "patient": {"name": "Rose Everyman", "mrn": 123456, "dob": "1954-11-25", "ssn": "999-48-8934", "age": 50,
    "address": {"line": "17 Daws Rd.", "city": "Blue Bell", "state": "MA", "zip": "02368"},
    "phones": ["(781) 555-1212"], "email": "rose@example.org"},
  "medication": {"name": "aspirin", "dose": 81.0, "code": "1191"},
  "visits": [{"visitDate": "2005-03-29T17:15:04+05:00", "note": "Seen by Dr. Henry Sanders.\nStable."}],
  "labs": {"glucose": 1.50e+2, "platelets": 250000}, "ok": true, "none": null, "year": 2005
}"#;

#[test]
fn keys_tell_what_stands_under_them() {
    let (text, report, marker) = done(RECORD, Format::Json);
    gone(
        [
            "Rose",
            "Everyman",
            "123456",
            "1954",
            "999-48",
            "Daws",
            "Blue Bell",
            "02368",
            "555-1212",
            "rose@",
            "2005-03",
            "Sanders",
        ],
        &text,
    );
    for kept in
        ["1.50e+2", "250000", "\"aspirin\"", "81.0", "\"1191\"", "\"state\": \"MA\"", "\"age\": 50", "\"year\": 2005"]
    {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let (old, new): (Value, Value) = (serde_json::from_str(RECORD).unwrap(), serde_json::from_str(&text).unwrap());
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&old), keys(&new));
    assert_eq!(keys(&old["patient"]), keys(&new["patient"]));
    assert_eq!(new["patient"]["mrn"], "[MRN]");
    assert_eq!((report.documents, marker.patients), (1, vec![Some("123456".to_owned())]));
    assert!(marker.texts.iter().any(|(cue, _)| cue == "visits note"), "{:?}", marker.texts);
}

#[test]
fn lines_are_documents_of_their_own() {
    let text = "{\"mrn\":\"77\",\"note\":\"Dr. Henry Sanders\"}\r\n\n{\"mrn\" : \"78\"}";
    let (new, report, marker) = done(text, Format::JsonLines);
    assert!(new.contains("}\r\n\n{\"mrn\" : \"[MRN]\"}"), "{new}");
    assert_eq!((report.documents, marker.patients), (2, vec![Some("77".to_owned()), Some("78".to_owned())]));
    assert_eq!(
        refused(b"{}\n{\"a\":}\n", Format::JsonLines),
        "not valid json: no value where one is due (line 2, byte 8)"
    );
    assert!(refused(b"{\"a\":1,\"a\":2}", Format::Json).contains("stands twice"));
    assert!(refused(b"[\"\xFF\"]", Format::Json).contains("byte 2"));
}

#[test]
fn a_key_may_be_an_identifier() {
    let text =
        out("{\"by patient\": {\"SSN 999-48-8934\": {\"note\": \"ok\"}, \"rose@example.org\": 1}}", Format::Json);
    gone(["999-48", "rose@"], &text);
    assert!(text.contains("by patient"));
    let twice = "{\"a@example.org\": 1, \"b@example.org\": 2}";
    assert!(refused(twice.as_bytes(), Format::Json).contains("differ in an identifier alone"));
}

#[test]
fn a_resource_in_other_json_is_read_by_its_own_rules() {
    let text = out(
        r#"{"source": "x", "resource": {"resourceType": "Patient", "name": [{"family": "Everyman"}]}}"#,
        Format::Json,
    );
    assert!(text.contains(r#""family": "[NAME]""#), "{text}");
}
