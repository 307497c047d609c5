use super::*;
use PhiClass::{Age, Date, Email, Location, Mrn, Name, Phone, Ssn};
use medlock_domain::PhiClasses;

#[track_caller]
fn check(values: &[(PhiClass, &str)], text: &str, expected: &[&str]) {
    let mut matcher = Matcher::default();
    for (class, value) in values {
        matcher.add(Detector::shared(), *class, PhiClasses::only(*class), 1.0, value);
    }
    let found: Vec<&str> = matcher.find(text).into_iter().map(|f| &text[f.span.start..f.span.end]).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn the_same_value_in_other_spellings() {
    assert_eq!(key(Name, "Maria  GONZALEZ"), key(Name, "maria\ngonzalez"));
    assert_eq!(key(Phone, "+1 (555) 010-4477"), key(Phone, "555.010.4477"));
    assert_eq!(key(Ssn, "219-09-9999"), key(Ssn, "219099999"));
    assert_ne!(key(Date, "1/11/2020"), key(Date, "11/1/2020"));
    assert_ne!(key(Mrn, "12-345"), key(Mrn, "123-45"));
}

#[test]
fn whole_words_only() {
    let maria = [(Name, "Maria Gonzalez")];
    check(&maria, "MARIA\n  gonzalez's, maria_gonzalez", &["MARIA\n  gonzalez", "maria_gonzalez"]);
    check(&maria, "Ms. Gonzalez; GONZALEZ2, Gonzalezes", &["Gonzalez"]);
    check(&maria, "Gon\u{200b}zalez", &["Gon\u{200b}zalez"]);
    check(&[(Mrn, "XJ-4471902")], "xj 4471902 or XJ4471902", &["xj 4471902"]);
    check(&[(Email, "m@x.org")], "write M@X.ORG.", &["M@X.ORG"]);
    check(&[(Location, "Reading")], "reading in Reading", &["Reading"]);
}

#[test]
fn numbers_in_any_grouping() {
    let phone = [(Phone, "(555) 010-4477")];
    check(&phone, "5550104477, 555.010.4477 and +1 555 010 4477", &["5550104477", "555.010.4477", "1 555 010 4477"]);
    check(&phone, "55501044771 or 555,010,4477", &[]);
}

#[test]
fn what_would_match_everywhere_is_not_looked_for() {
    check(&[(Age, "92"), (Date, "3/4"), (Date, "May"), (Location, "MA"), (Mrn, "441")], "92 3/4 may MA 441", &[]);
}
