use super::*;

const NOTE: &str = "Patient: Maria Gonzalez, DOB 03/04/1962, MRN 44-102233, SSN 219-09-9934.\n\
    She lives at 1420 Oakwood Avenue, Springfield, IL 62704; phone (212) 867-5309, maria.g@mercy.org.\n\
    Seen by Dr. Robert Chen on March 3, 2024 for hypertension, BP 138/84; metformin 500 mg twice daily.\n\
    Dr. Chen will call Maria Gonzalez in two weeks. GONZALEZ, MARIA was told so.";

#[test]
fn tokens_and_stand_ins_come_back_exactly() {
    for action in [Action::Tokenize, Action::Surrogate] {
        for scope in Scope::ALL {
            let profile = all(action, scope);
            let mut d = deid(&profile, 7);
            let out = d.text(None, NOTE).unwrap();
            for old in [
                "Gonzalez",
                "GONZALEZ",
                "Maria",
                "Chen",
                "44-102233",
                "219-09",
                "Oakwood",
                "867-5309",
                "maria.g",
                "03/04/1962",
            ] {
                assert!(!out.contains(old), "{action} {scope}: {old} in {out}");
            }
            assert!(out.contains("138/84") && out.contains("metformin 500 mg"));
            assert_eq!(d.restoration().unwrap().restore(&out), NOTE, "{action} {scope}: {out}");
        }
    }
}

#[test]
fn the_forms_that_a_model_makes() {
    let profile = all(Action::Surrogate, Scope::Patient);
    let mut d = deid(&profile, 3);
    let name = d.field(PhiClass::Name, "Maria Gonzalez").unwrap();
    let phone = d.field(PhiClass::Phone, "(212) 867-5309").unwrap();
    let date = d.field(PhiClass::Date, "1962-03-04").unwrap();
    let (given, family) = name.split_once(' ').unwrap();
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let us = format!("{}/{}/{}", &date[5..7], &date[8..], &date[..4]);
    let back = d.restoration().unwrap();
    for (said, restored) in [
        (format!("Ms. {family}'s results"), "Ms. Gonzalez's results"),
        (format!("**{given}**, your"), "**Maria**, your"),
        (format!("{}, {}", family.to_uppercase(), given.to_uppercase()), "GONZALEZ, MARIA"),
        (format!("{}. {family} left", &given[..1]), "M. Gonzalez left"),
        (format!("({family}, {given})"), "(Gonzalez, Maria)"),
        (format!("call {digits}."), "call 2128675309."),
        (format!("call {}-{}-{}.", &digits[..3], &digits[3..6], &digits[6..]), "call 212-867-5309."),
        (format!("born {us}"), "born 03/04/1962"),
        (format!("{family}son and un{family} stay"), &format!("{family}son and un{family} stay")),
    ] {
        assert_eq!(back.restore(&said), restored, "{said}");
    }
}

#[test]
fn another_patients_or_documents_mapping_restores_nothing() {
    for (action, scope) in
        [(Action::Surrogate, Scope::Patient), (Action::Tokenize, Scope::Document), (Action::Surrogate, Scope::Document)]
    {
        let profile = all(action, scope);
        let mut d = deid(&profile, 11);
        let one = d.text(None, NOTE).unwrap();
        d.document(Some("two"));
        let two = d.text(None, NOTE).unwrap();
        assert_ne!(one, two);
        let restored = d.restoration().unwrap().restore(&one);
        for old in ["Gonzalez", "Maria", "219-09-9934", "44-102233", "Oakwood"] {
            assert!(!restored.contains(old), "{action} {scope}: {old}");
        }
        // The same patient again: the same stand-ins by patient, others by document.
        d.document(Some("one"));
        let again = d.text(None, NOTE).unwrap();
        assert_eq!(again == one, scope == Scope::Patient, "{action} {scope}");
    }
}

#[test]
fn the_same_value_of_two_patients_has_two_replacements() {
    for action in [Action::Surrogate, Action::Tokenize] {
        let profile = all(action, Scope::Patient);
        let mut d = deid(&profile, 5);
        let values = [
            (PhiClass::Name, "Maria Gonzalez"),
            (PhiClass::Ssn, "219-09-9934"),
            (PhiClass::Mrn, "44-102233"),
            (PhiClass::Email, "m@mercy.org"),
            (PhiClass::Location, "Springfield"),
        ];
        let first: Vec<String> = values.iter().map(|(c, v)| d.field(*c, v).unwrap()).collect();
        d.document(Some("two"));
        for ((class, value), first) in values.iter().zip(first) {
            assert_ne!(d.field(*class, value).unwrap(), first, "{value}");
        }
        d.document(None);
        let unknown = d.field(PhiClass::Mrn, "44-102233").unwrap();
        d.document(None);
        assert_ne!(d.field(PhiClass::Mrn, "44-102233").unwrap(), unknown);
    }
}

#[test]
fn a_safe_harbor_token_does_not_follow_from_its_value() {
    let profile = all(Action::Tokenize, Scope::Project);
    let token = |seed| deid(&profile, seed).field(PhiClass::Mrn, "44-102233").unwrap();
    assert_ne!(token(1), token(2));
    assert!(crate::placeholder::parse(&token(1), None, true).unwrap().is_none(), "no chat placeholder");
}
