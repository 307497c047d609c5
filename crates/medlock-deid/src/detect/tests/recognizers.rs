//! Recognizers beside the rules: what they find is found, and a text that they cannot search passes nowhere.

use medlock_domain::{ModelText, PhiClass, PhiText, ProtectionMode};

use super::super::{Detector, Guess, Preset, Recognizer, RecognizerError};
use crate::deidentify::{DeidError, Deidentifier, MemoryVault, Profile};
use crate::measure::{Corpus, predict, try_predict};
use crate::{BlockedOutput, NotProtected, OnLeak, OutputFilter, protect_all};

const BROKEN: RecognizerError = RecognizerError { name: "test:broken", why: "it is broken" };

/// Knows words by heart.
struct ByHeart(&'static [(&'static str, PhiClass, f32)], &'static str);

impl Recognizer for ByHeart {
    fn name(&self) -> &'static str {
        "test:by-heart"
    }

    fn digest(&self) -> &str {
        self.1
    }

    fn recognize(&self, text: &str) -> Result<Vec<Guess>, RecognizerError> {
        let each = self.0.iter().flat_map(|(word, class, confidence)| {
            text.match_indices(word).map(|(start, w)| Guess {
                start,
                end: start + w.len(),
                class: *class,
                confidence: *confidence,
            })
        });
        Ok(each.collect())
    }
}

/// Gives what it is told to, whatever the text.
struct Fixed(Result<Guess, RecognizerError>);

impl Recognizer for Fixed {
    fn name(&self) -> &'static str {
        BROKEN.name
    }

    fn digest(&self) -> &str {
        "00"
    }

    fn recognize(&self, _: &str) -> Result<Vec<Guess>, RecognizerError> {
        self.0.map(|g| vec![g])
    }
}

fn knowing(words: &'static [(&'static str, PhiClass, f32)]) -> Detector {
    Detector::with(Preset::Rules, vec![Box::new(ByHeart(words, "0123456789abcdef"))])
}

fn broken() -> Detector {
    Detector::with(Preset::Rules, vec![Box::new(Fixed(Err(BROKEN)))])
}

fn found(detector: &Detector, text: &str) -> Vec<(PhiClass, String)> {
    detector.try_detect(text).unwrap().iter().map(|f| (f.class, text[f.span.start..f.span.end].to_owned())).collect()
}

#[test]
fn what_only_a_recognizer_finds_is_found_and_explained() {
    let d = knowing(&[("zwirbel", PhiClass::Name, 0.9)]);
    let text = "the zwirbel was here, née \u{200b}zwi\u{200b}rbel";
    assert_eq!(Detector::preset(Preset::Rules).detect(text), []);
    let want = |s: &str| (PhiClass::Name, s.to_owned());
    assert_eq!(found(&d, text), [want("zwirbel"), want("zwi\u{200b}rbel")], "also through what nobody sees");
    let explained = d.try_explain(text).unwrap();
    assert_eq!(explained[0].because[0], ("test:by-heart", PhiClass::Name, 0.9));
    assert_eq!(explained[0].finding.detector, "test:by-heart");
}

#[test]
fn the_surer_says_of_which_class_and_both_stay_covered() {
    let text = "SSN 219-09-9934 of somebody";
    let weak = knowing(&[("219-09-9934 of", PhiClass::Phone, 0.6)]);
    assert_eq!(found(&weak, text), [(PhiClass::Ssn, "219-09-9934 of".to_owned())]);
    // No network is surer than a shape with a checksum and a word before it.
    let strong = knowing(&[("219-09-9934", PhiClass::Phone, 1.0)]);
    assert_eq!(found(&strong, text)[0].0, PhiClass::Ssn);
    let town = "She lives in Springfield now";
    assert_eq!(found(&Detector::with(Preset::Rules, vec![]), town)[0].0, PhiClass::Location);
    assert_eq!(found(&knowing(&[("Springfield", PhiClass::Name, 0.99)]), town)[0].0, PhiClass::Name);
}

#[test]
fn what_the_law_leaves_in_is_left() {
    let d = knowing(&[
        ("2019", PhiClass::Date, 0.9),
        ("Ohio", PhiClass::Location, 0.9),
        ("67", PhiClass::Age, 0.9),
        ("93", PhiClass::Age, 0.9),
    ]);
    assert_eq!(found(&d, "seen 2019 in Ohio, then 67"), []);
    assert_eq!(found(&d, "then a 93 of them"), [(PhiClass::Age, "93".to_owned())]);
}

#[test]
fn what_it_found_once_is_found_everywhere() {
    let d = Detector::with(Preset::Rules, vec![Box::new(ByHeart(&[("Zwirbel Quast", PhiClass::Name, 0.9)], "00"))]);
    let text = "met Zwirbel Quast. Later\nQuast left.";
    assert!(found(&d, text).contains(&(PhiClass::Name, "Quast".to_owned())), "{:?}", found(&d, text));
}

#[test]
fn a_long_text_is_searched_to_its_end() {
    let d = knowing(&[("zwirbel", PhiClass::Name, 0.9)]);
    let text = format!("{}zwirbel", "nothing of note. ".repeat(200_000));
    assert_eq!(found(&d, &text), [(PhiClass::Name, "zwirbel".to_owned())]);
}

#[test]
fn a_failure_passes_nothing() {
    let (d, text) = (broken(), "a cough");
    assert_eq!(d.try_detect(text), Err(BROKEN));
    assert_eq!(d.try_explain(text), Err(BROKEN));
    let span = d.detect(text)[0].span;
    assert_eq!((span.start, span.end), (0, text.len()));
    assert_eq!(d.explain(text)[0].finding.span, span);
    let mut random = |b: &mut [u8]| b.fill(7);
    for mode in ProtectionMode::ALL {
        let refused = protect_all(&d, mode, vec![PhiText::new(text).into()], &mut random).unwrap_err();
        assert_eq!(refused, NotProtected::Unsearched(BROKEN), "{mode}");
    }
    let profile = Profile::safe_harbor();
    let refused = Deidentifier::new(&d, &profile, MemoryVault::new(|b: &mut [u8]| b.fill(7))).text(None, text);
    assert_eq!(refused.unwrap_err(), DeidError::Recognizer(BROKEN));
    let gold = Corpus::gold(br#"{"id": "1", "text": "a cough", "spans": []}"#).unwrap();
    assert_eq!(try_predict(&d, &gold).unwrap_err(), BROKEN);
    assert_eq!(predict(&d, &gold).documents()[0].spans.len(), 1);
}

#[test]
fn an_answer_that_cannot_be_searched_ends() {
    let d: &'static Detector = Box::leak(Box::new(broken()));
    let inputs = vec![PhiText::new("a cough").into()];
    let request = protect_all(Detector::shared(), ProtectionMode::Tokenize, inputs, &mut |b| b.fill(7)).unwrap();
    for action in [OnLeak::Redact, OnLeak::Block] {
        let mut filter = OutputFilter::new(d, &request.surrogates, action);
        let said = "The patient was seen today for a cough and was given something for it. ".repeat(3);
        assert_eq!(filter.push(ModelText::new(said)), Err(BlockedOutput::Unsearched(BROKEN)));
        assert_eq!(filter.finish(), Err(BlockedOutput::Unsearched(BROKEN)));
    }
}

#[test]
fn guesses_that_are_none_are_a_failure() {
    let guess = |start, end, confidence| Guess { start, end, class: PhiClass::Name, confidence };
    let said = |g| Detector::with(Preset::Rules, vec![Box::new(Fixed(Ok(g)))]).try_detect("née xyz");
    assert!(said(guess(5, 8, 0.5)).is_ok_and(|f| f.len() == 1));
    for wrong in [
        guess(0, 2, 0.5), // inside a character
        guess(0, 9, 0.5),
        guess(3, 3, 0.5),
        guess(8, 5, 0.5),
        guess(5, 8, 1.5),
        guess(5, 8, f32::NAN),
    ] {
        assert_eq!(said(wrong).unwrap_err().name, BROKEN.name, "{wrong:?}");
    }
}

#[test]
fn a_recognizer_is_in_version_and_digest() {
    let plain = Detector::preset(Preset::Rules);
    let of = |digest| Detector::with(Preset::Rules, vec![Box::new(ByHeart(&[], digest))]);
    let (a, b) = (of("0123456789abcdef"), of("1123456789abcdef"));
    assert_eq!(a.version(), format!("{}+test:by-heart@0123456789ab", plain.version()));
    assert!(plain.digest() != a.digest() && a.digest() != b.digest());
    assert_ne!(plain.digest(), Detector::shared().digest(), "presets decide differently");
    assert!(plain.version().ends_with("+rules") && !Detector::shared().version().contains('+'));
}
