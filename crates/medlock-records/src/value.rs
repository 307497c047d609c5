//! What a single value looks like.

use medlock_domain::PhiClass;

/// 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_uuid(s: &str) -> bool {
    s.len() == 36
        && s.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Dotted numbers, three arcs or more, the first of them 0, 1 or 2.
pub(crate) fn is_oid(s: &str) -> bool {
    s.starts_with(['0', '1', '2'])
        && s.split('.').count() >= 3
        && s.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()))
        && s.split('.').next().is_some_and(|first| first.len() == 1)
}

/// A word of a code list: no white space, not long, and not the shape of a number that names a
/// person. Whatever is not is searched.
pub(crate) fn is_code(s: &str) -> bool {
    s.len() <= 40
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:/+*%<>=&".contains(&b))
        && !(is_grouped(s) || is_date(s) && s.len() > 7)
}

/// Digits in groups, as in a social security or telephone number (`123-45-6789`, `781.555.1212`).
fn is_grouped(s: &str) -> bool {
    let groups: Vec<&str> = s.split(['-', '.']).collect();
    let lengths: Vec<usize> = groups.iter().map(|g| g.len()).collect();
    groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_digit()))
        && matches!(lengths[..], [3, 2, 4] | [3, 3, 4] | [1, 3, 3, 4] | [3, 4])
}

/// The computer's spellings of a date or a time: ISO 8601 to the day or month, `YYYYMMDD[hhmm…]`,
/// `M/D/YYYY`. A year alone is none (45 CFR 164.514(b)(2)(i)(C)).
pub(crate) fn is_date(s: &str) -> bool {
    let digits = |from: usize, n: usize| s.get(from..from + n).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()));
    let number = |from: usize, n: usize| s.get(from..from + n).and_then(|d| d.parse::<u32>().ok()).unwrap_or(0);
    let year = digits(0, 4) && (1800..=2200).contains(&number(0, 4));
    let iso = year
        && s.as_bytes().get(4) == Some(&b'-')
        && digits(5, 2)
        && (1..=12).contains(&number(5, 2))
        && (s.len() == 7
            || s.as_bytes().get(7) == Some(&b'-')
                && digits(8, 2)
                && (s.len() == 10 || matches!(s.as_bytes()[10], b'T' | b't' | b' ')));
    let basic = year
        && s.len() >= 8
        && digits(4, 4)
        && (1..=12).contains(&number(4, 2))
        && (1..=31).contains(&number(6, 2))
        && (s.len() == 8
            || s.len() >= 10 && digits(8, 2) && s[10..].bytes().all(|b| b.is_ascii_digit() || b".+-Z".contains(&b)));
    let mut slashed = s.split('/');
    let slashes = s.len() <= 10
        && matches!((slashed.next(), slashed.next(), slashed.next(), slashed.next()), (Some(a), Some(b), Some(c), None)
            if [a, b].iter().all(|p| (1..=2).contains(&p.len())) && matches!(c.len(), 2 | 4)
                && [a, b, c].iter().all(|p| p.bytes().all(|x| x.is_ascii_digit())));
    iso || basic || slashes
}

/// An age of 89 or less, which is no identifier (45 CFR 164.514(b)(2)(i)(C)).
pub(crate) fn age_is_common(s: &str) -> bool {
    let number = s.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    number.parse::<f64>().is_ok_and(|age| (0.0..90.0).contains(&age))
}

/// Which kind of contact this is, by its looks. `None`: none.
pub(crate) fn contact(s: &str) -> Option<PhiClass> {
    let lower = s.trim().to_ascii_lowercase();
    if lower.starts_with("mailto:") || lower.contains('@') && !lower.contains("://") {
        Some(PhiClass::Email)
    } else if lower.starts_with("fax:") {
        Some(PhiClass::Fax)
    } else if lower.contains("://") || lower.starts_with("www.") {
        Some(PhiClass::Url)
    } else {
        (lower.bytes().filter(u8::is_ascii_digit).count() >= 3).then_some(PhiClass::Phone)
    }
}

/// The class of an identifier by its type (HL7 table 0203, which HL7 v2 and FHIR share).
pub(crate) fn identifier_type(code: &str) -> Option<PhiClass> {
    Some(match code {
        "MR" | "MRT" | "PI" | "PT" | "U" | "PE" | "AM" | "ANON" | "CY" | "PRC" | "RRI" | "LR" | "MRN" => PhiClass::Mrn,
        "SS" | "SSN" => PhiClass::Ssn,
        "DL" | "LN" | "MD" | "DEA" | "NPI" | "RN" | "PRN" | "UPIN" | "DN" | "SL" | "CII" | "DDS" | "DO" | "NP" => {
            PhiClass::License
        }
        "MB" | "MC" | "MCR" | "MA" | "MCD" | "SN" | "HC" | "NH" | "NIIP" | "WCN" | "CZ" | "JHN" => PhiClass::HealthPlan,
        "AN" | "BA" | "BC" | "DR" | "DI" | "AX" | "VS" | "GI" => PhiClass::Account,
        "SNO" | "UDI" | "SID" => PhiClass::Device,
        _ => return None,
    })
}

/// A state of the United States or a country as codes write them: the one part of an address that
/// may stay (45 CFR 164.514(b)(2)(i)(B) names what is smaller than a state).
pub(crate) fn is_state_or_country(s: &str) -> bool {
    (2..=3).contains(&s.trim().len()) && s.trim().bytes().all(|b| b.is_ascii_alphabetic())
}

/// A vocabulary's name, not somebody's page: the systems that FHIR, HL7 and their users share.
pub(crate) fn is_vocabulary(uri: &str) -> bool {
    const HOSTS: &[&str] = &[
        "hl7.org",
        "loinc.org",
        "snomed.info",
        "unitsofmeasure.org",
        "nih.gov",
        "cms.gov",
        "cdc.gov",
        "fda.gov",
        "who.int",
        "w3.org",
        "ietf.org",
        "iso.org",
        "ama-assn.org",
        "ada.org",
        "nubc.org",
        "nucc.org",
        "ihe.net",
        "dicom.nema.org",
        "nema.org",
        "census.gov",
        "usps.com",
        "x12.org",
        "ncpdp.org",
        "va.gov",
    ];
    if let Some(oid) = uri.strip_prefix("urn:oid:") {
        return is_oid(oid);
    }
    let Some((scheme, rest)) = uri.split_once("://") else {
        return ["urn:ietf:", "urn:iso:", "urn:hl7-org:"].iter().any(|p| uri.starts_with(p)) && is_plain_uri(uri);
    };
    let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
    matches!(scheme, "http" | "https")
        && is_plain_uri(uri)
        && HOSTS.iter().any(|h| host == *h || host.strip_suffix(h).is_some_and(|sub| sub.ends_with('.')))
}

/// No user, no query, no white space, no long number.
pub(crate) fn is_plain_uri(uri: &str) -> bool {
    !uri.is_empty()
        && uri.len() <= 250
        && !uri.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control() || b"@?\\\"<>%".contains(&b))
        && uri.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() < 7)
}

/// A name out of a schema (a JSON key, a column) that may be repeated in a report: an identifier as
/// programmers write them, without numbers that could name anybody.
pub(crate) fn is_schema_name(s: &str) -> bool {
    (1..=64).contains(&s.len())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:$# ".contains(&b))
        && s.bytes().filter(u8::is_ascii_digit).count() <= 3
        && s.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b"_$@#".contains(&b))
        && s.bytes().filter(|b| *b == b' ').count() <= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_by_their_looks() {
        for yes in [
            "2005-03-29",
            "2005-03",
            "20050329",
            "200503291715",
            "20050329171504+0500",
            "3/29/2005",
            "3/9/05",
            "2005-03-29T17:15:04Z",
        ] {
            assert!(is_date(yes), "{yes}");
        }
        for no in ["2005", "250000", "120/80", "12345678", "20059999", "2.16.840", "8302-2", "", "2005-13-01"] {
            assert!(!is_date(no), "{no}");
        }
    }

    #[test]
    fn codes_are_not_numbers_that_name_people() {
        for yes in ["8302-2", "38341003", "I10", "final", "mm[Hg]".trim_end_matches("[Hg]"), "E11.9"] {
            assert!(is_code(yes), "{yes}");
        }
        for no in ["123-45-6789", "781-555-1212", "John Smith", "a@b.org", "2005-03-29"] {
            assert!(!is_code(no), "{no}");
        }
    }

    #[test]
    fn vocabularies() {
        assert!(
            is_vocabulary("http://hl7.org/fhir/sid/us-ssn")
                && is_vocabulary("http://terminology.hl7.org/CodeSystem/v2-0203")
        );
        assert!(
            !is_vocabulary("http://nothl7.org/x")
                && !is_vocabulary("http://hl7.org/x?mrn=1")
                && !is_vocabulary("http://hl7.org/1234567890")
        );
        assert!(is_oid("2.16.840.1.113883") && !is_oid("3.1.1") && !is_oid("1.2"));
    }

    #[test]
    fn only_ages_over_89_are_identifiers() {
        for common in ["0", "62", "89", "4.5", "62 years", "3 mo"] {
            assert!(age_is_common(common), "{common}");
        }
        for not in ["90", "103", "ninety", "90+", "1e9", "John"] {
            assert!(!age_is_common(not), "{not}");
        }
    }
}
