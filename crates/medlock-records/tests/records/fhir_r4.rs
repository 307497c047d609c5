use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const PATIENTS: &str = include_str!("../data/synthea-patients.ndjson");

/// The strings that identify, wherever they stand.
fn identifying(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|v| identifying(v, key, found)),
        Value::Object(members) => members.iter().for_each(|(k, v)| identifying(v, k, found)),
        Value::String(s)
            if ["family", "given", "line", "city", "postalCode", "value", "birthDate", "id"].contains(&key) =>
        {
            found.push(s.clone());
        }
        _ => {}
    }
}

#[test]
fn identifiers_of_the_samples_are_gone_and_the_elements_stay() {
    let (new, report, marker) = done(PATIENTS, Format::FhirLines);
    assert_eq!(report.documents, PATIENTS.lines().count() as u64);
    assert!(marker.patients.iter().all(Option::is_some));
    assert_eq!(report.unknown.len(), 0, "{:?}", report.unknown);
    for (old, new) in PATIENTS.lines().zip(new.lines()) {
        let (old, new): (Value, Value) = (serde_json::from_str(old).unwrap(), serde_json::from_str(new).unwrap());
        let (mut before, mut after) = (Vec::new(), Vec::new());
        identifying(&old, "", &mut before);
        identifying(&new, "", &mut after);
        assert!(before.len() > 8);
        gone(before.iter().filter(|v| v.len() > 2), &new.to_string());
        let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&old), keys(&new));
        for same in ["resourceType", "gender", "maritalStatus", "communication"] {
            assert_eq!(old[same], new[same]);
        }
        assert_eq!(old["address"][0]["state"], new["address"][0]["state"]);
        assert!(new["birthDate"].as_str().unwrap().len() == old["birthDate"].as_str().unwrap().len());
        // A position on the map is left out with its extension.
        assert!(!new.to_string().contains("latitude"));
    }
}

fn of(resource: Value) -> (Value, Report, Marker) {
    let (new, report, marker) = done(&resource.to_string(), Format::Fhir);
    (serde_json::from_str(&new).unwrap(), report, marker)
}

#[test]
fn a_bundle_keeps_its_references() {
    let uuid = "d78af07c-9cb9-4f31-9b11-c45a28f2eec8";
    let (new, report, marker) = of(json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": format!("urn:uuid:{uuid}"), "resource": {"resourceType": "Patient", "id": uuid, "name": [{"text": "Rose Everyman"}]},
         "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=999-48-8934"}},
        {"fullUrl": "https://hospital.example/fhir/Observation/o-77", "resource": {"resourceType": "Observation", "id": "o-77", "status": "final",
          "code": {"text": "weight"}, "subject": {"reference": format!("urn:uuid:{uuid}"), "display": "Rose Everyman"},
          "performer": [{"reference": "Practitioner/seven-h", "display": "Henry Sanders"}, {"reference": "Patient?identifier=x|0042"}],
          "effectiveDateTime": "2005-03-29", "valueQuantity": {"value": 93, "unit": "kg"}}},
        {"resource": {"resourceType": "DiagnosticReport", "id": "d1", "result": [{"reference": "Observation/o-77/_history/2"}],
          "subject": {"reference": format!("Patient/{uuid}")}}}
    ]}));
    let text = new.to_string();
    gone(
        [uuid, "o-77", "seven-h", "Rose", "Everyman", "Sanders", "2005-03-29", "hospital.example", "999-48", "0042"],
        &text,
    );
    let entry = &new["entry"];
    let id = entry[0]["resource"]["id"].as_str().unwrap();
    assert_eq!(entry[0]["fullUrl"], format!("urn:uuid:{id}"));
    assert_eq!(entry[1]["resource"]["subject"]["reference"], format!("urn:uuid:{id}"));
    assert_eq!(entry[2]["resource"]["subject"]["reference"], format!("Patient/{id}"));
    let observation = entry[1]["resource"]["id"].as_str().unwrap();
    assert!(entry[1]["fullUrl"].as_str().unwrap().ends_with(&format!("/Observation/{observation}")));
    assert!(
        entry[2]["resource"]["result"][0]["reference"]
            .as_str()
            .unwrap()
            .starts_with(&format!("Observation/{observation}/_history/"))
    );
    assert_eq!(entry[1]["resource"]["valueQuantity"]["value"], 93);
    assert_eq!(entry[0]["request"]["url"], "Patient");
    assert!(entry[1]["resource"]["performer"][1].get("reference").is_none());
    assert_eq!((report.documents, marker.patients), (1, vec![Some(uuid.to_owned())]));
}

#[test]
fn a_bundle_of_several_patients_begins_a_document_with_each_entry() {
    let (_, report, marker) = of(json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {"resourceType": "Patient", "id": "a"}},
        {"resource": {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/a"}}},
        {"resource": {"resourceType": "Patient", "id": "b"}},
        {"resource": {"resourceType": "Organization", "id": "o", "name": "Good Health Clinic"}}
    ]}));
    let some = |s: &str| Some(s.to_owned());
    assert_eq!(marker.patients, [None, some("a"), some("a"), some("b"), None]);
    assert_eq!(report.documents, 5);
}

#[test]
fn attachments_are_read_or_left_out() {
    let note = "Seen by Dr. Henry Sanders.";
    let (new, report, _) = of(json!({"resourceType": "DocumentReference", "status": "current", "id": "d",
    "content": [
        {"attachment": {"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode(note), "hash": "abcd", "size": 24, "title": "Note of Rose Everyman"}},
        {"attachment": {"contentType": "application/pdf", "data": STANDARD.encode("%PDF"), "url": "http://x/Binary/77"}},
        {"attachment": {"contentType": "text/plain", "data": STANDARD.encode("%PDF-1.4")}},
        {"attachment": {"contentType": "application/fhir+json", "data": STANDARD.encode(r#"{"resourceType":"Patient","name":[{"family":"Everyman"}]}"#)}}
    ]}));
    let attachment = |at: usize| &new["content"][at]["attachment"];
    let read =
        |at: usize| String::from_utf8(STANDARD.decode(attachment(at)["data"].as_str().unwrap()).unwrap()).unwrap();
    assert!(read(0).starts_with("Seen by ") && !read(0).contains("Sanders"));
    assert!(attachment(0).get("hash").is_none() && attachment(0).get("size").is_none());
    assert_eq!(attachment(1), &json!({"contentType": "application/pdf"}));
    assert!(attachment(2).get("data").is_none());
    assert_eq!(read(3), r#"{"resourceType":"Patient","name":[{"family":"[NAME]"}]}"#);
    assert_eq!(report.documents, 1);
    let removed: Vec<&str> = report.removed.keys().map(String::as_str).collect();
    assert!(
        removed.iter().any(|r| r.contains("another type than text (DocumentReference.content.attachment)")),
        "{removed:?}"
    );
    assert!(removed.iter().any(|r| r.contains("not what it says")), "{removed:?}");
}

#[test]
fn elements_by_their_types() {
    let (new, report, _) = of(json!({"resourceType": "Patient", "id": "p",
        "meta": {"lastUpdated": "2005-03-29T17:15:04.123+05:00", "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p title=\"x\">Dr. <b>Henry</b> Sanders&nbsp;&amp; co</p></div>"},
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "Strosin"},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Macau", "country": "CN"}},
            {"url": "http://example.org/phone?of=rose", "valueString": "x"}],
        "identifier": [
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-48-8934"},
            {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "DL"}]}, "value": "S99929"},
            {"system": "http://good-health-hospital.example/mrn", "value": "0042"}],
        "name": [{"family": "Everyman", "given": ["Rose"], "prefix": ["Mrs."], "_family": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/humanname-own-name", "valueString": "Jones"}]}}],
        "telecom": [{"system": "phone", "value": "781-555-1212"}, {"system": "email", "value": "rose@example.org"}, {"value": "http://rose.example"}],
        "gender": "female", "birthDate": "1954-11-25", "_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1954-11-25T10:00:00Z"}]},
        "photo": [{"contentType": "image/png", "data": "AAAA"}],
        "address": [{"line": ["17 Daws Rd."], "city": "Blue Bell", "state": "MA", "postalCode": "02368", "country": "US"}],
        "contact": [{"name": {"text": "Adam Everyman"}, "relationship": [{"text": "husband"}]}],
        "favouriteColour": "Seen by Dr. Henry Sanders", "homePhone": "7815551313",
        "thing": {"family": "Everyman", "nested": {"postalCode": "02368"}}
    }));
    let text = new.to_string();
    gone(
        [
            "Strosin",
            "Macau",
            "of=rose",
            "999-48",
            "S99929",
            "0042",
            "good-health",
            "Everyman",
            "Rose",
            "Jones",
            "781",
            "rose",
            "1954",
            "AAAA",
            "Daws",
            "Blue Bell",
            "02368",
            "Adam",
            "Sanders",
            "Henry",
            "2005-03",
        ],
        &text,
    );
    assert_eq!(new["identifier"][0], json!({"system": "http://hl7.org/fhir/sid/us-ssn", "value": "[SSN]"}));
    assert_eq!(new["identifier"][1]["value"], "[LICENSE]");
    assert_eq!(new["identifier"][2]["value"], "[MRN]");
    assert_eq!(new["telecom"][2]["value"], "[URL]");
    assert_eq!(
        (&new["gender"], &new["address"][0]["state"], &new["name"][0]["prefix"][0]),
        (&json!("female"), &json!("MA"), &json!("Mrs."))
    );
    assert_eq!(new["extension"].as_array().unwrap().len(), 2);
    assert!(new.get("photo").is_none());
    assert_eq!(new["meta"]["profile"][0], "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient");
    assert_eq!(new["meta"]["lastUpdated"].as_str().unwrap().len(), "2005-03-29T17:15:04.123+05:00".len());
    let div = new["text"]["div"].as_str().unwrap();
    assert!(
        div.starts_with("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p title=\"x\">") && div.ends_with("</p></div>"),
        "{div}"
    );
    for path in ["Patient.favouriteColour", "Patient.homePhone", "Patient.thing", "Patient.thing.nested"] {
        assert_eq!(report.unknown.get(path), Some(&1), "{path}: {:?}", report.unknown);
    }
    assert!(report.removed.keys().any(|k| k.contains("Patient.photo")));
}

#[test]
fn unknown_resources_are_searched_and_counted() {
    let (new, report, marker) = of(
        json!({"resourceType": "VisionPrescription", "id": "v1", "status": "active", "created": "2005-03-29",
        "patient": {"reference": "Patient/p77", "display": "Rose Everyman"}, "dateWritten": "2005-03-30",
        "lensSpecification": [{"product": {"coding": [{"code": "lens"}]}, "eye": "right", "note": [{"text": "by Dr. Henry Sanders"}], "power": 2.0}]}),
    );
    gone(["2005-03", "p77", "Rose", "Everyman", "Sanders", "v1"], &new.to_string());
    assert_eq!((&new["lensSpecification"][0]["power"], &new["status"]), (&json!(2.0), &json!("active")));
    assert_eq!(report.unknown.get("VisionPrescription"), Some(&1));
    assert_eq!(marker.patients, [Some("p77".to_owned())]);
}

#[test]
fn ages_over_89_and_wrong_shapes() {
    let (new, ..) = of(json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"},
        "onsetAge": {"value": 93, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}, "abatementAge": {"value": 62, "code": "a"},
        "recordedDate": "around Easter", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "999-48-8934"}]}}));
    assert!(new["onsetAge"].get("value").is_none() && new["abatementAge"]["value"] == 62);
    assert!(!new.to_string().contains("999-48"));
    assert!(new["recordedDate"].is_null());
    let (new, report, _) = of(
        json!({"resourceType": "Patient", "name": "Rose Everyman", "address": ["17 Daws Rd."], "birthDate": {"value": "1954-11-25"}}),
    );
    gone(["Rose", "Daws", "1954-11"], &new.to_string());
    assert!(report.unknown.contains_key("Patient.name"));
    assert!(refused(b"{\"a\":1}", Format::Fhir).contains("no resourceType"));
    assert!(refused(br#"{"resourceType":"Rose 0042 77"}"#, Format::Fhir).contains("resourceType"));
}

#[test]
fn ids_are_renamed_by_the_rewriter_if_it_says_how() {
    struct Numbered(Marker);
    impl medlock_records::Rewrite for Numbered {
        fn document(&mut self, patient: Option<&str>) {
            self.0.document(patient);
        }
        fn text(&mut self, cue: Option<&str>, text: &str) -> Result<String, medlock_records::RewriteError> {
            self.0.text(cue, text)
        }
        fn field(
            &mut self,
            class: medlock_domain::PhiClass,
            value: &str,
        ) -> Result<String, medlock_records::RewriteError> {
            self.0.field(class, value)
        }
        fn number(&mut self, id: &str) -> Result<Option<u64>, medlock_records::RewriteError> {
            Ok(Some(if id == "p" { 7 } else { 8 }))
        }
        fn counts(&self) -> &medlock_domain::ClassCounts {
            self.0.counts()
        }
    }
    let mut out = Vec::new();
    let input = br#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"}}"#;
    let mut numbered = Numbered(Marker::default());
    let report = rewrite(&input[..], &mut out, Format::Fhir, &mut numbered, &Options::default()).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"resourceType":"Condition","id":"r8","subject":{"reference":"Patient/r7"}}"#
    );
    assert_eq!(report.renamed, 2);
}

#[test]
fn fields_come_before_the_texts_that_name_the_same_people() {
    let (_, _, marker) = of(json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {"resourceType": "Condition", "id": "c", "note": [{"text": "Everyman is well."}], "subject": {"reference": "Patient/p"}}},
        {"resource": {"resourceType": "Patient", "id": "p", "text": {"status": "generated", "div": "<div>Rose was here</div>"}, "name": [{"family": "Everyman", "given": ["Rose"]}]}}
    ]}));
    let at = |what: &str| marker.order.iter().position(|o| o == what).unwrap();
    assert!(
        at("NAME Everyman") < at("Everyman is well.") && at("NAME Rose") < at("Rose was here"),
        "{:?}",
        marker.order
    );
}
