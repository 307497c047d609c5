#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn file(name: &str, text: &str) -> Read {
    Read { path: name.into(), bytes: text.as_bytes().to_vec() }
}

fn of(labels: &[&str], own: Option<&str>) -> Result<Vec<Option<Meaning>>, String> {
    let map: serde_json::Map<_, _> =
        labels.iter().enumerate().map(|(i, l)| (i.to_string(), serde_json::Value::from(*l))).collect();
    let config = file("config.json", &serde_json::json!({ "id2label": map }).to_string());
    read(&config, own.map(|t| file("labels.toml", t)).as_ref()).map_err(|e| e.to_string())
}

fn classes(labels: &[&str], own: Option<&str>) -> Vec<Option<PhiClass>> {
    of(labels, own).unwrap().into_iter().map(|m| m.map(|m| m.class)).collect()
}

#[test]
fn the_usual_labels_need_no_table() {
    use PhiClass::*;
    let i2b2 =
        ["O", "B-PATIENT", "I-PATIENT", "B-MEDICALRECORD", "B-LOCATION-OTHER", "L-IDNUM", "U-PROFESSION", "B-IPADDR"];
    let want = [None, Some(Name), Some(Name), Some(Mrn), Some(Location), Some(Id), None, Some(Ip)];
    assert_eq!(classes(&i2b2, None), want);
    let plain = ["first_name", "last_name", "health_plan_beneficiary_number", "E-MAIL", "US_SSN", "O", "gender"];
    let want = [Some(Name), Some(Name), Some(HealthPlan), Some(Email), Some(Ssn), None, None];
    assert_eq!(classes(&plain, None), want);
}

#[test]
fn places_and_entities_are_told_apart() {
    let all = of(&["O", "B-first_name", "I-first_name", "E-last_name", "S-last_name"], None).unwrap();
    let got: Vec<_> = all.into_iter().flatten().map(|m| (m.place, m.entity)).collect();
    assert_eq!(got, [(Place::Begin, 1), (Place::Inside, 1), (Place::End, 2), (Place::Single, 2)]);
}

#[test]
fn no_word_is_in_two_classes() {
    let mut seen = std::collections::HashSet::new();
    for (_, words) in KNOWN.iter().copied().chain([(PhiClass::Id, NOBODYS)]) {
        for word in words.split_whitespace() {
            assert!(seen.insert(word), "{word}");
            assert!(known(word).is_some(), "{word}");
        }
    }
    assert!(seen.len() > 200);
}

#[test]
fn every_label_without_a_class_is_named_and_can_be_given_one() {
    let labels = ["O", "B-ZEBRA", "I-ZEBRA", "B-YAK", "B-PER"];
    let said = of(&labels, None).unwrap_err();
    assert!(said.starts_with("config.json: no class is known for YAK, ZEBRA; give each one in labels.toml"), "{said}");
    assert!(said.contains("YAK = \"NAME\"") && said.contains("ignore"), "{said}");
    let own = "[labels]\nZEBRA = 'MRN'\nYAK = 'ignore'\nPER = 'ID'";
    use PhiClass::*;
    assert_eq!(classes(&labels, Some(own)), [None, Some(Mrn), Some(Mrn), None, Some(Id)]);
}

#[test]
fn what_is_not_understood_is_refused() {
    for (labels, own, said) in [
        (&["O", "B-PER"][..], Some("[labels]\nPERS = 'NAME'"), "labels.toml: the model has no label PERS"),
        (&["O", "B-PER"], Some("[labels]\nPER = 'PERSON'"), "labels.toml: labels.PER: expected a class"),
        (&["O", "B-PER"], Some("[label]\nPER = 'NAME'"), "labels.toml: label: there is no such setting"),
        (&["O", "B-PER"], Some("x"), "labels.toml: "),
        (&["O", "MISC"], None, "config.json: no label of the model is an identifier"),
        (&["LABEL_0"], None, "no class is known for LABEL_0"),
    ] {
        let got = of(labels, own).unwrap_err();
        assert!(got.contains(said), "{got}");
    }
    for config in ["{}", "x", r#"{"id2label": {"1": "O"}}"#, r#"{"id2label": {"0": 1}}"#, r#"{"id2label": {}}"#] {
        assert!(read(&file("config.json", config), None).is_err(), "{config}");
    }
}

#[test]
fn every_class_is_asked_for_unless_a_table_says_what_is() {
    let usual = asked(None).unwrap();
    assert_eq!(usual.len(), 25);
    for class in PhiClass::ALL {
        assert!(usual.iter().any(|(_, c)| *c == Some(class)), "{class:?}");
    }
    let own = |text: &str| asked(Some(&file("labels.toml", text))).map_err(|e| e.to_string());
    let table = "[labels]\n'medical staff' = 'NAME'\ndrug = 'ignore'";
    let want = [("drug".to_owned(), None), ("medical staff".to_owned(), Some(PhiClass::Name))];
    assert_eq!(own(table).unwrap(), want);
    for (table, said) in [
        ("[labels]\ndrug = 'ignore'", "labels.toml: labels: none of them is an identifier"),
        ("[labels]\n", "labels.toml: labels: none of them is an identifier"),
        ("[labels]\n' ' = 'NAME'", "labels.toml: labels: a label without a word"),
        ("[labels]\nperson = 'PERSON'", "labels.toml: labels.person: expected a class"),
    ] {
        assert!(own(table).unwrap_err().contains(said), "{table}");
    }
}
