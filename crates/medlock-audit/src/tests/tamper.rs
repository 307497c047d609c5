//! Somebody changes the files. Whatever they do is noticed, and the file is named.

use super::*;
use crate::facts::{Fact, Word};
use crate::format::frame::{self, MAGIC, Type};
use crate::format::record::Record;
use crate::leaf_hash;
use crate::medium::Medium;
use crate::tree::Frontier;
use crate::verify::Trouble;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use medlock_keys::digest::Sha256;
use std::collections::BTreeMap;

type Files = BTreeMap<String, Vec<u8>>;

/// A small log with everything in it: two segments, content, a recovery, tiles, all the side files.
fn log() -> (World, Files) {
    let world = World::new();
    let disk = world.created();
    world.session(&disk, &["a text"]);
    let mut files = disk.files();
    files.get_mut("segments/00000000.seg").unwrap().extend_from_slice(b"E\x00torn");
    let disk = FaultDisk::with_files(files);
    world.session(&disk, &[""]);
    let files = disk.files();
    assert_eq!(world.verify(&disk, None).unwrap().size, 5);
    assert_eq!(files.len(), 13, "{:?}", files.keys());
    (world, files)
}

fn problems(world: &World, files: &Files) -> Vec<Problem> {
    world.verify(&FaultDisk::with_files(files.clone()), None).err().unwrap_or_default()
}

fn assert_caught(world: &World, files: &Files, file: &str, how: &str) {
    let found = problems(world, files);
    assert!(found.iter().any(|p| p.file == file), "{file}, {how}: {}", show(&found));
}

#[test]
fn every_bit_of_every_file() {
    let (world, files) = log();
    for (name, bytes) in &files {
        let mut changed = files.clone();
        for bit in 0..bytes.len() * 8 {
            changed.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            assert_caught(&world, &changed, name, &format!("bit {bit}"));
            changed.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn every_shorter_and_every_longer_file_and_every_missing_one() {
    let (world, files) = log();
    for (name, bytes) in &files {
        for length in 0..bytes.len() {
            let mut changed = files.clone();
            changed.get_mut(name).unwrap().truncate(length);
            // Cut exactly after a checkpoint, what is left is a log, but shorter than was signed.
            let found = problems(&world, &changed);
            let named = found.iter().any(|p| p.file == *name || p.trouble == Trouble::CutShort);
            assert!(named, "{name} cut to {length}: {}", show(&found));
        }
        for extra in [&b"\0"[..], b"E", b"C\0\0\0\0", b"\n", b"anything at all"] {
            let mut changed = files.clone();
            changed.get_mut(name).unwrap().extend_from_slice(extra);
            assert_caught(&world, &changed, name, "with more at its end");
        }
        // Smaller tiles than the checkpoint file's are for who still has an older checkpoint.
        let outgrown = name.contains(".p/") && !name.ends_with("/5");
        if name != "log.vkey" && !outgrown {
            let mut changed = files.clone();
            changed.remove(name);
            let found = problems(&world, &changed);
            assert!(!found.is_empty(), "{name} removed");
        }
    }
    for stray in [
        "segments/x",
        "segments/0.seg",
        "segments/00000007.seg",
        "recovered/00000000-1-00.torn",
        "tile/0/000.p/05",
        "tile/1/000.p/1",
        "tile/x",
    ] {
        let mut changed = files.clone();
        changed.insert(stray.into(), b"x".to_vec());
        assert!(!problems(&world, &changed).is_empty(), "{stray}");
    }
}

#[test]
fn a_log_cut_back_with_its_checkpoint_is_caught_by_a_kept_one() {
    let world = World::new();
    let disk = world.created();
    world.session(&disk, &["one"]);
    let earlier = disk.files();
    world.session(&disk, &["two"]);
    let kept = world.verify(&disk, None).unwrap().checkpoint;

    let put_back = FaultDisk::with_files(earlier);
    assert!(world.verify(&put_back, None).is_ok(), "nothing inside the directory can show this");
    let found = world.verify(&put_back, Some(&kept)).unwrap_err();
    assert_eq!(found[0].trouble, Trouble::CutShort);
    assert!(found[0].what.contains("covers 4 entries; only 2"), "{}", show(&found));

    // Another history by the holder of the key: as long, but not the one that was signed before.
    world.session(&put_back, &["rewritten"]);
    let found = world.verify(&put_back, Some(&kept)).unwrap_err();
    assert_eq!(found[0].trouble, Trouble::Forked);

    let found = world.verify(&disk, Some("not a checkpoint")).unwrap_err();
    assert_eq!(found[0].trouble, Trouble::BadQuestion);
    let other = crate::verify::verify_on(&disk, &SigningKey::generate().public(), ORIGIN, None).unwrap_err();
    assert!(other.iter().any(|p| p.file == "log.vkey") && other.iter().any(|p| p.file == "checkpoint"));
}

/// The frames of a segment, each with its header.
fn frames(segment: &[u8]) -> Vec<(Type, Vec<u8>)> {
    let (mut at, mut found) = (MAGIC.len(), Vec::new());
    while let Some(f) = frame::at(segment, at).unwrap() {
        found.push((f.kind, segment[at..f.end].to_vec()));
        at = f.end;
    }
    found
}

fn joined<'a>(frames: impl IntoIterator<Item = &'a (Type, Vec<u8>)>) -> Vec<u8> {
    let bodies: Vec<u8> = frames.into_iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    [&MAGIC[..], &bodies].concat()
}

#[test]
fn entries_removed_repeated_and_moved() {
    let world = World::new();
    let disk = world.created();
    world.session(&disk, &["one", "two", "", "four"]);
    world.session(&disk, &["five"]);
    let (files, name) = (disk.files(), "segments/00000000.seg");
    let all = frames(&files[name]);
    assert!(all.len() > 12, "{}", all.len());
    let with = |segment: Vec<u8>| {
        let mut changed = files.clone();
        changed.insert(name.into(), segment);
        changed
    };
    assert_eq!(joined(&all), files[name]);
    for i in 0..all.len() {
        let without = all.iter().enumerate().filter(|(n, _)| *n != i).map(|(_, f)| f);
        assert_caught(&world, &with(joined(without)), name, &format!("without frame {i}"));
        let mut twice = all.clone();
        twice.insert(i, all[i].clone());
        assert_caught(&world, &with(joined(&twice)), name, &format!("frame {i} twice"));
        for j in i + 1..all.len() {
            let mut swapped = all.clone();
            swapped.swap(i, j);
            assert_caught(&world, &with(joined(&swapped)), name, &format!("frames {i} and {j} swapped"));
            let mut cut = all.clone();
            cut.drain(i..j);
            assert_caught(&world, &with(joined(&cut)), name, &format!("without frames {i} to {j}"));
        }
    }
    // A whole segment in another's place, and one twice.
    let mut swapped = files.clone();
    swapped.insert(name.into(), files["segments/00000001.seg"].clone());
    assert_caught(&world, &swapped, name, "another segment in its place");
    let mut twice = files.clone();
    twice.insert("segments/00000002.seg".into(), files["segments/00000001.seg"].clone());
    assert_caught(&world, &twice, "segments/00000002.seg", "a segment twice");
}

#[test]
fn a_segment_of_another_log_under_the_same_key_is_told_as_that() {
    let world = World::new();
    let logs = ["one", "another"].map(|text| {
        let disk = world.created();
        world.session(&disk, &[text]);
        world.session(&disk, &["same"]);
        disk.files()
    });
    let [mut files, other] = logs;
    files.insert("segments/00000001.seg".into(), other["segments/00000001.seg"].clone());
    let found = problems(&world, &files);
    assert_eq!(
        (&found[0].file[..], &found[0].what[..]),
        ("segments/00000001.seg", "a segment that continues another log")
    );
}

/// The same log with another first entry, by somebody without the key: every hash and every link is right, and the
/// signatures are not. The last segment is left without a checkpoint.
fn forged(mut files: Files) -> Files {
    let (mut tree, mut notes) = (Frontier::default(), None);
    let names: Vec<String> = files.keys().filter(|name| name.starts_with("segments/")).cloned().collect();
    for name in &names {
        let (mut made, mut digest, mut before) = (MAGIC.to_vec(), Sha256::new(), tree.size());
        for (kind, bytes) in frames(&files[name]) {
            let body = frame::at(&bytes, 0).unwrap().unwrap().body;
            match kind {
                Type::Blob => made.extend(bytes),
                Type::Entry => {
                    let mut record = Record::decode(body).unwrap();
                    if record.kind == Kind::SegmentStart && tree.size() > 0 {
                        record.facts.set("prev_root", Fact::Digest(tree.root()));
                        record.facts.set("prev_notes", Fact::Digest(notes.unwrap()));
                    }
                    if record.kind == Kind::Release && tree.size() == 1 {
                        record.facts.set("mode", Fact::Word(Word::new("identified").unwrap()));
                    }
                    let body = record.encode().unwrap();
                    tree.push(leaf_hash(&body));
                    frame::put(&mut made, Type::Entry, &body);
                }
                Type::Checkpoint if Some(name) == names.last() => {}
                Type::Checkpoint => {
                    let note = String::from_utf8(body[8..].to_vec()).unwrap();
                    let mut lines: Vec<String> = note.lines().map(str::to_owned).collect();
                    (lines[1], lines[2]) = (tree.size().to_string(), BASE64.encode(tree.root()));
                    let end = lines.last_mut().unwrap();
                    let last = end.len() - 8;
                    end.replace_range(last.., if end.ends_with("AAAAAAA=") { "BBBBBBA=" } else { "AAAAAAA=" });
                    let body = frame::put_checkpoint(&mut made, before, &(lines.join("\n") + "\n"));
                    digest.update(&body);
                    before = tree.size();
                }
            }
        }
        notes = Some(digest.finish());
        files.insert(name.clone(), made);
    }
    files
}

#[test]
fn a_log_forged_without_the_key_is_caught_though_its_end_is_unfinished() {
    let world = World::new();
    let disk = world.created();
    let first = disk.files()["checkpoint"].clone();
    for text in ["one", "two", "three", "four"] {
        world.session(&disk, &[text]);
    }
    assert_eq!(world.verify(&disk, None).unwrap().segments, 4);
    let mut files = forged(disk.files());
    files.insert("checkpoint".into(), first);
    files.retain(|name, _| !name.starts_with("tile/"));
    for in_use in [false, true] {
        let disk = FaultDisk::with_files(files.clone());
        let _held = in_use.then(|| disk.lock().unwrap());
        let found = world.verify(&disk, None).unwrap_err();
        assert!(
            found.iter().any(|p| p.file == "segments/00000002.seg" && p.trouble == Trouble::Altered),
            "{}",
            show(&found)
        );
    }
}
