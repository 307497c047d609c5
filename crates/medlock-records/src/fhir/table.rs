//! The table of elements: which type or action stands at which place of which type.

use std::collections::HashMap;
use std::sync::OnceLock;

type Elements = HashMap<&'static str, &'static str>;

/// All types by name.
fn types() -> &'static HashMap<&'static str, Elements> {
    static TYPES: OnceLock<HashMap<&'static str, Elements>> = OnceLock::new();
    TYPES.get_or_init(|| {
        include_str!("r4.tbl")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut words = line.split(' ');
                let name = words.next().filter(|name| !name.is_empty())?;
                Some((name, words.filter_map(|word| word.split_once(':')).collect()))
            })
            .collect()
    })
}

/// Whether the table has such a type.
pub(super) fn is_type(name: &str) -> bool {
    types().contains_key(name)
}

/// Whether the table has a resource of this name.
pub(super) fn is_resource(name: &str) -> bool {
    is_type(name)
        && !name.contains('.')
        && (types()[name].contains_key("identifier") || CARRIERS.contains(&name))
        && name != "Reference"
}

const CARRIERS: &[&str] = &["Bundle", "Binary", "Provenance", "OperationOutcome"];

/// What stands in an element; `None` for one the table does not know.
pub(super) fn element(of: &str, key: &str) -> Option<&'static str> {
    let elements = types().get(of)?;
    let own = elements.get(key).copied().or_else(|| choice(elements, key));
    own.or_else(|| if is_resource(of) { types()["Resource"].get(key).copied() } else { None }).or(match key {
        "id" if is_resource(of) => Some("id"),
        "id" => Some("keep"),
        "extension" | "modifierExtension" => Some("Extension"),
        _ => None,
    })
}

/// `valueQuantity` is `value[x]` with a Quantity in it. What a choice says itself holds for strings.
fn choice(elements: &Elements, key: &str) -> Option<&'static str> {
    let (base, what) =
        elements.iter().filter_map(|(name, what)| name.strip_suffix("[x]").map(|base| (base, *what))).find(
            |(base, _)| key.strip_prefix(base).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())),
        )?;
    match &key[base.len()..] {
        "String" | "Markdown" => Some(if matches!(what, "date" | "keep") { "text" } else { what }),
        suffix => by_suffix(suffix),
    }
}

/// The type that the end of an element's name tells.
pub(super) fn by_suffix(suffix: &str) -> Option<&'static str> {
    Some(match suffix {
        "Date" | "DateTime" => "date",
        "Instant" => "instant",
        "Time" => "time",
        "Boolean" | "Code" => "keep",
        "Integer" | "Decimal" | "PositiveInt" | "UnsignedInt" | "Integer64" => "num",
        "Uri" | "Url" | "Canonical" => "system",
        "Oid" | "Uuid" | "Id" => "ID",
        "Base64Binary" => "remove",
        "String" | "Markdown" => "text",
        _ => types().get_key_value(suffix).filter(|_| !is_resource(suffix)).map(|(name, _)| *name)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use medlock_domain::PhiClass;

    #[test]
    fn every_word_of_the_table_is_a_type_or_an_action() {
        const ACTIONS: &[&str] = &[
            "keep", "num", "date", "instant", "time", "text", "data", "uri", "system", "id", "ref", "request",
            "resource", "xhtml", "remove", "STATE", "affix", "contact",
        ];
        for (name, elements) in types() {
            for (element, what) in elements {
                assert!(
                    is_type(what) || ACTIONS.contains(what) || PhiClass::from_label(what).is_some(),
                    "{name}.{element}: {what}"
                );
            }
        }
        assert!(types().len() > 100);
    }

    #[test]
    fn no_type_is_a_resource_by_mistake() {
        for resource in ["Patient", "Bundle", "Binary", "Observation", "Claim", "Location"] {
            assert!(is_resource(resource), "{resource}");
        }
        for other in ["Reference", "HumanName", "Identifier", "Claim.insurance", "Element", "Resource", "Extension"] {
            assert!(!is_resource(other), "{other}");
        }
    }

    #[test]
    fn choices_and_common_elements() {
        assert_eq!(element("Observation", "valueQuantity"), Some("Quantity"));
        assert_eq!(element("Observation", "valueString"), Some("text"));
        assert_eq!(element("Observation", "effectivePeriod"), Some("Period"));
        assert_eq!(element("Annotation", "authorString"), Some("NAME"));
        assert_eq!(element("Annotation", "authorReference"), Some("Reference"));
        assert_eq!(element("Patient", "deceasedDateTime"), Some("date"));
        assert_eq!(element("Patient", "id"), Some("id"));
        assert_eq!(element("HumanName", "id"), Some("keep"));
        assert_eq!(element("Patient.contact", "extension"), Some("Extension"));
        assert_eq!(element("Extension", "valueAddress"), Some("Address"));
        assert_eq!(element("Patient", "favouriteColour"), None);
        assert_eq!(element("Observation", "valuePatient"), None);
    }
}
