use super::*;

#[test]
fn shipped_profiles_are_what_they_print() {
    for profile in [Profile::safe_harbor(), Profile::limited_data_set()] {
        assert_eq!(Profile::from_toml(&profile.to_string()).unwrap(), profile);
    }
    let expert = all(Action::Surrogate, Scope::Project);
    assert_eq!(Profile::from_toml(&expert.to_string()).unwrap(), expert);
    assert_eq!(*expert.method(), Method::Expert("test".into()));
}

/// What is changed in a good profile, and what is said about it.
#[test]
fn bad_profiles_are_refused_by_name() {
    let good = Profile::safe_harbor().to_string();
    let limited = Profile::limited_data_set().to_string();
    let expert = good.replace("safe-harbor", "expert:x");
    for (base, from, to, says) in [
        (&good, "DATE = \"generalise\"", "DATE = \"shift\"", "DATE cannot be shift"),
        (&good, "DATE = \"generalise\"", "DATE = \"keep\"", "DATE cannot be keep"),
        (&good, "EMAIL = \"redact\"", "EMAIL = \"keep\"", "EMAIL cannot be keep"),
        (&good, "EMAIL = \"redact\"", "EMAIL = \"generalise\"", "EMAIL cannot be generalise"),
        (&expert, "EMAIL = \"redact\"", "EMAIL = \"shift\"", "EMAIL cannot be shift"),
        (&limited, "LOCATION = \"generalise\"", "LOCATION = \"keep\"", "LOCATION cannot be keep"),
        (&limited, "ID = \"redact\"", "ID = \"keep\"", "ID cannot be keep"),
        (&good, "NAME = \"redact\"\n", "", "no action for NAME"),
        (&good, "NAME = \"redact\"", "NAMES = \"redact\"", "no class \"NAMES\""),
        (&good, "NAME = \"redact\"", "NAME = \"delete\"", "NAME: there is no action \"delete\""),
        (&good, "NAME = \"redact\"", "NAME = \"redact\"\nname = \"redact\"", "class NAME is there twice"),
        (&good, "NAME = \"redact\"", "NAME = { action = \"redact\", scope = \"world\" }", "no scope \"world\""),
        (&good, "NAME = \"redact\"", "NAME = { action = \"redact\", keep = 4 }", "no actions.NAME.keep"),
        (&good, "NAME = \"redact\"", "NAME = 4", "actions.NAME: expected an action"),
        (&good, "name = \"safe-harbor\"", "name = \"safe\"", "name \"safe\""),
        (&good, "name = \"safe-harbor\"", "name = \"expert:A b\"", "name \"expert:A b\""),
        (&good, "name = \"safe-harbor\"", "", "name: expected a string"),
        (&good, "[actions]", "[action]", "no action"),
        (&good, "name =", "salt = 1\nname =", "no salt"),
        (&good, "name =", "name", "not a profile"),
    ] {
        let text = base.replacen(from, to, 1);
        assert_ne!(&text, base, "{from}");
        let said = Profile::from_toml(&text).unwrap_err().to_string();
        assert!(said.contains(says), "{from} -> {to}: {said}");
    }
    assert!(Profile::from_toml(&limited.replace("DATE = \"keep\"", "DATE = \"shift\"")).is_ok());
    assert!(Profile::from_toml(&expert.replace("EMAIL = \"redact\"", "EMAIL = \"keep\"")).is_ok());
}

#[test]
fn the_shipped_profiles_at_work() {
    let note = "Maria Gonzalez, DOB 03/04/1962, MRN 44-102233, lives at 1420 Oakwood Avenue, Springfield, IL 62704.\n\
                Her father, a 94-year-old, was admitted on March 3, 2024 for hypertension, BP 138/84.";
    let safe = Profile::safe_harbor();
    let out = deid(&safe, 1).text(None, note).unwrap();
    for gone in ["Maria", "Gonzalez", "03/04", "44-10", "Oakwood", "Springfield", "62704", "94", "March"] {
        assert!(!out.contains(gone), "{gone} in {out}");
    }
    for kept in ["1962", "2024", "IL", "138/84", "hypertension", "90 or older"] {
        assert!(out.contains(kept), "{kept} not in {out}");
    }
    let limited = Profile::limited_data_set();
    let mut d = deid(&limited, 1);
    let out = d.text(None, note).unwrap();
    for gone in ["Maria", "Gonzalez", "44-10", "Oakwood", "1420"] {
        assert!(!out.contains(gone), "{gone} in {out}");
    }
    for kept in ["03/04/1962", "March 3, 2024", "94", "IL", "62704"] {
        assert!(out.contains(kept), "{kept} not in {out}");
    }
    assert!(d.counts().total() >= 6, "{}", d.counts());
}

#[test]
fn what_is_kept_takes_nothing_with_it_that_is_not() {
    let link = "See https://portal.example.org/p?name=x&ssn=219-09-9999 today.";
    let expert = Profile::safe_harbor().to_string().replace("safe-harbor", "expert:x");
    let keeps = Profile::from_toml(&expert.replace("URL = \"redact\"", "URL = \"keep\"")).unwrap();
    assert_eq!(deid(&keeps, 1).text(None, link).unwrap(), "See [SSN] today.");
    let plain = "See https://portal.example.org/help today.";
    assert_eq!(deid(&keeps, 1).text(None, plain).unwrap(), plain);
}
