//! The table of fields and components.

use std::collections::HashMap;
use std::sync::OnceLock;

type Parts = HashMap<usize, &'static str>;

fn table() -> &'static HashMap<&'static str, Parts> {
    static TABLE: OnceLock<HashMap<&'static str, Parts>> = OnceLock::new();
    TABLE.get_or_init(|| {
        include_str!("v2.tbl")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut words = line.split(' ');
                let name = words.next().filter(|name| !name.is_empty())?;
                let parts = words.filter_map(|word| {
                    let (number, what) = word.split_once(':')?;
                    Some((number.parse().ok()?, what))
                });
                Some((name, parts.collect()))
            })
            .collect()
    })
}

/// The fields of a segment or the components of a data type.
pub(super) fn parts(name: &str) -> Option<&'static Parts> {
    table().get(name)
}

/// The table's own word for a data type that OBX-2 names.
pub(super) fn observation_type(name: &str) -> &'static str {
    match name {
        "TX" | "FT" | "ST" | "" | "GTS" => "text",
        "NM" | "SI" | "NA" | "MA" => "num",
        "DT" | "TS" | "DTM" => "TS",
        "TM" => "keep",
        "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => "CE",
        "PN" | "XPN" => "XPN",
        "AD" | "XAD" | "SAD" => "XAD",
        "TN" | "XTN" => "XTN",
        "CK" | "CX" => "CX",
        "CN" | "XCN" => "XCN",
        "ED" => "ED",
        _ => table()
            .get_key_value(name)
            .filter(|(name, _)| name.len() == 2 || **name == "XON" || **name == "EIP")
            .map_or("auto", |(name, _)| *name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medlock_domain::PhiClass;

    #[test]
    fn every_word_of_the_table_is_a_type_or_an_action() {
        const ACTIONS: &[&str] =
            &["keep", "num", "text", "date", "agency", "affix", "STATE", "check", "contact", "obx", "auto", "version"];
        for (name, parts) in table() {
            for (number, what) in parts {
                let (what, class) = what.split_once('=').map_or((*what, None), |(what, class)| (what, Some(class)));
                assert!(
                    ACTIONS.contains(&what) || table().contains_key(what) || PhiClass::from_label(what).is_some(),
                    "{name}-{number}: {what}"
                );
                assert!(class.is_none_or(|c| PhiClass::from_label(c).is_some()), "{name}-{number}");
            }
        }
        assert!(table().len() > 60);
    }
}
