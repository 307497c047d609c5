//! A GLiNER that the gliner library made and exported: what it finds here is what the library finds.

use crate::support::{Model, library, shipped};
use medlock_deid::{Detector, Guess, Preset, Recognizer, protect_all};
use medlock_domain::{PhiClass, PhiText, ProtectionMode};
use medlock_onnx::{Gliner, Source, load};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the model was trained for; a class each, so that they can be told apart.
const LABELS: &str = "[labels]\nperson = 'NAME'\nhospital = 'LOCATION'\nmedication = 'ID'\n'phone number' = 'PHONE'\n";

fn made() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gliner")
}

fn copy() -> Model {
    let model = Model::of(&made(), "gliner_config.json");
    model.write("labels.toml", LABELS);
    model
}

fn loaded(model: &Model, library: &Path, threshold: Option<f32>) -> Result<Gliner, String> {
    Gliner::load(&Source { dir: model.dir(), library: library.to_owned(), threshold }).map_err(|e| e.to_string())
}

fn found<'t>(model: &Gliner, text: &'t str) -> Vec<(PhiClass, &'t str)> {
    model.recognize(text).unwrap().iter().map(|g| (g.class, &text[g.start..g.end])).collect()
}

/// A span of the record as it is here: in bytes, without the marks at its ends.
fn recorded(text: &str, span: &Value) -> Option<Guess> {
    let place = |key: &str| {
        let chars = span[key].as_u64().unwrap() as usize;
        text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
    };
    let (start, end) = (place("start"), place("end"));
    let class = match span["label"].as_str().unwrap() {
        "person" => PhiClass::Name,
        "hospital" => PhiClass::Location,
        "medication" => PhiClass::Id,
        "phone number" => PhiClass::Phone,
        label => panic!("{label}"),
    };
    let trimmed = text[start..end].trim_end_matches(|c: char| !c.is_alphanumeric());
    let value = trimmed.trim_start_matches(|c: char| !c.is_alphanumeric());
    let start = start + trimmed.len() - value.len();
    let confidence = span["score"].as_f64().unwrap() as f32;
    (!value.is_empty()).then_some(Guess { start, end: start + value.len(), class, confidence })
}

#[test]
fn it_finds_what_the_library_finds() {
    let Some(library) = library() else { return };
    let record: Value = serde_json::from_slice(&std::fs::read(made().join("expected.json")).unwrap()).unwrap();
    let (mut spans, model) = (0, copy());
    for threshold in [0.3, 0.01] {
        let model = loaded(&model, &library, Some(threshold)).unwrap();
        let of_threshold = |t: &&Value| (t["threshold"].as_f64().unwrap() as f32 - threshold).abs() < 1e-6;
        for said in record["texts"].as_array().unwrap().iter().filter(of_threshold) {
            let text = said["text"].as_str().unwrap();
            let wanted: Vec<_> = said["spans"].as_array().unwrap().iter().filter_map(|s| recorded(text, s)).collect();
            let got = model.recognize(text).unwrap();
            let place = |g: &Guess| (g.start, g.end, g.class);
            let places = |all: &[Guess]| all.iter().map(place).collect::<Vec<_>>();
            assert_eq!(places(&got), places(&wanted), "{threshold} {text}: {got:?} {wanted:?}");
            for (got, wanted) in got.iter().zip(&wanted) {
                assert!((got.confidence - wanted.confidence).abs() < 1e-4, "{text}: {got:?} {wanted:?}");
            }
            spans += got.len();
        }
    }
    assert!(spans > 40, "{spans}");
}

/// A window has 48 words, and its hospital is one only because of the word behind it.
#[test]
fn a_window_cuts_nothing_off() {
    let Some(library) = library() else { return };
    let model = loaded(&copy(), &library, None).unwrap();
    for words in (0..120).chain([4000, 4001]) {
        let fill = "she had no pain today . ".repeat(1000);
        let fill = fill.split_inclusive(' ').take(words).collect::<String>();
        let text =
            format!("{fill}seen by Thaloss at Benquass Clinic on warfarin . {}", "she had no pain . ".repeat(20));
        let want = [(PhiClass::Name, "Thaloss"), (PhiClass::Location, "Benquass Clinic"), (PhiClass::Id, "warfarin")];
        assert_eq!(found(&model, &text), want, "after {words}");
    }
}

#[test]
fn what_is_no_word_is_gone_through() {
    let Some(library) = library() else { return };
    let model = loaded(&copy(), &library, None).unwrap();
    for text in ["", " \r\n\t", "\u{1c}"] {
        assert_eq!(found(&model, text), [], "{text:?}");
    }
    let run = format!("{} seen by Thaloss", "x1".repeat(30_000));
    assert_eq!(found(&model, &run).last(), Some(&(PhiClass::Name, "Thaloss")));
    // What ends inside a word is the word, and no text is a part of the prompt.
    assert_eq!(found(&model, "by Thalo\u{301}ss ."), [(PhiClass::Name, "Thalo\u{301}ss")]);
    assert_eq!(found(&model, "<<ENT>> <<SEP>> [SEP] by Thaloss").last(), Some(&(PhiClass::Name, "Thaloss")));
}

#[test]
fn the_labels_are_the_users() {
    let Some(library) = library() else { return };
    let text = "seen by Thaloss at Benquass Clinic on warfarin";
    let model = copy();
    model.change("labels.toml", "medication = 'ID'", "medication = 'ignore'");
    model.change("labels.toml", "person = 'NAME'", "person = 'MRN'");
    let want = [(PhiClass::Mrn, "Thaloss"), (PhiClass::Location, "Benquass Clinic")];
    assert_eq!(found(&loaded(&model, &library, None).unwrap(), text), want);
    // Without a table the usual labels are asked for; of those this model knows person and hospital.
    std::fs::remove_file(model.dir().join("labels.toml")).unwrap();
    let usual = loaded(&model, &library, None).unwrap();
    let got = found(&usual, text);
    assert!(got.contains(&(PhiClass::Location, "Benquass Clinic")), "{got:?}");
    model.write(
        "labels.toml",
        &format!("[labels]\n{}", (0..200).map(|n| format!("'person {n}' = 'NAME'\n")).collect::<String>()),
    );
    let said = loaded(&model, &library, None).unwrap_err();
    assert!(said.contains("labels.toml: the labels take ") && said.contains("ask for fewer"), "{said}");
}

#[test]
fn it_is_loaded_by_its_configuration_and_protects() {
    let Some(library) = library() else { return };
    let model = copy();
    let source = |dir: PathBuf| Source { dir, library: library.clone(), threshold: None };
    let (gliner, classifier) = (load(&source(model.dir())).unwrap(), load(&source(shipped())).unwrap());
    assert_eq!((gliner.name(), classifier.name()), ("onnx:copy", "onnx:tiny"));
    let detector = Detector::with(Preset::Rules, vec![gliner]);
    let mut random = |b: &mut [u8]| b.fill(7);
    let text = PhiText::new("seen by Thaloss , warfarin").into();
    let protected = protect_all(&detector, ProtectionMode::Redact, vec![text], &mut random).unwrap();
    assert_eq!(protected.texts[0].expose(), "seen by [NAME] , [ID]");
    assert!(detector.version().contains("+onnx:copy@"), "{}", detector.version());
}

#[test]
fn other_kinds_are_refused_by_what_was_found() {
    let Some(library) = library() else { return };
    let with = |change: &dyn Fn(&Model)| {
        let model = copy();
        change(&model);
        loaded(&model, &library, None).unwrap_err()
    };
    let classifiers = |m: &Model| {
        std::fs::copy(shipped().join("model.onnx"), m.dir().join("model.onnx")).unwrap();
    };
    let config = |old: &'static str, new: &'static str| move |m: &Model| m.change("gliner_config.json", old, new);
    for (said, change) in [
        ("gliner_config.json: span_mode is \"token_level\"", &config("markerV0", "token_level") as &dyn Fn(&Model)),
        ("gliner_config.json: labels_encoder is set", &config("\"labels_encoder\": null", "\"labels_encoder\": \"x\"")),
        (
            "gliner_config.json: class_token_index is 7, but <<ENT>>",
            &config("\"class_token_index\": 26", "\"class_token_index\": 7, \"x\": 26"),
        ),
        ("tokenizer.json: it has no token <<END>>", &config("<<SEP>>", "<<END>>")),
        ("model.onnx: its input token_type_ids is not one of input_ids, attention_mask, words_mask", &classifiers),
        ("model.onnx: the model's answer is not a figure per word, width and label", &|m| {
            // Its graph knows another token as the one before a label.
            m.change("gliner_config.json", "\"class_token_index\": 26", "\"x\": 26");
            m.change("gliner_config.json", "\"ent_token\": \"<<ENT>>\"", "\"ent_token\": \"<<SEP>>\"");
        }),
    ] {
        let got = with(change);
        assert!(got.contains(said), "{said}: {got}");
    }
    // And one that lies there as a token classifier.
    let model = Model::copy();
    std::fs::copy(made().join("model.onnx"), model.dir().join("model.onnx")).unwrap();
    let got = model.load(&library).unwrap_err().to_string();
    assert!(got.contains("its input words_mask is not one of") && got.contains("gliner_config.json"), "{got}");
}

#[test]
fn a_change_in_what_it_decides_by_changes_the_digest() {
    let Some(library) = library() else { return };
    let of = |threshold, change: &dyn Fn(&Model)| {
        let model = copy();
        change(&model);
        loaded(&model, &library, threshold).unwrap().digest().to_owned()
    };
    let same = of(None, &|_| ());
    assert_eq!(same, of(Some(0.3), &|_| ()), "the same files and the usual threshold");
    let mut seen = vec![
        same,
        of(Some(0.4), &|_| ()),
        of(None, &|m| m.change("gliner_config.json", "{", "{ ")),
        of(None, &|m| m.change("tokenizer.json", "{", "{ ")),
        of(None, &|m| m.change("labels.toml", "'PHONE'", "'FAX'")),
        of(None, &|m| std::fs::remove_file(m.dir().join("labels.toml")).unwrap()),
    ];
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), seen[0].len()), (count, 64));
}
