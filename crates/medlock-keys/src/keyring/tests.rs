#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::hpke::{decapsulate, encapsulate};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("data/keys");
    (dir, keys)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect();
    all.sort();
    all
}

#[test]
fn keys_come_back_and_each_use_has_its_own() {
    let (_guard, dir) = fresh();
    let (made, opened) = (Keyring::create(&dir).unwrap(), Keyring::open(&dir).unwrap());
    for data in Data::ALL {
        assert_eq!(made.data_key(data).expose(), opened.data_key(data).expose());
        for other in Data::ALL.into_iter().filter(|d| *d != data) {
            assert_ne!(made.data_key(data).expose(), made.data_key(other).expose(), "{data:?} and {other:?}");
        }
    }
    assert_eq!(made.audit_signing().public(), opened.audit_signing().public());
    let reading = load_reading_key(&dir.join(READING)).unwrap();
    let (enc, sender) = encapsulate(opened.reading_public(), b"segment");
    assert_eq!(*decapsulate(&enc, &reading, b"segment").unwrap().export(b""), *sender.export(b""));
    assert_eq!(format!("{opened:?}"), "Keyring");
}

#[test]
fn the_server_opens_without_the_private_reading_key() {
    let (_guard, dir) = fresh();
    Keyring::create(&dir).unwrap();
    fs::remove_file(dir.join(READING)).unwrap();
    Keyring::open(&dir).unwrap();
}

#[test]
fn only_the_owner_may_read_what_is_created() {
    let (_guard, dir) = fresh();
    let keyring = Keyring::create(&dir).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&dir), mode(&dir.join(WRAPPED))), (0o700, 0o700));
    let files = files(&dir);
    assert_eq!(files.len(), 8, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let bytes = fs::read(&file).unwrap();
        for data in Data::ALL {
            let key = keyring.data_key(data).expose();
            assert!(!bytes.windows(32).any(|w| w == key), "{data:?} in the clear in {}", file.display());
        }
    }
}

#[test]
fn keys_are_never_overwritten() {
    let (_guard, dir) = fresh();
    Keyring::create(&dir).unwrap();
    let contents = || files(&dir.join(WRAPPED)).iter().map(|f| fs::read(f).unwrap()).collect::<Vec<_>>();
    let before = contents();
    assert!(matches!(Keyring::create(&dir), Err(KeyError::Exists(_))));
    // Nor when the reading key and the root key have been moved elsewhere.
    for moved in [READING, ROOT] {
        fs::remove_file(dir.join(moved)).unwrap();
        assert!(matches!(Keyring::create(&dir), Err(KeyError::Exists(_))), "without {moved}");
    }
    assert_eq!(contents(), before);
    let error = Keyring::open(&dir).unwrap_err();
    assert!(matches!(error, KeyError::Unfinished(_)), "{error}");
}

#[test]
fn of_many_that_create_at_once_one_wins_and_its_keys_open() {
    let (_guard, dir) = fresh();
    let won = std::thread::scope(|s| {
        let tries = [(); 4].map(|()| s.spawn(|| Keyring::create(&dir).is_ok()));
        tries.map(|t| t.join().unwrap()).iter().filter(|won| **won).count()
    });
    assert_eq!(won, 1);
    Keyring::open(&dir).unwrap();
}

#[test]
fn any_file_open_to_the_group_is_refused() {
    let (_guard, dir) = fresh();
    Keyring::create(&dir).unwrap();
    for file in files(&dir) {
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = if file.ends_with(READING) { load_reading_key(&file).err() } else { Keyring::open(&dir).err() };
        assert!(matches!(&error, Some(KeyError::Exposed(p)) if *p == file.display().to_string()), "{error:?}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    Keyring::open(&dir).unwrap();
}

#[test]
fn changed_swapped_and_foreign_files_are_refused_by_name() {
    let ((_guard, dir), (_other_guard, other)) = (fresh(), fresh());
    Keyring::create(&dir).unwrap();
    Keyring::create(&other).unwrap();
    for file in files(&dir.join(WRAPPED)) {
        let good = fs::read(&file).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let sibling = if file.ends_with("vault") { "store" } else { "vault" };
        let swapped = fs::read(dir.join(WRAPPED).join(sibling)).unwrap();
        let foreign = fs::read(other.join(WRAPPED).join(file.file_name().unwrap())).unwrap();
        for (what, bad) in [("flipped", flipped), ("empty", vec![]), ("swapped", swapped), ("foreign", foreign)] {
            fs::write(&file, bad).unwrap();
            let error = Keyring::open(&dir).unwrap_err();
            assert!(matches!(&error, KeyError::Damaged(p) if *p == file.display().to_string()), "{what}: {error}");
        }
        fs::write(&file, &good).unwrap();
    }
    Keyring::open(&dir).unwrap();
    for (what, bad) in [("short", vec![0; 31]), ("long", vec![0; 33]), ("foreign", fs::read(other.join(ROOT)).unwrap())]
    {
        fs::write(dir.join(ROOT), bad).unwrap();
        assert!(matches!(Keyring::open(&dir), Err(KeyError::Damaged(_))), "{what}");
    }
    assert!(matches!(load_reading_key(&dir.join(ROOT)), Err(KeyError::Damaged(_))));
}

#[test]
fn the_signing_key_is_followed_by_another_and_kept_for_a_while() {
    let (_guard, dir) = fresh();
    let first = Keyring::create(&dir).unwrap().audit_signing().public();
    assert!(Keyring::open(&dir).unwrap().audit_signing_before().is_none());
    Keyring::rotate_audit_signing(&dir, 4711).unwrap();
    let rotated = Keyring::open(&dir).unwrap();
    let (before, until) = rotated.audit_signing_before().unwrap();
    assert_eq!((before.public(), until), (first, 4711));
    assert_ne!(rotated.audit_signing().public(), first);
    // What a crash before the new key leaves is no change.
    let new = fs::read(dir.join("wrapped/audit-signing")).unwrap();
    Keyring::forget_audit_signing_before(&dir).unwrap();
    assert!(Keyring::open(&dir).unwrap().audit_signing_before().is_none());
    Keyring::rotate_audit_signing(&dir, 4711).unwrap();
    fs::write(dir.join("wrapped/audit-signing"), new).unwrap();
    let interrupted = Keyring::open(&dir).unwrap();
    assert!(interrupted.audit_signing_before().is_none());
    assert_eq!(interrupted.audit_signing().public(), rotated.audit_signing().public());
}
