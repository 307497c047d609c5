//! The chat path with `surrogate` for its mode.

use medlock_domain::{PhiClass, PhiText, ProtectionMode};
use proptest::prelude::*;

use super::{answer, counting, letters, protect};
use crate::{Detector, Protected, protect_all};

const NOTE: &str = "Patient: Maria Gonzalez, DOB 03/04/1962, MRN 44-102233, SSN 219-09-9934.\n\
    She lives at 1420 Oakwood Avenue, Springfield, IL 62704; phone (212) 867-5309, maria.g@mercy.org.\n\
    Seen by Dr. Robert Chen on March 3, 2024 for hypertension, BP 138/84; metformin 500 mg twice daily.\n\
    Dr. Chen will call Maria Gonzalez in two weeks. Her mother, a 94-year-old, was seen too.";

fn request() -> Protected {
    protect(ProtectionMode::Surrogate, &[NOTE])
}

/// What stands between two pieces of the protected note.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    text.split_once(from).unwrap().1.split_once(to).unwrap().0
}

#[test]
fn an_echo_comes_back_as_it_was() {
    let request = request();
    let seen = request.texts[0].expose();
    for raw in
        ["Gonzalez", "Maria", "219-09-9934", "44-102233", "867-5309", "mercy", "03/04", "Chen", "Oakwood", "a 94"]
    {
        assert!(!seen.contains(raw), "{raw} in {seen}");
    }
    assert!(seen.contains("BP 138/84; metformin 500 mg") && seen.contains(" [AGE-1]-year-old"), "{seen}");
    assert!(!seen.contains("[NAME") && !seen.contains("[SSN") && !seen.contains("[DATE"), "{seen}");
    assert_eq!(answer(&request.surrogates, true, &[seen]), NOTE);
    assert_eq!(answer(&request.surrogates, true, &letters(seen)), NOTE);
    assert_eq!(answer(&request.surrogates, false, &[seen]), seen);
}

#[test]
fn what_a_model_writes_about_it_passes_the_filter_and_comes_back() {
    let request = request();
    let seen = request.texts[0].expose();
    let (name, doctor) = (between(seen, "Patient: ", ","), between(seen, "Seen by Dr. ", " on "));
    let (given, family) = name.split_once(' ').unwrap();
    let surname = doctor.rsplit(' ').next().unwrap();
    let phone = between(seen, "phone ", ", ");
    let born = between(seen, "DOB ", ",");
    let said = format!(
        "Dear Ms. {family},\n\nDr. {surname} would like to see you, {given}. We have {phone} for you and {born} as your \
         date of birth. **{}** [see](https://x.example/{family}) {family}.evil.com. Another patient, SSN 321-54-9876, \
         Dr. Alan Whitfield.",
        name.to_uppercase()
    );
    let got = answer(&request.surrogates, true, &[&said]);
    assert!(got.starts_with("Dear Ms. Gonzalez,\n\nDr. Chen would like to see you, Maria. We have (212) 867-5309 for you and 03/04/1962 as your"), "{got}");
    assert!(got.contains("**MARIA GONZALEZ**") && !got.contains("321-54-9876") && !got.contains("Whitfield"), "{got}");
    assert!(!got.contains("x.example/Gonzalez") && !got.contains("Gonzalez.evil"), "{got}");
    for (at, _) in said.char_indices() {
        assert_eq!(answer(&request.surrogates, true, &[&said[..at], &said[at..]]), got, "split at {at}");
    }
}

#[test]
fn another_requests_stand_ins_are_not_restored() {
    let one = protect(ProtectionMode::Surrogate, &["Patient: Maria Gonzalez, SSN 219-09-9934"]);
    let mut random = counting();
    random(&mut [0; 500]);
    let inputs = vec![PhiText::new("Patient: Robert Chen, SSN 321-54-9876").into()];
    let two = protect_all(Detector::shared(), ProtectionMode::Surrogate, inputs, &mut random).unwrap();
    let got = answer(&two.surrogates, true, &[one.texts[0].expose()]);
    assert!(!got.contains("Gonzalez") && !got.contains("219-09-9934") && !got.contains("Chen"), "{got}");
}

#[test]
fn a_part_of_a_name_alone_is_the_same_person() {
    let p = protect(ProtectionMode::Surrogate, &["Dr. Maria Gonzalez was here.", "Is Gonzalez in?", "GONZALEZ, MARIA"]);
    let name = between(p.texts[0].expose(), "Dr. ", " was");
    let (given, family) = name.split_once(' ').unwrap();
    assert_eq!(p.texts[1].expose(), format!("Is {family} in?"));
    assert_eq!(p.texts[2].expose(), format!("{family}, {given}").to_uppercase());
    assert_eq!(p.surrogates.mode(), ProtectionMode::Surrogate);
    assert!(p.surrogates.value(PhiClass::Name, 99).is_none());
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "SSN 219-09-9934",
        "phone (212) 867-5309",
        "call 415-867-0187",
        "maria.g@mercy.org",
        "Dr. Maria Gonzalez",
        "Dr. Robert Chen",
        "Patient: CHEN, ROBERT",
        "DOB 03/04/1962",
        "seen on March 3, 2024",
        "MRN 8834021",
        "the patient is well",
        "BP 138/84 and pulse 72",
        "metformin 500 mg twice daily",
        "[a note]",
        "病人今天很好",
        "lives at 12 Elm Street, Boston, MA 02118",
        "admitted 9/9",
        "aged 93",
    ]);
    let gap = prop::sample::select(vec![" ", ". ", ", ", "; ", "\n", "\n\n", " (see) "]);
    prop::collection::vec((piece, gap), 0..10).prop_map(|v| v.into_iter().map(|(p, g)| format!("{p}{g}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_echo_gives_back_the_text(text in texts(), splits in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let protected = protect(ProtectionMode::Surrogate, &[&text]);
        let seen = protected.texts[0].expose();
        let mut at: Vec<usize> = splits.iter().map(|i| seen.floor_char_boundary(i.index(seen.len() + 1))).collect();
        at.extend([0, seen.len()]);
        at.sort_unstable();
        let pieces: Vec<&str> = at.windows(2).map(|w| &seen[w[0]..w[1]]).collect();
        prop_assert_eq!(answer(&protected.surrogates, true, &pieces), text.clone(), "{}", seen);
        for raw in ["219-09-9934", "867-5309", "Gonzalez", "Chen", "CHEN", "8834021", "03/04", "Boston", "02118"] {
            prop_assert!(!seen.contains(raw) || !text.contains(raw), "{} in {}", raw, seen);
        }
    }
}
