use super::*;

/// The shape of a value: letters by case, digits, all else as it is.
fn shape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_numeric() => '0',
            c if c.is_uppercase() => 'A',
            c if c.is_lowercase() => 'a',
            c => c,
        })
        .collect()
}

const NUMBERS: [(PhiClass, &str); 19] = [
    (PhiClass::Phone, "(212) 555-7788"),
    (PhiClass::Phone, "212.867.5309"),
    (PhiClass::Phone, "+1 212 867 5309"),
    (PhiClass::Phone, "+44 20 7123 4567"),
    (PhiClass::Phone, "867-5309"),
    (PhiClass::Phone, "212-867-5309 x4432"),
    (PhiClass::Fax, "1-212-867-5309"),
    (PhiClass::Ssn, "219-09-9934"),
    (PhiClass::Ssn, "219099934"),
    (PhiClass::Ssn, "***-**-9934"),
    (PhiClass::Mrn, "44-102233"),
    (PhiClass::Mrn, "MRN0099123"),
    (PhiClass::HealthPlan, "1EG4-TE5-MK73"),
    (PhiClass::Account, "4111 1111 1111 1111"),
    (PhiClass::License, "1234567893"),
    (PhiClass::License, "AB1234563"),
    (PhiClass::Vehicle, "1M8GDM9AXKP042788"),
    (PhiClass::Device, "(01)00844588003288(17)141120"),
    (PhiClass::Id, "enc-7f3a9c"),
];

#[test]
fn numbers_keep_their_pattern_and_nothing_else() {
    let profile = all(Action::Surrogate, Scope::Patient);
    for seed in 0..20 {
        let mut d = deid(&profile, seed);
        for (class, value) in NUMBERS {
            let new = d.field(class, value).unwrap();
            assert_eq!(shape(&new), shape(value), "{value}: {new}");
            assert_ne!(new, value);
            assert_eq!(d.field(class, value).unwrap(), new, "the same for the same");
        }
        let digits = |v: String| v.chars().filter(char::is_ascii_digit).collect::<String>();
        let phone = digits(d.field(PhiClass::Phone, "(212) 555-7788").unwrap());
        assert!(phone[3..].starts_with("55501"), "{phone}");
        let ssn = d.field(PhiClass::Ssn, "219-09-9934").unwrap();
        assert!(
            ssn.starts_with('9') && (1..50).contains(&ssn[4..6].parse::<u32>().unwrap()) || ssn.starts_with("666"),
            "{ssn}"
        );
        let other = d.field(PhiClass::Ssn, "219 09 9934").unwrap();
        assert_eq!(digits(other), digits(ssn), "the same number in other punctuation");
    }
}

#[test]
fn names_keep_their_shape() {
    let profile = all(Action::Surrogate, Scope::Patient);
    let mut d = deid(&profile, 4);
    let mut name = |text: &str| d.field(PhiClass::Name, text).unwrap();
    let full = name("Maria Gonzalez");
    let (given, family) = full.split_once(' ').unwrap();
    let initial = &given[..1];
    for (from, to) in [
        ("Gonzalez, Maria", format!("{family}, {given}")),
        ("GONZALEZ, MARIA", format!("{family}, {given}").to_uppercase()),
        ("maria gonzalez", full.to_lowercase()),
        ("Ms. Gonzalez", format!("Ms. {family}")),
        ("Dr. Maria Gonzalez, MD", format!("Dr. {full}, MD")),
        ("M. Gonzalez", format!("{initial}. {family}")),
        ("Gonzalez M", format!("{family} {initial}")),
        ("Maria", given.to_owned()),
        ("Gonzalez's", format!("{family}'s")),
        ("Maria\n Gonzalez", format!("{given}\n {family}")),
    ] {
        assert_eq!(name(from), to, "{from}");
    }
    let shape_of = |t: &str| t.split(' ').count();
    assert_eq!(shape_of(&name("Robert van der Berg Jr.")), 5);
    assert!(name("Robert van der Berg Jr.").contains(" van der ") && name("Robert van der Berg Jr.").ends_with(" Jr."));
    let joined = name("Anne-Marie O'Brien-Smith");
    assert_eq!(joined.matches('-').count(), 2, "{joined}");
    assert_eq!(name("Smith"), joined.rsplit('-').next().unwrap());
    let jd = name("J.D.");
    assert_eq!(shape(&jd), "A.A.");
    assert_ne!(jd, "J.D.");
}

#[test]
fn first_names_keep_their_gender() {
    let profile = all(Action::Surrogate, Scope::Document);
    let has = |list: &str, word: &str| list.split_whitespace().any(|w| w == word);
    for seed in 0..30 {
        let mut d = deid(&profile, seed);
        let first = |n: String| n.split(' ').next().unwrap().to_owned();
        let woman = first(d.field(PhiClass::Name, "Maria Gonzalez").unwrap());
        let man = first(d.field(PhiClass::Name, "Robert Chen").unwrap());
        assert!(has(surrogate::pools::FEMALE, &woman) && !has(surrogate::pools::MALE, &woman), "{woman}");
        assert!(has(surrogate::pools::MALE, &man), "{man}");
    }
}

#[test]
fn no_stand_in_of_a_list_is_a_plain_word() {
    use surrogate::pools::*;
    let d = Detector::shared();
    let plain: Vec<&str> = [FEMALE, MALE]
        .into_iter()
        .flat_map(str::split_whitespace)
        .filter(|w| d.is_ordinary(&w.to_lowercase()))
        .collect();
    // They are not drawn; a list that is full of them would be one of no use.
    assert!(plain.len() < 40, "{plain:?}");
    assert!(FEMALE.split_whitespace().count() > 150 && MALE.split_whitespace().count() > 150);
}

#[test]
fn places_and_addresses_of_the_network() {
    let profile = all(Action::Surrogate, Scope::Patient);
    let mut d = deid(&profile, 9);
    let address = d.field(PhiClass::Location, "1420 Oakwood Avenue, Apt 12B, Springfield, IL 62704-1123").unwrap();
    let parts: Vec<&str> = address.split(", ").collect();
    assert_eq!(parts.len(), 4, "{address}");
    assert!(parts[0].ends_with(" Avenue") && parts[1].starts_with("Apt ") && parts[3].starts_with("IL "), "{address}");
    assert_eq!(shape(parts[3]), "AA 00000-0000");
    for old in ["1420", "Oakwood", "12B", "Springfield", "62704", "1123"] {
        assert!(!address.contains(old), "{old} in {address}");
    }
    assert_eq!(d.field(PhiClass::Location, "Springfield").unwrap(), parts[2]);
    assert_eq!(d.field(PhiClass::Location, "SPRINGFIELD").unwrap(), parts[2].to_uppercase());
    let hospital = d.field(PhiClass::Location, "St. Mary's Medical Center").unwrap();
    assert!(hospital.ends_with(" Medical Center") && !hospital.contains("Mary"), "{hospital}");
    let email = d.field(PhiClass::Email, "maria.gonzalez62@mercy-hospital.org").unwrap();
    assert!(email.contains("@example.") && email.contains('.') && !email.contains("maria"), "{email}");
    let url = d.field(PhiClass::Url, "https://www.mercy.org/patients/4431?id=7").unwrap();
    assert!(
        url.starts_with("https://www.") && url.contains(".example.") && !url.contains("mercy") && !url.contains("4431"),
        "{url}"
    );
    let v4 = d.field(PhiClass::Ip, "10.3.22.18:8080").unwrap();
    assert!(
        ["192.0.2.", "198.51.100.", "203.0.113."].iter().any(|n| v4.starts_with(n)) && v4.ends_with(":8080"),
        "{v4}"
    );
    let v6 = d.field(PhiClass::Ip, "2a02:8071:22c1:4400:5d0:aa11:22bb:33cc").unwrap();
    assert!(v6.starts_with("2001:0db8:") && v6.parse::<std::net::Ipv6Addr>().is_ok(), "{v6}");
    let short = d.field(PhiClass::Ip, "fe80::1ff:fe23:4567:890a").unwrap();
    assert!(short.starts_with("2001:db8:") && short.parse::<std::net::Ipv6Addr>().is_ok(), "{short}");
}

#[test]
fn masks_say_nothing_and_parse() {
    let profile = all(Action::Mask, Scope::Document);
    let mut d = deid(&profile, 1);
    for (class, from, to) in [
        (PhiClass::Name, "Maria Gonzalez", "Xxxxx Xxxxxxxx"),
        (PhiClass::Ssn, "219-09-9934", "000-00-0000"),
        (PhiClass::Phone, "(212) 555-7788 x44", "(000) 000-0000 x00"),
        (PhiClass::Date, "03/04/1962", "01/01/1900"),
        (PhiClass::Date, "1962-03-04T10:22:33Z", "1900-01-01T00:00:00Z"),
        (PhiClass::Date, "196203041022", "190001010000"),
        (PhiClass::Date, "Sunday, March 4, 1962", "Monday, January 1, 1900"),
        (PhiClass::Date, "1962", "1900"),
        (PhiClass::Email, "m.g@x.org", "x.x@x.xxx"),
        (PhiClass::Url, "https://a.org/b?c=1", "https://x.xxx/x?x=0"),
        (PhiClass::Ip, "10.1.2.3", "00.0.0.0"),
        (PhiClass::Name, "Žofie 王", "Xxxxx x"),
    ] {
        let got = d.field(class, from).unwrap();
        assert_eq!(got, to, "{from}");
    }
}

#[test]
fn white_space_around_a_field_stays_and_an_empty_one_is_nothing() {
    let profile = all(Action::Redact, Scope::Document);
    let mut d = deid(&profile, 1);
    assert_eq!(d.field(PhiClass::Name, " Maria \n").unwrap(), " [NAME] \n");
    assert_eq!(d.field(PhiClass::Name, "  ").unwrap(), "  ");
    assert_eq!(d.counts().to_string(), "NAME=1");
}

#[test]
fn a_safe_harbor_stand_in_for_a_date_has_its_year_only() {
    let toml = Profile::safe_harbor().to_string().replace("DATE = \"generalise\"", "DATE = \"surrogate\"");
    let profile = Profile::from_toml(&toml).unwrap();
    let days: std::collections::BTreeSet<String> = (0..40)
        .map(|seed| {
            let mut d = deid(&profile, seed);
            let iso = d.field(PhiClass::Date, "1962-03-04T10:22:00Z").unwrap();
            assert!(iso.starts_with("1962-") && iso.ends_with("T00:00:00Z"), "{iso}");
            let us = d.field(PhiClass::Date, "03/04/1962").unwrap();
            assert_eq!(format!("{}-{}-{}", &us[6..], &us[..2], &us[3..5]), iso[..10]);
            assert_eq!(d.field(PhiClass::Date, "1931-03-04").unwrap(), "[DATE]");
            iso
        })
        .collect();
    assert!(days.len() > 20, "days do not depend on the date");
}
