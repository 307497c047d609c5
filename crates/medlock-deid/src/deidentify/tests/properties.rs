use std::collections::HashSet;

use proptest::prelude::*;

use super::date::Day;
use super::*;

fn name() -> impl Strategy<Value = String> {
    let given = prop::sample::select(vec!["Maria", "Robert", "Xiulan", "Thandiwe", "Anne-Marie", "José", "Ann"]);
    let family = prop::sample::select(vec![
        "Gonzalez",
        "Chen",
        "O'Brien",
        "McDonald",
        "van der Berg",
        "Lopez-Ruiz",
        "Ng",
        "Müller",
    ]);
    (given, family, 0..6).prop_map(|(g, f, how)| match how {
        0 => format!("{g} {f}"),
        1 => format!("{f}, {g}"),
        2 => format!("Dr. {f}"),
        3 => format!("{g} T. {f}"),
        4 => format!("{}. {f}", &g[..1]),
        _ => format!("{g} {f}").to_uppercase(),
    })
}

fn identifier() -> impl Strategy<Value = (PhiClass, String)> {
    prop_oneof![
        name().prop_map(|n| (PhiClass::Name, n)),
        "[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}".prop_map(|v| (PhiClass::Phone, v)),
        "[1-8][0-9]{2}-[0-9]{2}-[0-9]{4}".prop_map(|v| (PhiClass::Ssn, v)),
        "[A-Z]{2}[0-9]{5,9}".prop_map(|v| (PhiClass::Mrn, v)),
        "[0-9]{2}-[0-9]{5,7}".prop_map(|v| (PhiClass::Account, v)),
        "[a-z]{3,8}\\.[a-z]{3,8}@[a-z]{3,8}\\.org".prop_map(|v| (PhiClass::Email, v)),
        "[1-9][0-9]{1,3} [A-Z][a-z]{4,8} (Street|Ave)".prop_map(|v| (PhiClass::Location, v)),
        ("[A-Z][a-z]{4,8}", "[0-9]{5}").prop_map(|(c, z)| (PhiClass::Location, format!("{c}, MA {z}"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_lies_between_two_dates_stays(a in -20_000i64..20_000, b in -20_000i64..20_000, seed: u64) {
        let profile = all(Action::Shift, Scope::Patient);
        let mut d = deid(&profile, seed);
        let iso = |n: i64| { let d = Day::of(n); format!("{:04}-{:02}-{:02}", d.year, d.month, d.day) };
        let number = |t: &str| Day { year: t[..4].parse().unwrap(), month: t[5..7].parse().unwrap(), day: t[8..10].parse().unwrap() }.number();
        let (x, y) = (d.field(PhiClass::Date, &iso(a)).unwrap(), d.field(PhiClass::Date, &format!("{}T08:15:00Z", iso(b))).unwrap());
        prop_assert_eq!(number(&y) - number(&x), b - a);
        prop_assert!(number(&x) != a && (number(&x) - a).abs() <= 365, "{}", x);
        prop_assert!(y.ends_with("T08:15:00Z"));
        // In another document of the same patient, and never in one of another.
        d.document(Some("one"));
        prop_assert_eq!(d.field(PhiClass::Date, &iso(a)).unwrap(), x.clone());
    }

    #[test]
    fn nothing_of_a_value_stays_and_all_of_it_comes_back(mut list in prop::collection::vec(identifier(), 1..8), seed: u64) {
        // Two spellings of one value have one token, which comes back as the first.
        let mut seen = HashSet::new();
        list.retain(|(_, value)| seen.insert(value.to_lowercase()));
        for action in [Action::Surrogate, Action::Tokenize] {
            let profile = all(action, Scope::Patient);
            let mut d = deid(&profile, seed);
            let mut out = String::new();
            let mut was = String::new();
            let mut replaced = Vec::new();
            for (class, value) in &list {
                let new = d.field(*class, value).unwrap();
                out += &format!("; {new}");
                was += &format!("; {value}");
                replaced.push(new);
            }
            // No stand-in has a word of its value, but what all names and addresses have.
            let own = ["van", "der", "dr", "ma", "street", "ave", "t", "org"];
            let words = |t: &str| t.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2 && w.chars().all(char::is_alphabetic) && !own.contains(w)).map(String::from).collect::<Vec<_>>();
            for ((_, value), new) in list.iter().zip(&replaced) {
                prop_assert!(!new.starts_with('[') || action == Action::Tokenize, "{} {}", value, new);
                prop_assert!(!new.contains(value.as_str()));
                for w in words(value) {
                    prop_assert!(!words(new).contains(&w), "{} in {}", w, new);
                }
            }
            let back = d.restoration().unwrap();
            let again = back.restore(&out);
            prop_assert_eq!(again.to_lowercase(), was.to_lowercase(), "{}", out);
            // A word that stands in capitals and otherwise comes back in capitals as it was first seen.
            let spelt: HashSet<&str> = was.split(' ').collect();
            let lower: HashSet<String> = spelt.iter().map(|w| w.to_lowercase()).collect();
            prop_assert!(spelt.len() > lower.len() || again == was, "{} {}", again, was);
        }
    }

    #[test]
    fn wherever_a_text_is_split_it_is_restored_the_same(list in prop::collection::vec(identifier(), 1..5), seed: u64, noise in "[ -~]{0,20}") {
        let profile = all(Action::Surrogate, Scope::Document);
        let mut d = deid(&profile, seed);
        let mut out = noise;
        for (class, value) in &list {
            let new = d.field(*class, value).unwrap();
            out += &new;
            out += &format!(" x{}{} {}", &new[..1], new.to_uppercase(), new.split(' ').next().unwrap());
        }
        let back = d.restoration().unwrap();
        let whole = back.restore(&out);
        let pieces = |cuts: &[usize]| {
            let mut stream = back.stream();
            let mut got = String::new();
            let mut at = 0;
            for cut in cuts {
                got += &stream.push(&out[at..*cut]);
                at = *cut;
            }
            got += &stream.push(&out[at..]);
            got + &stream.finish()
        };
        let all: Vec<usize> = out.char_indices().map(|(i, _)| i).collect();
        prop_assert_eq!(pieces(&all), whole.clone());
        for cut in all {
            prop_assert_eq!(pieces(&[cut]), whole.clone());
        }
    }

    #[test]
    fn any_text_in_any_field_is_dealt_with(value in "\\PC{0,40}|[0-9A-Za-z'’ß .,:/@()+#-]{0,40}|(Dr|Mr|O'|van|St)[ .]?\\PC{0,9}", seed: u64) {
        for action in Action::ALL {
            let profile = all(action, Scope::Document);
            let mut d = deid(&profile, seed);
            for class in PhiClass::ALL {
                let new = d.field(class, &value).unwrap();
                prop_assert_eq!(new.is_empty(), value.is_empty());
                // What has a word in it does not stay as it is.
                let kept = action == Action::Keep || matches!(class, PhiClass::Age | PhiClass::Date | PhiClass::Location | PhiClass::Name);
                let telling = value.chars().filter(|c| c.is_alphanumeric() && !"xX0".contains(*c)).count() > 3;
                prop_assert!(kept || !telling || new != value, "{} {}: {}", action, class, value);
            }
            let text = d.text(None, &value).unwrap();
            d.restoration().unwrap().restore(&text);
        }
    }

    #[test]
    fn no_two_values_share_a_stand_in(values in prop::collection::hash_set("[A-Z][a-z]{3,9}", 2..60), seed: u64) {
        let profile = all(Action::Surrogate, Scope::Document);
        let mut d = deid(&profile, seed);
        let new: Vec<String> = values.iter().map(|v| d.field(PhiClass::Name, v).unwrap()).collect();
        let different: std::collections::HashSet<&String> = new.iter().collect();
        prop_assert_eq!(different.len(), values.len());
        for n in &new {
            prop_assert!(!values.contains(n));
        }
    }
}
