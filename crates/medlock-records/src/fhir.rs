//! FHIR R4 as JSON: the table of elements says what stands where; what it does not know is searched
//! and counted.

mod attachment;
mod link;
mod table;

use medlock_domain::PhiClass;

use crate::error::{Place, RecordError};
use crate::json::tree::{Kind, Member, Value};
use crate::value::{self, is_code, is_plain_uri, is_schema_name, is_vocabulary};
use crate::words::Label;
use crate::work::Work;
use crate::xml;

/// Whether this is a FHIR resource: an object that says of which type it is.
pub(crate) fn is_resource(value: &Value) -> bool {
    value.text("resourceType").is_some()
}

/// A resource that is a document of its own. A Bundle about one patient is one document; one about
/// several begins another with each entry.
pub(crate) fn document(value: &mut Value, work: &mut Work<'_>) -> Result<(), RecordError> {
    let mut walk = Walk { work, per_entry: false };
    match patients(value) {
        Patients::Several => {
            walk.work.document(None);
            walk.per_entry = true;
        }
        Patients::One(patient) => walk.work.document(Some(&patient)),
        Patients::Nobody => walk.work.document(None),
    }
    walk.resource(value, "")
}

/// A resource inside other JSON, whose document has begun already.
pub(crate) fn element_of_json(value: &mut Value, work: &mut Work<'_>) -> Result<(), RecordError> {
    Walk { work, per_entry: false }.resource(value, "")
}

enum Patients {
    Nobody,
    One(String),
    Several,
}

fn patients(value: &Value) -> Patients {
    let entries = value.get("entry").filter(|_| value.text("resourceType") == Some("Bundle"));
    let Some(entries) = entries else {
        return patient(value).map_or(Patients::Nobody, Patients::One);
    };
    let mut found: Option<String> = None;
    for key in entries.items().iter().filter_map(|e| e.get("resource")).filter_map(patient) {
        match &found {
            Some(other) if *other != key => return Patients::Several,
            _ => found = Some(key),
        }
    }
    found.map_or(Patients::Nobody, Patients::One)
}

/// Whom a resource is about.
fn patient(resource: &Value) -> Option<String> {
    if resource.text("resourceType") == Some("Patient") {
        return resource.text("id").map(str::to_owned);
    }
    ["subject", "patient", "beneficiary"].iter().find_map(|key| {
        let reference = resource.get(key)?.text("reference")?;
        link::patient_id(reference).map(str::to_owned)
    })
}

pub(super) struct Walk<'w, 'a> {
    work: &'w mut Work<'a>,
    /// Whether each entry of the Bundle is a document of its own.
    per_entry: bool,
}

/// Where the walk stands: what is known of the elements around a value.
#[derive(Clone, Copy)]
struct At<'p> {
    /// The name of the element.
    key: &'p str,
    /// The name of the element around it.
    above: &'p str,
    path: &'p str,
}

impl At<'_> {
    /// What free text here is about: the element's name, unless it says no more than `text` does.
    fn cue(&self) -> String {
        let plain = matches!(self.key, "text" | "display" | "value" | "div" | "data" | "url" | "reference")
            || self.key.starts_with("value");
        Label::new(if plain { self.above } else { self.key }).words
    }
}

impl Walk<'_, '_> {
    fn resource(&mut self, value: &mut Value, path: &str) -> Result<(), RecordError> {
        let name = value.text("resourceType").unwrap_or_default().to_owned();
        let shown = if is_schema_name(&name) { name.as_str() } else { "?" };
        let path = if path.is_empty() { shown.to_owned() } else { format!("{path}.{shown}") };
        if shown == "?" {
            let what = "a resourceType that is no name";
            return Err(RecordError::Invalid { format: crate::Format::Fhir, what, at: Place::path(path) });
        }
        if !table::is_resource(&name) {
            self.work.report.unknown(&path);
        }
        if name == "Binary" {
            attachment::rewrite(value, self.work, &path)?;
        }
        self.object(value, &name, &path)
    }

    /// The members of a value of type `of`.
    fn object(&mut self, value: &mut Value, of: &str, path: &str) -> Result<(), RecordError> {
        match of {
            "Attachment" => attachment::rewrite(value, self.work, path)?,
            "Reference" => self.display(value, path)?,
            "Identifier" => return self.identifier(value, path),
            "ContactPoint" => self.contact(value, path)?,
            "Quantity" | "Age" => self.age(value, path)?,
            "Extension" => return self.extension(value, path),
            _ => {}
        }
        let Kind::Object(members) = &mut value.kind else { return Ok(()) };
        let about_entry = self.per_entry && of == "Bundle.entry";
        if about_entry {
            let key = members.iter().find(|m| m.key == "resource").and_then(|m| patient(&m.value));
            self.work.document(key.as_deref());
        }
        // Whoever is named in a field is then looked for in texts, so texts come last.
        for last in [false, true] {
            for member in members.iter_mut() {
                let text =
                    matches!(table::element(of, &member.key), Some("Narrative" | "Annotation" | "text" | "Attachment"));
                if text == last && member.key != "resourceType" && !member.value.removed && !handled(of, &member.key) {
                    self.member(member, of, path)?;
                }
            }
        }
        Ok(())
    }

    fn member(&mut self, member: &mut Member, of: &str, path: &str) -> Result<(), RecordError> {
        let Member { key, value, .. } = member;
        let shown = if is_schema_name(key) { key.as_str() } else { "?" };
        let inner = format!("{path}.{shown}");
        if shown == "?" {
            // No element of FHIR is called like this; the name itself might be an identifier.
            value.removed = true;
            self.work.report.removed("an element that cannot be one of FHIR's", &inner);
            return Ok(());
        }
        let above = path.rsplit('.').next().unwrap_or_default();
        let at = At { key, above, path: &inner };
        // `_birthDate` carries the extensions of `birthDate`.
        if key.starts_with('_') {
            return self.typed(value, "Element", at);
        }
        let what = table::element(of, key);
        let what = what.or_else(|| if of == "Element" { None } else { guess_name(key) });
        match what {
            Some(what) if table::element(of, key).is_some() => self.typed(value, what, at),
            _ => {
                self.work.report.unknown(&inner);
                match what {
                    Some(what) => self.typed(value, what, at),
                    None => self.unknown(value, at),
                }
            }
        }
    }

    /// A value of which the table says what it is.
    fn typed(&mut self, value: &mut Value, what: &str, at: At<'_>) -> Result<(), RecordError> {
        if let Kind::Array(items) = &mut value.kind {
            if what == "Bundle.entry" && !self.per_entry {
                for last in [false, true] {
                    for item in items.iter_mut().filter(|item| names_people(item) != last) {
                        self.typed(item, what, at)?;
                    }
                }
            } else {
                items.iter_mut().try_for_each(|item| self.typed(item, what, at))?;
            }
            // FHIR knows no empty arrays.
            value.removed |= !items.is_empty() && items.iter().all(|v| v.removed);
            return Ok(());
        }
        match (what, &value.kind) {
            ("remove", _) => {
                value.removed = true;
                self.work.report.removed("not inspected", at.path);
                Ok(())
            }
            (_, Kind::Null | Kind::Bool) => Ok(()),
            ("resource", Kind::Object(_)) if is_resource(value) => self.resource(value, at.path),
            (_, Kind::Object(_)) if table::is_type(what) => self.object(value, what, at.path),
            (_, Kind::Object(_)) => self.unknown(value, at),
            _ if table::is_type(what) || what == "resource" => {
                // A bare value where FHIR has an element: not valid, yet it must not pass.
                self.work.report.unknown(at.path);
                let class = match what {
                    "HumanName" => "NAME",
                    "Address" => "LOCATION",
                    "Identifier" => "ID",
                    "ContactPoint" => "contact",
                    _ => "text",
                };
                self.primitive(value, class, at)
            }
            _ => self.primitive(value, what, at),
        }
    }

    fn primitive(&mut self, value: &mut Value, what: &str, at: At<'_>) -> Result<(), RecordError> {
        let old = match &value.kind {
            Kind::String(s) => s.clone(),
            Kind::Number(n) => n.clone(),
            _ => return Ok(()),
        };
        if matches!(value.kind, Kind::Number(_)) {
            return self.number(value, &old, what, at);
        }
        let new = match what {
            "keep" | "time" | "num" if is_code(&old) => return Ok(()),
            "data" if old.bytes().all(|b| b.is_ascii_digit() || b" .-+EUL".contains(&b)) => return Ok(()),
            "uri" if is_plain_uri(&old) => return Ok(()),
            "system" if is_vocabulary(&old) => return Ok(()),
            "affix" if old.len() <= 12 && old.bytes().all(|b| b.is_ascii_alphabetic() || b". ".contains(&b)) => {
                return Ok(());
            }
            "STATE" if value::is_state_or_country(&old) => return Ok(()),
            "STATE" => self.work.text("state", &old, at.path)?,
            "affix" => self.work.field(PhiClass::Name, &old, at.path)?,
            "date" | "instant" => return self.date(value, &old, what == "instant", at),
            "id" => self.work.link(&old, at.path)?,
            "ref" => match link::reference(&old, self.work, at.path)? {
                Some(new) => new,
                None => return self.leave_out(value, "a reference by search", at),
            },
            "request" => match link::request(&old, self.work, at.path)? {
                Some(new) => new,
                None => return self.leave_out(value, "a request that searches", at),
            },
            "xhtml" => match xml::fragment(&old, self.work, at.path) {
                Ok(new) => new,
                Err(RecordError::Invalid { .. } | RecordError::Refused { .. }) => {
                    return self.leave_out(value, "a narrative that is not well-formed", at);
                }
                Err(e) => return Err(e),
            },
            "contact" => {
                let class = value::contact(&old).unwrap_or(PhiClass::Phone);
                self.work.field(class, &old, at.path)?
            }
            _ => match PhiClass::from_label(what) {
                Some(class) => self.work.field(class, &old, at.path)?,
                None => self.work.searched(&at.cue(), &old, at.path)?,
            },
        };
        if matches!(what, "uri" | "system") && new != old && !is_plain_uri(&new) {
            return self.leave_out(value, "an address", at);
        }
        if new != old {
            value.replace_with_string(&new);
        }
        Ok(())
    }

    /// FHIR's numbers cannot be written as text, so that one that names somebody is left out.
    fn number(&mut self, value: &mut Value, old: &str, what: &str, at: At<'_>) -> Result<(), RecordError> {
        let class = PhiClass::from_label(what);
        let digits = old.bytes().filter(u8::is_ascii_digit).count();
        let new = match class {
            Some(class) => self.work.field(class, old, at.path)?,
            None if digits < 7 => return Ok(()),
            None => self.work.text(&at.cue(), old, at.path)?,
        };
        if new == old {
            return Ok(());
        }
        match Value::parse(&new) {
            Ok(Value { kind: Kind::Number(_), .. }) => value.replace_number(&new),
            _ => return self.leave_out(value, "a number that identifies", at),
        }
        Ok(())
    }

    fn date(&mut self, value: &mut Value, old: &str, instant: bool, at: At<'_>) -> Result<(), RecordError> {
        let new = self.work.field(PhiClass::Date, old, at.path)?;
        if new == old {
            // Kept because the rewriter says so; what is no date at all is not its to keep.
            if is_fhir_date(old, instant) {
                return Ok(());
            }
            return self.leave_out(value, "a date that is none", at);
        }
        if !is_fhir_date(&new, instant) {
            return self.leave_out(value, "a date without a valid replacement", at);
        }
        value.replace_with_string(&new);
        Ok(())
    }

    fn leave_out(&mut self, value: &mut Value, why: &str, at: At<'_>) -> Result<(), RecordError> {
        value.removed = true;
        self.work.report.removed(why, at.path);
        Ok(())
    }

    /// A value of which only its name and looks are known.
    fn unknown(&mut self, value: &mut Value, at: At<'_>) -> Result<(), RecordError> {
        if let Kind::Array(items) = &mut value.kind {
            return items.iter_mut().try_for_each(|v| self.unknown(v, at));
        }
        if is_resource(value) {
            return self.resource(value, at.path);
        }
        match &mut value.kind {
            Kind::Object(_) => {
                let of = guess_type(value).unwrap_or("Unknown");
                self.object(value, of, at.path)
            }
            Kind::String(old) => {
                let mut label = Label::new(at.key);
                label.words = at.cue();
                let new = self.work.labelled(&label, old, at.path)?;
                if new != *old {
                    value.replace_with_string(&new);
                }
                Ok(())
            }
            Kind::Number(old) => {
                let old = old.clone();
                self.number(value, &old, "text", at)
            }
            Kind::Array(_) | Kind::Null | Kind::Bool => Ok(()),
        }
    }

    /// Whose name a reference shows depends on what it points to.
    fn display(&mut self, value: &mut Value, path: &str) -> Result<(), RecordError> {
        let target = value.text("reference").and_then(link::target).or(value.text("type"));
        let element = path.rsplit('.').next().unwrap_or_default();
        let class = match target {
            Some("Patient" | "Practitioner" | "RelatedPerson" | "Person" | "PractitionerRole") => Some(PhiClass::Name),
            Some("Organization" | "Location") => Some(PhiClass::Location),
            Some("Device") => Some(PhiClass::Device),
            Some("Coverage") => Some(PhiClass::HealthPlan),
            Some(_) => None,
            None => match element {
                "subject"
                | "patient"
                | "performer"
                | "author"
                | "practitioner"
                | "individual"
                | "asserter"
                | "recorder"
                | "requester"
                | "beneficiary"
                | "subscriber"
                | "policyHolder"
                | "generalPractitioner"
                | "authenticator"
                | "attender"
                | "who"
                | "actor"
                | "member"
                | "party"
                | "sender"
                | "recipient"
                | "source"
                | "enterer"
                | "provider"
                | "authorReference"
                | "operator"
                | "collector" => Some(PhiClass::Name),
                "managingOrganization"
                | "serviceProvider"
                | "organization"
                | "location"
                | "custodian"
                | "insurer"
                | "facility"
                | "partOf" => Some(PhiClass::Location),
                _ => None,
            },
        };
        let (Some(class), Some(display)) = (class, value.get_mut("display")) else {
            return self.searched_display(value, path);
        };
        if let Some(old) = display.as_str() {
            let new = self.work.field(class, old, path)?;
            display.replace_with_string(&new);
        }
        Ok(())
    }

    fn searched_display(&mut self, value: &mut Value, path: &str) -> Result<(), RecordError> {
        let Some(display) = value.get_mut("display") else { return Ok(()) };
        self.typed(display, "text", At { key: "display", above: path.rsplit('.').next().unwrap_or_default(), path })
    }

    fn identifier(&mut self, value: &mut Value, path: &str) -> Result<(), RecordError> {
        let class = identifier_class(value, path);
        let Kind::Object(members) = &mut value.kind else { return Ok(()) };
        for member in members {
            if member.key == "value" {
                let inner = format!("{path}.value");
                let at = At { key: "value", above: "identifier", path: &inner };
                self.typed(&mut member.value, class.label(), at)?;
            } else {
                self.member(member, "Identifier", path)?;
            }
        }
        Ok(())
    }

    fn contact(&mut self, value: &mut Value, path: &str) -> Result<(), RecordError> {
        let class = match value.text("system") {
            Some("phone" | "pager" | "sms") => Some(PhiClass::Phone),
            Some("fax") => Some(PhiClass::Fax),
            Some("email") => Some(PhiClass::Email),
            Some("url") => Some(PhiClass::Url),
            _ => value.text("value").and_then(value::contact),
        };
        let inner = format!("{path}.value");
        let Some(contact) = value.get_mut("value") else { return Ok(()) };
        let at = At { key: "value", above: "contact", path: &inner };
        self.typed(contact, class.unwrap_or(PhiClass::Phone).label(), at)
    }

    /// A quantity in years that is an age over 89, whatever it measures.
    fn age(&mut self, value: &mut Value, path: &str) -> Result<(), RecordError> {
        let unit = value.text("code").or(value.text("unit")).unwrap_or_default();
        let years = matches!(unit, "a" | "yr" | "y" | "year" | "years" | "yrs");
        let inner = format!("{path}.value");
        let Some(number) = value.get_mut("value").filter(|_| years) else { return Ok(()) };
        self.typed(number, PhiClass::Age.label(), At { key: "value", above: "age", path: &inner })
    }

    /// An extension, whose name may say what its value is.
    fn extension(&mut self, value: &mut Value, path: &str) -> Result<(), RecordError> {
        let url = value.text("url").unwrap_or_default().to_owned();
        if !is_plain_uri(&url) {
            value.removed = true;
            self.work.report.removed("an extension without a proper name", path);
            return Ok(());
        }
        let name = url.rsplit(['/', ':', '#']).next().unwrap_or_default();
        if name.ends_with("eolocation") {
            value.removed = true;
            self.work.report.removed("a geographic position", path);
            return Ok(());
        }
        let class = match name {
            _ if name.contains("aidenName") || name.contains("humanname") || name.starts_with("iso21090-EN") => {
                Some("NAME")
            }
            _ if name.starts_with("iso21090-ADXP") || name.contains("irthPlace") => Some("LOCATION"),
            _ => None,
        };
        let label = Label::new(name.trim_start_matches("patient-"));
        let inner = format!("{path}.value");
        let Kind::Object(members) = &mut value.kind else { return Ok(()) };
        for member in members {
            let at = At { key: name, above: name, path: &inner };
            match member.key.as_str() {
                "url" => {}
                "valueString" | "valueMarkdown" => match (class, &member.value.kind) {
                    (Some(class), _) => self.primitive(&mut member.value, class, at)?,
                    (None, Kind::String(old)) => {
                        let new = self.work.labelled(&label, old, &inner)?;
                        if new != *old {
                            member.value.replace_with_string(&new);
                        }
                    }
                    (None, _) => self.unknown(&mut member.value, at)?,
                },
                _ => self.member(member, "Extension", path)?,
            }
        }
        Ok(())
    }
}

/// Whether a Bundle's entry is about somebody who may be named in the others' texts.
fn names_people(entry: &Value) -> bool {
    let kind = entry.get("resource").and_then(|r| r.text("resourceType")).unwrap_or_default();
    matches!(
        kind,
        "Patient"
            | "RelatedPerson"
            | "Person"
            | "Practitioner"
            | "PractitionerRole"
            | "Organization"
            | "Location"
            | "Coverage"
    )
}

/// Members that a type's own rule has seen to before the table is asked.
fn handled(of: &str, key: &str) -> bool {
    matches!((of, key), ("Reference", "display") | ("ContactPoint", "value"))
        || matches!((of, key), ("Attachment" | "Binary", "data"))
}

fn identifier_class(identifier: &Value, path: &str) -> PhiClass {
    let codes = identifier.get("type").and_then(|t| t.get("coding")).map(Value::items).unwrap_or_default();
    if let Some(class) = codes.iter().filter_map(|c| c.text("code")).find_map(crate::value::identifier_type) {
        return class;
    }
    let system = identifier.text("system").unwrap_or_default().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| system.contains(w));
    if says(&["us-ssn", "/ssn", "113883.4.1"]) && !says(&["113883.4.1."]) {
        PhiClass::Ssn
    } else if says(&["us-npi", "/npi", "license", "113883.4.3.", "113883.4.6", "/dea"]) {
        PhiClass::License
    } else if says(&["us-mbi", "medicare", "medicaid", "member", "subscriber", "insur", "policy"]) {
        PhiClass::HealthPlan
    } else if says(&["udi", "gs1", "serial", "device"]) {
        PhiClass::Device
    } else if says(&["account"]) {
        PhiClass::Account
    } else if says(&["mrn", "medical-record", "medicalrecord"]) || path == "Patient.identifier" {
        PhiClass::Mrn
    } else if path.starts_with("Coverage.") {
        PhiClass::HealthPlan
    } else {
        PhiClass::Id
    }
}

/// What an element is that the table does not have, by its name: the elements that many resources
/// share, and names that end in a type.
fn guess_name(key: &str) -> Option<&'static str> {
    Some(match key {
        "identifier" => "Identifier",
        "subject" | "patient" | "encounter" | "performer" | "author" | "basedOn" | "partOf" => "Reference",
        "code" | "category" | "reasonCode" => return None,
        "status" | "language" | "intent" | "priority" => "keep",
        "note" => "Annotation",
        "photo" => "remove",
        "telecom" => "ContactPoint",
        "address" => "Address",
        "meta" => "Meta",
        "contained" => "resource",
        _ => {
            let hump = key.char_indices().filter(|(i, c)| *i > 0 && c.is_ascii_uppercase());
            return hump.map(|(i, _)| &key[i..]).find_map(table::by_suffix);
        }
    })
}

/// What an object is, by the names in it.
fn guess_type(value: &Value) -> Option<&'static str> {
    let has = |key: &str| value.get(key).is_some();
    let guess = if has("reference") {
        "Reference"
    } else if has("coding") {
        "CodeableConcept"
    } else if has("contentType") || has("data") && has("hash") {
        "Attachment"
    } else if has("family") || has("given") {
        "HumanName"
    } else if has("postalCode") || has("city") || has("line") {
        "Address"
    } else if has("system") && has("code") && !has("value") {
        "Coding"
    } else if has("system") && has("value") && has("code") || has("unit") {
        "Quantity"
    } else if matches!(value.text("system"), Some("phone" | "fax" | "email" | "pager" | "url" | "sms")) {
        "ContactPoint"
    } else if has("system") && has("value") {
        "Identifier"
    } else if has("start") || has("end") {
        "Period"
    } else if has("url") && matches!(&value.kind, Kind::Object(m) if m.iter().any(|m| m.key.starts_with("value"))) {
        "Extension"
    } else {
        return None;
    };
    Some(guess)
}

/// YYYY, YYYY-MM, YYYY-MM-DD or, with a zone, to the second; an instant has all of it.
fn is_fhir_date(s: &str, instant: bool) -> bool {
    let shape: String = s.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let day = "9999-99-99";
    let zoned = |rest: &str| {
        let rest = rest.strip_prefix("T99:99:99").unwrap_or_default();
        let zone = rest.strip_prefix('.').map_or(rest, |fraction| fraction.trim_start_matches('9'));
        matches!(zone, "Z" | "+99:99" | "-99:99")
    };
    match shape.strip_prefix(day) {
        Some("") => !instant,
        Some(rest) => zoned(rest),
        None => !instant && matches!(shape.as_str(), "9999" | "9999-99"),
    }
}
