//! The published log: what others read.

use super::*;
use crate::verify::Trouble;
use crate::{Checkpoint, InclusionProof, LogName, Published};
use std::collections::BTreeMap;

/// A log of some 70,000 entries would take long; this has two full tiles a row, and a third begun.
fn long(world: &World) -> FaultDisk {
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for n in 0..6 {
        runtime.block_on(async {
            let appends: Vec<_> = (0..100)
                .map(|i| {
                    let (log, text) = (log.clone(), if i % 10 == 0 { "x".repeat(500) } else { String::new() });
                    tokio::spawn(async move { log.append(entry(&text)).await.unwrap() })
                })
                .collect();
            for append in appends {
                append.await.unwrap();
            }
        });
        let published = log.publish().unwrap();
        assert!(published.checkpoint().size > n * 100 + 100);
        assert_eq!(published.checkpoint().size, log.size());
    }
    drop(log);
    disk
}

fn name(world: &World) -> LogName {
    LogName::new(ORIGIN, world.signing.public()).unwrap()
}

fn published(world: &World, disk: &FaultDisk) -> Published {
    Published::open_on(Arc::new(disk.clone()), Some(&name(world))).unwrap()
}

#[test]
fn every_entry_is_proved_from_the_files_alone() {
    let world = World::new();
    let disk = long(&world);
    let (log, stored) = (published(&world, &disk), world.read(&disk));
    let Checkpoint { size, root } = log.checkpoint();
    assert_eq!((size, stored.len()), (601, 601));
    for stored in &stored {
        let (leaf, proof) = log.inclusion(stored.index).unwrap();
        assert_eq!(leaf, stored.leaf());
        assert!(crate::verify_inclusion(stored.leaf(), stored.index, size, &proof.path, &root), "{}", stored.index);
        let text = proof.to_text(&leaf);
        assert_eq!(InclusionProof::parse(&text, &name(&world)), Ok((proof, Some(leaf))));
    }
    assert!(matches!(log.inclusion(601), Err(Error::NoSuchEntry { index: 601, size: 601 })));
    let leaves: Vec<_> = stored.iter().map(|s| crate::leaf_hash(s.leaf())).collect();
    for old in [0, 1, 2, 255, 256, 257, 511, 512, 513, 600, 601] {
        let root = crate::tree::tests::by_definition(&leaves[..old]);
        let proof = log.consistency(Checkpoint { size: old as u64, root }).unwrap();
        assert!(proof.holds(), "{old}");
        let forked = log.consistency(Checkpoint { size: old as u64, root: [7; 32] });
        assert!(matches!(forked, Err(Error::Forked { .. })), "{old}");
    }
    assert!(matches!(log.consistency(Checkpoint { size: 602, root }), Err(Error::RolledBack { .. })));
}

#[test]
fn a_proof_has_one_spelling_and_every_flip_is_refused() {
    let world = World::new();
    let disk = long(&world);
    let (leaf, proof) = published(&world, &disk).inclusion(300).unwrap();
    assert!(proof.proves(&leaf));
    let (text, name) = (proof.to_text(&leaf), name(&world));
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let accepted = String::from_utf8(bytes).ok().and_then(|t| InclusionProof::parse(&t, &name).ok());
        assert!(!accepted.is_some_and(|(p, extra)| extra.is_some_and(|e| p.proves(&e))), "bit {bit}");
    }
}

/// The files are laid out, full and partial, as the specification says.
#[test]
fn the_files_are_those_of_the_specification() {
    let world = World::new();
    let files = long(&world).files();
    let tiles: Vec<&str> = files.keys().filter_map(|f| f.strip_prefix("tile/")).collect();
    for full in ["0/000", "0/001", "entries/000", "entries/001"] {
        assert!(tiles.contains(&full), "{tiles:?}");
        assert!(!tiles.iter().any(|t| t.starts_with(&format!("{full}.p/"))), "{tiles:?}");
    }
    for partial in ["0/002.p/89", "entries/002.p/89", "1/000.p/2"] {
        assert!(tiles.contains(&partial), "{tiles:?}");
    }
    assert_eq!(files["tile/0/000"].len(), 8192);
    let stored = world.read(&FaultDisk::with_files(files.clone()));
    let bundle: Vec<u8> =
        stored[512..].iter().flat_map(|s| [&(s.leaf().len() as u16).to_be_bytes()[..], s.leaf()].concat()).collect();
    assert_eq!(files["tile/entries/002.p/89"], bundle);
}

fn changed(disk: &FaultDisk, change: impl Fn(&mut BTreeMap<String, Vec<u8>>)) -> FaultDisk {
    let mut files = disk.files();
    change(&mut files);
    FaultDisk::with_files(files)
}

#[test]
fn lost_and_altered_tiles_are_named_and_made_anew_at_the_next_opening() {
    let world = World::new();
    let disk = long(&world);
    let tiles: Vec<String> = disk.files().into_keys().filter(|f| f.starts_with("tile/")).collect();
    let required = ["tile/0/000", "tile/0/001", "tile/entries/000", "tile/0/002.p/89", "tile/1/000.p/2"];
    for tile in required {
        let lost = changed(&disk, |files| drop(files.remove(tile)));
        let found = world.verify(&lost, None).unwrap_err();
        assert_eq!((&found[0].file[..], found[0].trouble), (tile, Trouble::Missing), "{}", show(&found));
    }
    for tile in &tiles {
        for at in [0, 31, disk.files()[tile].len() - 1] {
            let altered = changed(&disk, |files| files.get_mut(tile).unwrap()[at] ^= 1);
            let found = world.verify(&altered, None).unwrap_err();
            assert_eq!((&found[0].file, found[0].trouble), (tile, Trouble::Altered), "{}", show(&found));
        }
    }
    for gone in [&["tile/"][..], &["tile/1/"], &["tile/0/002"], &["tile/entries/002.p/89"]] {
        let lost = changed(&disk, |files| files.retain(|file, _| !gone.iter().any(|g| file.starts_with(g))));
        world.session(&lost, &["next"]);
        world.verify(&lost, None).unwrap_or_else(|p| panic!("{gone:?}: {}", show(&p)));
        assert!(published(&world, &lost).inclusion(300).unwrap().1.path.len() > 5);
    }
    // A wrong hash in the right place: the root does not come out, so it is not built upon.
    let altered = changed(&disk, |files| files.get_mut("tile/1/000.p/2").unwrap()[3] ^= 1);
    world.session(&altered, &["next"]);
    world.verify(&altered, None).unwrap_or_else(|p| panic!("{}", show(&p)));
}

/// Old segments are for `verify`; an opening reads none of them, however many there are.
#[test]
fn opening_reads_from_the_published_checkpoint_on() {
    let mut world = World::new();
    world.limits.segment_bytes = 8_000;
    let disk = long(&world);
    let segments: Vec<_> = disk.files().into_keys().filter(|f| f.starts_with("segments/")).collect();
    assert!(segments.len() > 4, "{segments:?}");
    let damaged = changed(&disk, |files| files.get_mut("segments/00000001.seg").unwrap()[700] ^= 1);
    world.session(&damaged, &["opens"]);
    let found = world.verify(&damaged, None).unwrap_err();
    assert_eq!((&found[0].file[..], found[0].trouble), ("segments/00000001.seg", Trouble::Altered));
    // Without tiles everything must be read, and then it is found.
    let both = changed(&damaged, |files| files.retain(|file, _| !file.starts_with("tile/")));
    assert!(matches!(world.open(&both), Err(Error::Damaged { file, .. }) if file == "segments/00000001.seg"));
}

/// What was set aside long ago is not told of again.
#[test]
fn an_old_recovery_is_remembered() {
    let mut world = World::new();
    world.limits.segment_bytes = 2000;
    let disk = world.created();
    world.session(&disk, &["one"]);
    let disk = changed(&disk, |files| files.get_mut("segments/00000000.seg").unwrap().extend_from_slice(b"E\0"));
    for text in ["two", "three", "four", "five"] {
        world.session(&disk, &[text]);
    }
    assert_eq!(world.verify(&disk, None).unwrap().recoveries, 1);
}
