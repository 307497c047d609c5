//! What the name of a column or a key says about the values under it. Shared by CSV, JSON and
//! Parquet; the formats that have tables of their own do not guess.

use std::collections::HashMap;
use std::sync::OnceLock;

use medlock_domain::PhiClass::{self, *};

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Values of one class.
    Class(PhiClass),
    /// A person, by name or by number: the value decides.
    Person,
    /// `name` alone: a person's, or a thing's.
    BareName,
    /// A state or a country, which may stay.
    State,
    /// Anything: searched.
    Text,
}

/// A column or key, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) meaning: Meaning,
    /// The name in lower-case words, for the cue of free text.
    pub(crate) words: String,
    /// Whether the value tells patients apart.
    pub(crate) patient: bool,
    /// Whether the name is a known one at all.
    pub(crate) known: bool,
}

impl Label {
    pub(crate) fn new(name: &str) -> Self {
        let words = words(name);
        let joined = words.join(" ");
        let (meaning, known) = match meaning(&words, &joined) {
            Some(meaning) => (meaning, true),
            None => (Meaning::Text, ORDINARY.contains(&joined.as_str())),
        };
        let patient = PATIENT.contains(&words.concat().as_str());
        Self { meaning, words: joined, patient, known: known || patient }
    }

    /// What a key says under the key above it: `{"patient": {"name": …}}` is a person's name,
    /// `{"medication": {"name": …}}` is not; `{"address": {"line": …}}` stays an address.
    pub(crate) fn within(key: &str, above: &Label, depth: usize) -> Self {
        let mut label = Label::new(key);
        label.meaning = match (label.meaning, above.meaning) {
            (Meaning::BareName, Meaning::Person | Meaning::Class(Name)) => Meaning::Class(Name),
            (Meaning::BareName, Meaning::Class(Location)) => Meaning::Class(Location),
            (Meaning::BareName, _) if depth == 0 => Meaning::BareName,
            (Meaning::BareName, _) => Meaning::Text,
            (Meaning::Text, Meaning::Class(class @ (Location | Name | Phone))) if !label.known => Meaning::Class(class),
            (own, _) => own,
        };
        if !above.words.is_empty() {
            label.words = format!("{} {}", last_words(&above.words), label.words);
        }
        label
    }

    /// A column without a name.
    pub(crate) fn none() -> Self {
        Self { meaning: Meaning::Text, words: String::new(), patient: false, known: false }
    }
}

/// Enough of the path to be a cue, not so much that it becomes a text of its own.
fn last_words(words: &str) -> &str {
    let cut = words.rmatch_indices(' ').nth(2).map_or(0, |(at, _)| at + 1);
    &words[cut..]
}

/// `patientName`, `PATIENT_NAME`, `patient.name2` → `patient`, `name`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let mut chars = name.chars().take(200).peekable();
    while let Some(c) = chars.next() {
        let next_lower = chars.peek().is_some_and(|n| n.is_lowercase());
        let hump = c.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && next_lower);
        let turn = !c.is_alphanumeric() || hump || c.is_numeric() != before.is_numeric();
        if turn && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Names, without spaces, of the column that tells patients apart.
const PATIENT: &[&str] = &[
    "patientid",
    "patid",
    "patient",
    "mrn",
    "medicalrecordnumber",
    "medrecno",
    "patientmrn",
    "patientnumber",
    "subjectid",
    "subject",
    "personid",
    "patientidentifier",
    "patientkey",
    "ptid",
    "hospitalnumber",
    "chartnumber",
];

/// Whole names, without spaces.
const WHOLE: &[(&str, PhiClass)] = &[
    ("dob", Date),
    ("dod", Date),
    ("doa", Date),
    ("dos", Date),
    ("birthdate", Date),
    ("deathdate", Date),
    ("birthday", Date),
    ("bday", Date),
    ("deceased", Date),
    ("admitted", Date),
    ("discharged", Date),
    ("fname", Name),
    ("lname", Name),
    ("mname", Name),
    ("first", Name),
    ("last", Name),
    ("middle", Name),
    ("maiden", Name),
    ("surname", Name),
    ("forename", Name),
    ("firstname", Name),
    ("lastname", Name),
    ("middlename", Name),
    ("maidenname", Name),
    ("fullname", Name),
    ("nickname", Name),
    ("username", Name),
    ("nextofkin", Name),
    ("nok", Name),
    ("alias", Name),
    ("initials", Name),
    ("patientname", Name),
    ("ptname", Name),
    ("ssn", Ssn),
    ("socialsecurity", Ssn),
    ("socialsecuritynumber", Ssn),
    ("socsec", Ssn),
    ("mrn", Mrn),
    ("patientid", Mrn),
    ("patid", Mrn),
    ("ptid", Mrn),
    ("medicalrecordnumber", Mrn),
    ("medrecno", Mrn),
    ("medicalrecord", Mrn),
    ("medicalrecordno", Mrn),
    ("hospitalnumber", Mrn),
    ("chartnumber", Mrn),
    ("patientnumber", Mrn),
    ("patientidentifier", Mrn),
    ("subjectid", Mrn),
    ("personid", Mrn),
    ("patientkey", Mrn),
    ("age", Age),
    ("patientage", Age),
    ("ageyears", Age),
    ("ageinyears", Age),
    ("ageatvisit", Age),
    ("phone", Phone),
    ("mobile", Phone),
    ("cell", Phone),
    ("pager", Phone),
    ("telephone", Phone),
    ("tel", Phone),
    ("telecom", Phone),
    ("homephone", Phone),
    ("cellphone", Phone),
    ("contactnumber", Phone),
    ("phonenumber", Phone),
    ("fax", Fax),
    ("faxnumber", Fax),
    ("email", Email),
    ("mail", Email),
    ("emailaddress", Email),
    ("zip", Location),
    ("zipcode", Location),
    ("postcode", Location),
    ("postalcode", Location),
    ("plz", Location),
    ("address", Location),
    ("addr", Location),
    ("street", Location),
    ("city", Location),
    ("town", Location),
    ("county", Location),
    ("district", Location),
    ("parish", Location),
    ("village", Location),
    ("suburb", Location),
    ("birthplace", Location),
    ("lat", Location),
    ("lon", Location),
    ("lng", Location),
    ("latitude", Location),
    ("longitude", Location),
    ("coordinates", Location),
    ("geolocation", Location),
    ("gps", Location),
    ("streetaddress", Location),
    ("homeaddress", Location),
    ("employer", Location),
    ("hospital", Location),
    ("facility", Location),
    ("clinic", Location),
    ("workplace", Location),
    ("school", Location),
    ("drivers", License),
    ("driverslicense", License),
    ("driverlicense", License),
    ("license", License),
    ("licence", License),
    ("npi", License),
    ("dea", License),
    ("deanumber", License),
    ("certificate", License),
    ("passport", Id),
    ("passportnumber", Id),
    ("taxid", Id),
    ("ein", Id),
    ("nationalid", Id),
    ("accession", Id),
    ("vin", Vehicle),
    ("licenseplate", Vehicle),
    ("plate", Vehicle),
    ("platenumber", Vehicle),
    ("udi", Device),
    ("imei", Device),
    ("macaddress", Device),
    ("serial", Device),
    ("serialnumber", Device),
    ("serialno", Device),
    ("deviceid", Device),
    ("deviceserial", Device),
    ("devicenumber", Device),
    ("url", Url),
    ("website", Url),
    ("homepage", Url),
    ("webaddress", Url),
    ("ip", Ip),
    ("ipaddress", Ip),
    ("ipaddr", Ip),
    ("clientip", Ip),
    ("remoteaddr", Ip),
    ("mbi", HealthPlan),
    ("hicn", HealthPlan),
    ("memberid", HealthPlan),
    ("membernumber", HealthPlan),
    ("subscriberid", HealthPlan),
    ("policynumber", HealthPlan),
    ("policyid", HealthPlan),
    ("groupnumber", HealthPlan),
    ("insuranceid", HealthPlan),
    ("insurancenumber", HealthPlan),
    ("healthplanid", HealthPlan),
    ("planid", HealthPlan),
    ("beneficiaryid", HealthPlan),
    ("medicareid", HealthPlan),
    ("medicaidid", HealthPlan),
    ("policyno", HealthPlan),
    ("account", Account),
    ("accountnumber", Account),
    ("accountno", Account),
    ("acctno", Account),
    ("iban", Account),
    ("creditcard", Account),
    ("cardnumber", Account),
    ("bankaccount", Account),
    ("routingnumber", Account),
    ("id", Id),
    ("uuid", Id),
    ("guid", Id),
    ("identifier", Id),
    ("encounter", Id),
    ("encounterid", Id),
    ("visitid", Id),
    ("csn", Id),
    ("fingerprint", Id),
    ("photo", Id),
];

/// How a name of several words ends (with the words before it, each said once).
const ENDS: &[(&str, PhiClass)] = &[
    ("email address", Email),
    ("e mail", Email),
    ("email", Email),
    ("ip address", Ip),
    ("mac address", Device),
    ("date of birth", Date),
    ("birth date", Date),
    ("date of death", Date),
    ("date", Date),
    ("datetime", Date),
    ("timestamp", Date),
    ("dt", Date),
    ("dttm", Date),
    ("birthdate", Date),
    ("dob", Date),
    ("date time", Date),
    ("phone", Phone),
    ("phone number", Phone),
    ("telephone", Phone),
    ("mobile", Phone),
    ("cell", Phone),
    ("phone no", Phone),
    ("mobile number", Phone),
    ("tel", Phone),
    ("fax", Fax),
    ("fax number", Fax),
    ("first name", Name),
    ("last name", Name),
    ("middle name", Name),
    ("maiden name", Name),
    ("full name", Name),
    ("given name", Name),
    ("family name", Name),
    ("surname", Name),
    ("initials", Name),
    ("sur name", Name),
    ("firstname", Name),
    ("lastname", Name),
    ("next of kin", Name),
    ("fullname", Name),
    ("given names", Name),
    ("zip", Location),
    ("zip code", Location),
    ("zipcode", Location),
    ("postal code", Location),
    ("postcode", Location),
    ("address", Location),
    ("address line", Location),
    ("addr", Location),
    ("street", Location),
    ("city", Location),
    ("county", Location),
    ("town", Location),
    ("birth place", Location),
    ("place of birth", Location),
    ("census tract", Location),
    ("latitude", Location),
    ("longitude", Location),
    ("facility name", Location),
    ("hospital name", Location),
    ("clinic name", Location),
    ("employer name", Location),
    ("school name", Location),
    ("hospital", Location),
    ("facility", Location),
    ("organization name", Location),
    ("practice name", Location),
    ("ssn", Ssn),
    ("social security number", Ssn),
    ("social security", Ssn),
    ("social security no", Ssn),
    ("mrn", Mrn),
    ("medical record number", Mrn),
    ("medical record no", Mrn),
    ("patient id", Mrn),
    ("chart no", Mrn),
    ("patient number", Mrn),
    ("hospital number", Mrn),
    ("chart number", Mrn),
    ("patient no", Mrn),
    ("member id", HealthPlan),
    ("subscriber id", HealthPlan),
    ("policy number", HealthPlan),
    ("member number", HealthPlan),
    ("insurance id", HealthPlan),
    ("insurance number", HealthPlan),
    ("plan id", HealthPlan),
    ("group number", HealthPlan),
    ("policy id", HealthPlan),
    ("policy no", HealthPlan),
    ("beneficiary id", HealthPlan),
    ("medicare number", HealthPlan),
    ("account number", Account),
    ("account no", Account),
    ("account id", Account),
    ("acct", Account),
    ("account", Account),
    ("card number", Account),
    ("credit card", Account),
    ("acct no", Account),
    ("acct num", Account),
    ("license", License),
    ("licence", License),
    ("license number", License),
    ("licence number", License),
    ("npi", License),
    ("license no", License),
    ("dea number", License),
    ("dea", License),
    ("certificate number", License),
    ("plate", Vehicle),
    ("plate number", Vehicle),
    ("vin", Vehicle),
    ("serial number", Device),
    ("serial no", Device),
    ("serial", Device),
    ("device id", Device),
    ("udi", Device),
    ("device identifier", Device),
    ("implant id", Device),
    ("url", Url),
    ("website", Url),
    ("ip", Ip),
    ("age", Age),
    ("age years", Age),
    ("passport", Id),
    ("passport number", Id),
    ("tax id", Id),
    ("uuid", Id),
    ("guid", Id),
    ("identifier", Id),
    ("accession number", Id),
    ("visit number", Id),
    ("encounter number", Id),
    ("order number", Id),
    ("accession no", Id),
];

/// People: a name that ends in `name` with one of these before it is a person's, one of these alone
/// is a person by name or number.
const PEOPLE: &[&str] = &[
    "patient",
    "pt",
    "person",
    "member",
    "subscriber",
    "insured",
    "guarantor",
    "provider",
    "physician",
    "doctor",
    "dr",
    "nurse",
    "clinician",
    "surgeon",
    "attending",
    "referring",
    "ordering",
    "consultant",
    "pcp",
    "practitioner",
    "author",
    "contact",
    "kin",
    "mother",
    "father",
    "spouse",
    "husband",
    "wife",
    "parent",
    "guardian",
    "child",
    "son",
    "daughter",
    "sibling",
    "brother",
    "sister",
    "relative",
    "user",
    "owner",
    "client",
    "customer",
    "recipient",
    "caregiver",
    "staff",
    "performer",
    "participant",
    "beneficiary",
    "subject",
    "reviewer",
    "signer",
    "technician",
    "therapist",
    "pharmacist",
    "dentist",
    "radiologist",
    "pathologist",
    "prescriber",
    "interpreter",
    "resident",
    "employee",
    "mothers",
    "fathers",
    "individual",
];

/// Words before `id` under which no person is numbered: vocabularies and types.
const THINGS: &[&str] = &[
    "concept",
    "code",
    "type",
    "class",
    "drug",
    "product",
    "language",
    "locale",
    "version",
    "unit",
    "units",
    "status",
    "category",
    "vocabulary",
    "domain",
    "test",
    "template",
    "loinc",
    "snomed",
    "icd",
    "cpt",
    "ndc",
    "rxnorm",
];

/// Column names of medical tables that say nothing about identity; with them a first row can be told
/// for a header.
const ORDINARY: &[&str] = &[
    "note",
    "notes",
    "text",
    "comment",
    "comments",
    "description",
    "code",
    "value",
    "units",
    "unit",
    "type",
    "status",
    "gender",
    "sex",
    "race",
    "ethnicity",
    "marital",
    "marital status",
    "diagnosis",
    "diagnoses",
    "icd",
    "cpt",
    "loinc",
    "result",
    "results",
    "test",
    "medication",
    "drug",
    "dose",
    "reason",
    "category",
    "start",
    "stop",
    "language",
    "prefix",
    "suffix",
    "title",
    "weight",
    "height",
    "bmi",
    "bp",
    "glucose",
    "department",
    "ward",
    "unit code",
    "cost",
    "reason code",
    "reason description",
    "allergy",
    "procedure",
    "history",
    "narrative",
    "report",
    "message",
    "label",
    "system",
    "quantity",
    "amount",
    "currency",
    "specialty",
    "summary",
    "assessment",
    "plan",
    "finding",
    "findings",
];

/// [`WHOLE`] and [`ENDS`] by name.
fn lookup() -> &'static (Classes, Classes) {
    static LOOKUP: OnceLock<(Classes, Classes)> = OnceLock::new();
    LOOKUP.get_or_init(|| (WHOLE.iter().copied().collect(), ENDS.iter().copied().collect()))
}

type Classes = HashMap<&'static str, PhiClass>;

fn meaning(words: &[String], joined: &str) -> Option<Meaning> {
    let last = words.last()?.as_str();
    let squashed = words.concat();
    if squashed == "name" {
        return Some(Meaning::BareName);
    }
    if let Some(class) = lookup().0.get(squashed.as_str()) {
        return Some(Meaning::Class(*class));
    }
    if matches!(last, "state" | "country" | "province" | "nation") && words.len() <= 3 {
        return Some(Meaning::State);
    }
    // The longest end that is known tells most.
    let ends = std::iter::once(0).chain(joined.match_indices(' ').map(|(at, _)| at + 1));
    if let Some(class) = ends.filter_map(|at| lookup().1.get(&joined[at..])).next() {
        return Some(Meaning::Class(*class));
    }
    let person = words.iter().any(|w| PEOPLE.contains(&w.as_str()));
    match last {
        "name" | "names" if person => Some(Meaning::Class(Name)),
        "id" | "ids" | "no" | "number" | "num" | "key" if person => Some(Meaning::Class(Id)),
        "id" | "ids" if !words.iter().any(|w| THINGS.contains(&w.as_str())) => Some(Meaning::Class(Id)),
        _ if PEOPLE.contains(&last) && words.len() <= 3 => Some(Meaning::Person),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], expected: Meaning) {
        for name in names {
            assert_eq!(Label::new(name).meaning, expected, "{name}");
        }
    }

    #[test]
    fn names_of_columns_and_keys() {
        check(
            &["BIRTHDATE", "dob", "DateOfBirth", "admission_date", "visitDt", "created_timestamp"],
            Meaning::Class(Date),
        );
        check(
            &["FIRST", "last_name", "patientName", "Provider Name", "Mother's Maiden Name", "PT_NAME"],
            Meaning::Class(Name),
        );
        check(&["SSN", "patient_ssn", "SocialSecurityNumber"], Meaning::Class(Ssn));
        check(&["mrn", "MRN", "patient_id", "PatientID"], Meaning::Class(Mrn));
        check(&["ZIP", "zip_code", "Address1", "address_line_2", "home address", "LAT"], Meaning::Class(Location));
        check(&["phone", "HomePhone", "phone2", "emergency_contact_phone"], Meaning::Class(Phone));
        check(&["email", "E-mail", "contact_email"], Meaning::Class(Email));
        check(&["provider", "attending_physician", "PATIENT"], Meaning::Person);
        check(&["encounter_id", "order_id", "uuid"], Meaning::Class(Id));
        check(
            &["concept_id", "drug_id", "note", "gender", "dosage", "drug_name", "test name", "update", "ship"],
            Meaning::Text,
        );
        check(&["state", "Country"], Meaning::State);
        check(&["name"], Meaning::BareName);
    }

    #[test]
    fn the_column_that_tells_patients_apart() {
        for yes in ["patient_id", "MRN", "Patient", "subjectId"] {
            assert!(Label::new(yes).patient, "{yes}");
        }
        assert!(!Label::new("provider_id").patient);
        assert_eq!(Label::new("homePhone2").words, "home phone");
    }
}
