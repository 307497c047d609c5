//! What the model says is found, at the right bytes, wherever it stands.

use crate::support::{Model, library, tiny};
use medlock_deid::{Detector, Preset, Recognizer, protect_all};
use medlock_domain::{PhiClass, PhiText, ProtectionMode};
use medlock_onnx::TokenClassifier;

fn found<'t>(model: &TokenClassifier, text: &'t str) -> Vec<(PhiClass, &'t str)> {
    model.recognize(text).unwrap().iter().map(|g| (g.class, &text[g.start..g.end])).collect()
}

#[test]
fn spans_are_exact_in_bytes() {
    let Some(library) = library() else { return };
    let model = tiny(&library);
    let (name, place) = (PhiClass::Name, PhiClass::Location);
    for (text, want) in [
        ("", &[][..]),
        ("the patient was seen", &[]),
        ("seen by zwirbel quast in Örlund upper.", &[(name, "zwirbel quast"), (place, "Örlund upper")]),
        ("naïve é, é 漢字 🙂 Štěpánková, a cough", &[(name, "Štěpánková")]),
        ("e\u{301} dr A\u{301}sga\u{301}", &[(name, "A\u{301}sga\u{301}")]),
        ("\u{feff}\r\n  zwirbel\t\r\n", &[(name, "zwirbel")]),
        ("seen by dr Æsgærd.", &[(name, "Æsgærd")]),
        ("[CLS] [SEP] zwirbel [PAD]", &[(name, "zwirbel")]),
        ("zwirbel zwirbel", &[(name, "zwirbel"), (name, "zwirbel")]),
    ] {
        assert_eq!(found(&model, text), want, "{text:?}");
    }
    let guess = model.recognize("by zwirbel").unwrap()[0];
    // exp(8) / (exp(8) + exp(4) + 3), and the second piece of the word does not lower it.
    assert!((guess.confidence - 0.9812).abs() < 0.001, "{}", guess.confidence);
}

/// A window has 62 tokens, and the name is one only because of the `dr` before it.
#[test]
fn a_window_cuts_nothing_off() {
    let Some(library) = library() else { return };
    let model = tiny(&library);
    for words in 0..200 {
        let text = format!("{}dr Æsgærd was seen by zwirbel quast{}", "é ".repeat(words), " the é".repeat(40));
        let want = [(PhiClass::Name, "Æsgærd"), (PhiClass::Name, "zwirbel quast")];
        assert_eq!(found(&model, &text), want, "after {words}");
    }
}

#[test]
fn neither_does_a_segment() {
    let Some(library) = library() else { return };
    let model = tiny(&library);
    for words in (16 << 10) / 6 - 30..(16 << 10) / 6 + 10 {
        let text = format!("{}dr Æsgærd was{}", "é é ".repeat(words), " the é".repeat(3000));
        assert_eq!(found(&model, &text), [(PhiClass::Name, "Æsgærd")], "after {words}");
    }
    // No space to cut at.
    let run = format!("{} zwirbel", "é".repeat(40_000));
    assert_eq!(found(&model, &run), [(PhiClass::Name, "zwirbel")]);
}

#[test]
fn it_is_protected_and_explained_beside_the_rules() {
    let Some(library) = library() else { return };
    let detector = Detector::with(Preset::Balanced, vec![Box::new(tiny(&library))]);
    let text = "SSN 219-09-9934, in a zwirbel quast and a zwi\u{200b}rbel";
    let plain = Detector::shared().detect(text);
    assert_eq!(plain.len(), 1, "the rules alone know the number only: {plain:?}");
    let mut random = |b: &mut [u8]| b.fill(7);
    let protected =
        protect_all(&detector, ProtectionMode::Redact, vec![PhiText::new(text).into()], &mut random).unwrap();
    assert_eq!(protected.texts[0].expose(), "SSN [SSN], in a [NAME] and a [NAME]");
    let explained = detector.try_explain(text).unwrap();
    assert!(explained[1].because.iter().any(|b| b.0 == "onnx:tiny"), "{explained:?}");
    assert!(!explained[0].because.iter().any(|b| b.0 == "onnx:tiny"));
    assert!(detector.version().contains("+onnx:tiny@"), "{}", detector.version());
    assert_ne!(detector.digest(), Detector::shared().digest());
}

#[test]
fn many_threads_can_ask() {
    let Some(library) = library() else { return };
    let model = tiny(&library);
    let ask = || assert_eq!(found(&model, "by zwirbel é"), [(PhiClass::Name, "zwirbel")]);
    std::thread::scope(|s| {
        let all: Vec<_> = (0..4).map(|_| s.spawn(|| (0..50).for_each(|_| ask()))).collect();
        all.into_iter().for_each(|t| t.join().unwrap());
    });
}

/// Tokens of single bytes: what they say of half a character is said of its word.
#[test]
fn tokens_that_end_inside_a_character_take_all_of_it() {
    let Some(library) = library() else { return };
    let model = Model::copy();
    // The two bytes of `ě`, as byte-level tokenizers write them, have the number of a name's first piece.
    let tokenizer = serde_json::json!({
        "version": "1.0", "added_tokens": [], "normalizer": null, "post_processor": null, "decoder": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "unk_token": "[UNK]", "vocab": {"[UNK]": 1, "Ä": 20, "Ľ": 20}, "merges": []},
    });
    model.write("tokenizer.json", &tokenizer.to_string());
    let model = model.load(&library).unwrap();
    let text = "née 🙂 Štěpán ě, Ďak věty";
    let want = ["Štěpán", "ě", "Ďak", "věty"].map(|w| (PhiClass::Name, w));
    assert_eq!(found(&model, text), want);
}
