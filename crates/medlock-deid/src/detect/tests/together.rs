//! What rules and tagger find together, where one alone errs.

use medlock_domain::PhiClass::{self, Date, Email, Location, Name};

use super::{Detector, title};

fn found(text: &str) -> Vec<(PhiClass, &str)> {
    let value = |f: &medlock_domain::Finding| &text[f.span.start..f.span.end];
    let bare = |f| (if f == Name { title::after } else { |_: &str| 0 }) as fn(&str) -> usize;
    Detector::shared().detect(text).iter().map(|f| (f.class, &value(f)[bare(f.class)(value(f))..])).collect()
}

fn exactly(cases: &[(&str, &[(PhiClass, &str)])]) {
    for (text, want) in cases {
        assert_eq!(found(text), *want, "in {text:?}");
    }
}

#[test]
fn days_counted_from_the_writing() {
    exactly(&[
        ("She fell last December and again last Friday.", &[(Date, "last December"), (Date, "last Friday")]),
        ("He comes every Friday and rests last.", &[]),
        ("Geboren op 3 februari 1990 en gezien.", &[(Date, "3 februari 1990")]),
        ("Control pe 12 martie 1985, fara probleme.", &[(Date, "12 martie 1985")]),
    ]);
}

#[test]
fn scores_and_ranges_are_no_days() {
    exactly(&[
        ("Pain is rated 7/10 today, 8/10 at its worst.", &[]),
        ("She has 2-4 beers a day; strength 4/5.", &[]),
        ("He is 4-1/2 years after the transplant.", &[]),
    ]);
}

#[test]
fn a_finding_ends_where_the_identifier_ends() {
    exactly(&[
        ("Dr. Maria Gonzalez; maria.g@mercy.org", &[(Name, "Maria Gonzalez"), (Email, "maria.g@mercy.org")]),
        ("A woman with ALS, Sally T., who attended.", &[(Name, "Sally T.")]),
        ("Signed, Lloyd Effertz, MD 2020-02-08", &[(Name, "Lloyd Effertz"), (Date, "2020-02-08")]),
        ("Adres: Kerkstraat 12, poskode 7600.", &[(Location, "Kerkstraat 12"), (Location, "7600")]),
    ]);
}

#[test]
fn states_and_programs_words_are_nobody() {
    exactly(&[
        ("state: Massachusetts", &[]),
        ("The json_schema of the tool is strict.", &[]),
        ("Weakness in the LLE and BLE, s/p TAH.", &[]),
    ]);
}
