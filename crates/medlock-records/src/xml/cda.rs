//! What stands where in a C-CDA document (HL7 CDA Release 2, US Realm).

use medlock_domain::PhiClass;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::{Attribute, Walk, invalid, local};
use crate::error::RecordError;
use crate::value::{self, is_code, is_date, is_oid, is_uuid};
use crate::words::Label;

/// The key of whom a document is about: `recordTarget/patientRole/id`. It stands after dates that
/// depend on it, so it is looked for first.
pub(super) fn patient(source: &str) -> Result<Option<String>, RecordError> {
    let mut reader = Reader::from_str(source);
    let mut inside = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(e)) if local(&e) == "patientRole" => inside = true,
            Ok(Event::Start(e) | Event::Empty(e)) if inside && local(&e) == "id" => {
                let get = |name| e.try_get_attribute(name).ok().flatten().map(|a| a.value.into_owned());
                if let Some(key) = get("extension").or_else(|| get("root")) {
                    return Ok(Some(key));
                }
            }
            Ok(Event::End(e)) if inside && e.local_name().as_ref() == "patientRole" => return Ok(None),
            Ok(Event::Eof) => return Ok(None),
            Ok(_) => {}
            Err(_) => return Err(invalid("not well-formed", source, reader.error_position() as usize)),
        }
    }
}

/// Elements whose `value` is a point in time.
const TIMES: &[&str] =
    &["effectiveTime", "time", "birthTime", "deceasedTime", "signatureTime", "availabilityTime", "expirationTime"];

/// HL7's spelling of a time: digits, a fraction, a zone.
pub(super) fn is_point_in_time(value: &str) -> bool {
    value.len() >= 4
        && value.bytes().take(4).all(|b| b.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_digit() || b".+-".contains(&b))
}

const ADDRESS: &[&str] = &[
    "addr",
    "streetAddressLine",
    "city",
    "postalCode",
    "county",
    "houseNumber",
    "houseNumberNumeric",
    "streetName",
    "streetNameBase",
    "streetNameType",
    "precinct",
    "censusTract",
    "additionalLocator",
    "unitID",
    "unitType",
    "deliveryAddressLine",
    "postBox",
    "direction",
    "careOf",
    "buildingNumberSuffix",
    "deliveryInstallationArea",
];

impl Walk<'_, '_, '_> {
    /// Text of an element.
    pub(super) fn cda_text(&mut self, old: &str, path: &str) -> Result<String, RecordError> {
        let name = self.above(0);
        let class = match name {
            "given" | "family" => Some(PhiClass::Name),
            "prefix" | "suffix" if old.trim().len() <= 8 && !old.bytes().any(|b| b.is_ascii_digit()) => {
                return Ok(old.to_owned());
            }
            "prefix" | "suffix" => Some(PhiClass::Name),
            "name" => self.name_class(),
            "state" | "country" if value::is_state_or_country(old) => return Ok(old.to_owned()),
            "lotNumberText" | "deviceId" => Some(PhiClass::Device),
            "signatureText" => Some(PhiClass::Id),
            _ if ADDRESS.contains(&name) => Some(PhiClass::Location),
            _ => None,
        };
        match class {
            Some(class) => self.field(class, old, path),
            None => {
                let cue =
                    if matches!(name, "text" | "title" | "value") { String::new() } else { Label::new(name).words };
                self.work.searched(&cue, old, path)
            }
        }
    }

    /// Whose name an element called `name` holds; drugs and substances have one, too.
    fn name_class(&self) -> Option<PhiClass> {
        let of = self.above(1);
        if of.ends_with("Person") || matches!(of, "patient" | "informationRecipient" | "subject" | "guardian") {
            Some(PhiClass::Name)
        } else if of.ends_with("Organization")
            || matches!(of, "healthCareFacility" | "place" | "location" | "birthplace" | "scopingEntity" | "custodian")
        {
            Some(PhiClass::Location)
        } else {
            None
        }
    }

    /// `section/text` and what is in it.
    pub(super) fn in_narrative(&self) -> bool {
        self.stack.windows(2).any(|pair| pair[0].name == "section" && pair[1].name == "text")
    }

    /// The value of an attribute.
    pub(super) fn cda_attribute(&mut self, at: usize, all: &[Attribute], path: &str) -> Result<String, RecordError> {
        let Attribute { name, value, .. } = &all[at];
        let get = |name: &str| all.iter().find(|a| a.name == name).map(|a| a.value.as_str());
        let element = self.above(0).to_owned();
        let instance = matches!(element.as_str(), "id" | "setId");
        match name.as_str() {
            "extension" if instance => {
                let class = self.id_class(get("root").unwrap_or_default());
                self.field(class, value, path)
            }
            // A root with an extension names who numbers; alone it is the number.
            "root" if instance && (is_uuid(value) || get("extension").is_none() && is_oid(value)) => {
                self.work.link(value, path)
            }
            "value" if element == "telecom" => self.telecom(value, path),
            "value" if element == "reference" && !value.starts_with('#') => self.field(PhiClass::Url, value, path),
            "value" if self.is_time(&element, get("unit").is_some()) => self.field(PhiClass::Date, value, path),
            "value" if get("unit").is_none() && is_date(value) => self.field(PhiClass::Date, value, path),
            "value" if get("unit") == Some("a") => self.field(PhiClass::Age, value, path),
            // Templates carry the date of their version.
            "extension"
                if matches!(element.as_str(), "templateId" | "typeId") && (is_code(value) || is_date(value)) =>
            {
                Ok(value.clone())
            }
            "displayName" | "codeSystemName" | "assigningAuthorityName" | "title" => {
                self.work.searched("", value, path)
            }
            "href" if !value.starts_with('#') => self.work.text("", value, path),
            _ if is_code(value) || value.starts_with('#') && is_code(&value[1..]) => Ok(value.clone()),
            _ => self.work.searched(&Label::new(name).words, value, path),
        }
    }

    fn is_time(&self, element: &str, with_unit: bool) -> bool {
        let part = matches!(element, "low" | "high" | "center");
        !with_unit && (TIMES.contains(&element) || part && TIMES.contains(&self.above(1)))
    }

    /// The class of an id by the object identifier of who gives it (HL7 OID registry), or by where
    /// it stands.
    fn id_class(&self, root: &str) -> PhiClass {
        match root {
            "2.16.840.1.113883.4.1" => PhiClass::Ssn,
            "2.16.840.1.113883.4.6" | "2.16.840.1.113883.4.814" => PhiClass::License,
            "2.16.840.1.113883.4.572" | "2.16.840.1.113883.4.927" => PhiClass::HealthPlan,
            "2.16.840.1.113883.3.3719" => PhiClass::Device,
            _ if root.starts_with("2.16.840.1.113883.4.3.") => PhiClass::License,
            _ => match self.above(1) {
                "patientRole" | "patient" => PhiClass::Mrn,
                "participantRole" if self.within("playingDevice") => PhiClass::Device,
                _ => PhiClass::Id,
            },
        }
    }

    /// `tel:`, `mailto:` and the like; what stands before the colon stays.
    fn telecom(&mut self, value: &str, path: &str) -> Result<String, RecordError> {
        let (scheme, rest) = match value.split_once(':') {
            Some((scheme, rest)) if matches!(scheme, "tel" | "fax" | "mailto" | "sms") => (scheme, rest),
            _ => ("", value),
        };
        let class = match scheme {
            "tel" | "sms" => PhiClass::Phone,
            "fax" => PhiClass::Fax,
            "mailto" => PhiClass::Email,
            _ => value::contact(value).unwrap_or(PhiClass::Phone),
        };
        let new = self.field(class, rest, path)?;
        Ok(if scheme.is_empty() { new } else { format!("{scheme}:{new}") })
    }
}
