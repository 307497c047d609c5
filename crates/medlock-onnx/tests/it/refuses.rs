//! What is missing or not understood is refused when the model is loaded, and what was loaded has a name.

use crate::support::{Model, library, shipped, tiny};
use medlock_deid::Recognizer;
use medlock_onnx::{LoadError, Source, TokenClassifier};
use std::path::Path;

fn refused(model: &Model, library: &Path) -> String {
    model.load(library).unwrap_err().to_string()
}

#[test]
fn a_missing_library_is_named() {
    let source = |library: &Path| Source { dir: shipped(), library: library.to_owned(), threshold: Some(0.5) };
    let missing = TokenClassifier::load(&source(Path::new("/nowhere/libonnxruntime.so"))).unwrap_err();
    assert!(matches!(missing, LoadError::Read { .. }));
    assert_eq!(missing.to_string(), "cannot read /nowhere/libonnxruntime.so: No such file or directory (os error 2)");
    let Some(library) = library() else { return };
    tiny(&library);
    let other = TokenClassifier::load(&source(&shipped().join("config.json"))).unwrap_err().to_string();
    assert!(other.contains("config.json: this process has") && other.contains("already"), "{other}");
}

#[test]
fn a_missing_file_is_named() {
    for file in ["model.onnx", "tokenizer.json", "config.json"] {
        let model = Model::copy();
        std::fs::remove_file(model.dir().join(file)).unwrap();
        let said = refused(&model, Path::new("unused"));
        assert!(said.starts_with("cannot read ") && said.contains(file), "{said}");
    }
}

#[test]
fn a_label_without_a_class_is_refused_until_it_has_one() {
    let Some(library) = library() else { return };
    let model = Model::copy();
    model.change("config.json", "B-PER", "B-ZEBRA");
    model.change("config.json", "I-PER", "I-ZEBRA");
    let said = refused(&model, &library);
    assert!(said.contains("no class is known for ZEBRA; give each one in labels.toml"), "{said}");
    model.write("labels.toml", "[labels]\nZEBRA = \"MRN\"\n");
    let guess = model.load(&library).unwrap().recognize("by zwirbel").unwrap()[0];
    assert_eq!(guess.class, medlock_domain::PhiClass::Mrn);
    model.write("labels.toml", "[labels]\nZEBRA = \"ignore\"\n");
    assert_eq!(model.load(&library).unwrap().recognize("by zwirbel").unwrap(), []);
}

#[test]
fn a_model_that_is_none_of_this_kind_is_refused() {
    let Some(library) = library() else { return };
    let with = |change: &dyn Fn(&Model)| {
        let model = Model::copy();
        change(&model);
        refused(&model, &library)
    };
    for (said, change) in [
        ("tokenizer.json: ", &(|m: &Model| m.write("tokenizer.json", "{}")) as &dyn Fn(&Model)),
        ("config.json: there is no id2label", &|m| m.write("config.json", "{}")),
        ("model.onnx: ", &|m| m.write("model.onnx", "no model")),
        // Fewer labels than the model has figures, and more positions than it has rows.
        ("model.onnx: the model's answer is not", &|m| m.change("config.json", ",\n  \"4\": \"I-LOC\"", "")),
        ("model.onnx: the runtime refused a window", &|m| m.change("config.json", "64", "65")),
        ("config.json: max_position_embeddings", &|m| m.change("config.json", "64", "8")),
    ] {
        let got = with(change);
        assert!(got.contains(said), "{said}: {got}");
    }
}

#[test]
fn a_change_in_any_file_changes_the_digest() {
    let Some(library) = library() else { return };
    let (shipped, same) = (tiny(&library), Model::copy().load(&library).unwrap());
    assert_eq!(shipped.digest(), same.digest(), "the same files in another directory");
    assert_eq!((shipped.name(), same.name()), ("onnx:tiny", "onnx:copy"));
    let mut seen = vec![shipped.digest().to_owned()];
    let of = |change: &dyn Fn(&Model)| {
        let model = Model::copy();
        change(&model);
        model.load(&library).unwrap().digest().to_owned()
    };
    seen.push(of(&|m| m.change("tokenizer.json", "\"version\": \"1.0\"", "\"version\":  \"1.0\"")));
    seen.push(of(&|m| m.change("config.json", "{", "{ ")));
    seen.push(of(&|m| m.write("labels.toml", "[labels]\n")));
    seen.push(of(&|m| {
        let path = m.dir().join("model.onnx");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(7).position(|w| w == b"medlock").unwrap();
        bytes[at] = b'M';
        std::fs::write(path, bytes).unwrap();
    }));
    let source = Source { dir: self::shipped(), library: library.clone(), threshold: Some(0.6) };
    seen.push(TokenClassifier::load(&source).unwrap().digest().to_owned());
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), seen[0].len()), (count, 64));
}
