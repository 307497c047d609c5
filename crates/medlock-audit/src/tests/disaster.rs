//! Disks that fail, and logs that must not be opened.

use super::*;
use crate::Unavailable;
use crate::fault::Fault;
use std::collections::BTreeMap;

/// Every fault, at every operation that an append does.
#[test]
fn after_a_failure_nothing_is_acknowledged_until_a_restart() {
    for fault in [Fault::ShortWrite, Fault::InputOutput, Fault::NoSpace, Fault::LostSync] {
        for after in 0..2 {
            let world = World::new();
            let disk = world.created();
            let log = world.open(&disk).unwrap();
            let before = log.append_blocking(entry("before")).unwrap();
            disk.fail_after(after, fault);
            let during = log.append_blocking(entry("during"));
            let says = format!("{fault:?} at {after}: {during:?}");
            // A sync that is lost does not fail a write: then there is nothing to see yet.
            if (fault, after) == (Fault::LostSync, 0) {
                continue;
            }
            assert_eq!(during.unwrap_err(), Unavailable::Failed, "{says}");
            assert!(!log.healthy(), "{says}");
            // The disk works again, and the log must not believe it.
            assert_eq!(log.append_blocking(entry("after")).unwrap_err(), Unavailable::Failed, "{says}");
            assert_eq!(log.size(), before.index() + 1);
            drop(log);

            let disk = disk.after_power_cut(after);
            let log = world.open(&disk).unwrap();
            log.append_blocking(entry("again")).unwrap();
            drop(log);
            world.verify(&disk, None).unwrap_or_else(|p| panic!("{says}: {}", show(&p)));
            let texts: Vec<_> =
                world.read(&disk).iter().filter(|e| e.content.is_some()).map(|e| world.text(e)).collect();
            assert!(texts.starts_with(&["before".into()]) && texts.ends_with(&["again".into()]), "{says}: {texts:?}");
        }
    }
}

#[tokio::test]
async fn everybody_in_line_is_told_and_close_still_returns() {
    let world = World::new();
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    disk.fail_after(1, Fault::LostSync);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.append(entry("x")).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap_err(), Unavailable::Failed);
    }
    log.close().await;
    assert!(!log.healthy());
}

#[test]
fn a_failure_while_a_segment_begins_is_a_failure() {
    let mut world = World::new();
    world.limits.segment_bytes = 1;
    for after in 0..4 {
        let disk = world.created();
        let log = world.open(&disk).unwrap();
        disk.fail_after(after, Fault::NoSpace);
        assert_eq!(log.append_blocking(entry("x")).unwrap_err(), Unavailable::Failed, "{after}");
        drop(log);
        world.session(&disk, &["y"]);
        world.verify(&disk, None).unwrap_or_else(|p| panic!("{after}: {}", show(&p)));
    }
}

#[test]
fn a_torn_tail_is_set_aside_and_told_of() {
    let world = World::new();
    let disk = world.created();
    world.session(&disk, &["kept"]);
    let mut files = disk.files();
    files.get_mut("segments/00000000.seg").unwrap().extend_from_slice(b"E\x00\x00\x01\x00half an entry");
    let disk = FaultDisk::with_files(files);
    let problems = world.verify(&disk, None).unwrap_err();
    assert_eq!((problems[0].trouble, problems.len()), (crate::verify::Trouble::Unfinished, 1), "{}", show(&problems));

    world.session(&disk, &["next"]);
    let report = world.verify(&disk, None).unwrap();
    assert_eq!(report.recoveries, 1);
    let stored = world.read(&disk);
    let told = stored.iter().find(|e| e.kind == Kind::Recovery).unwrap();
    assert_eq!((told.facts.int("segment"), told.facts.int("bytes")), (Some(0), Some(18)));
    let aside = disk.files().into_iter().find(|(name, _)| name.starts_with("recovered/")).unwrap();
    assert_eq!(aside.1, b"E\x00\x00\x01\x00half an entry");
    // Told of once, not at every opening.
    world.session(&disk, &[]);
    assert_eq!(world.verify(&disk, None).unwrap().recoveries, 1);
}

/// The files of a server that was killed: five groups since the checkpoint file was written, and
/// where each of them ends.
fn killed(world: &World) -> (BTreeMap<String, Vec<u8>>, Vec<usize>) {
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    let length = || disk.files()["segments/00000000.seg"].len();
    let ends = ["one", "two", "three", "four", "five"].map(|text| {
        log.append_blocking(entry(text)).unwrap();
        length()
    });
    (disk.files(), ends.to_vec())
}

/// Only one group can have been in flight, so damage before the last one is damage, and what came
/// after it is not thrown away as unfinished.
#[test]
fn damage_before_the_last_group_is_never_taken_for_a_crash() {
    let world = World::new();
    let (files, ends) = killed(&world);
    // Single bytes, and what a lost sector takes: the end of one group with the start of the next.
    let bytes =
        [20, ends[0] - 20, ends[2] - 190, ends[0] + 1, ends[0] + 60, ends[2] + 3, ends[3] - 1].map(|at| at..at + 1);
    for at in bytes.into_iter().chain(std::iter::once(ends[3] - 250..ends[3] + 100)) {
        let mut changed = files.clone();
        changed.get_mut("segments/00000000.seg").unwrap()[at.clone()].iter_mut().for_each(|byte| *byte ^= 1);
        let disk = FaultDisk::with_files(changed.clone());
        let error = world.open(&disk).map(|_| at.clone()).unwrap_err();
        assert!(matches!(&error, Error::Damaged { file, .. } if file == "segments/00000000.seg"), "{at:?}: {error}");
        assert_eq!(disk.files(), changed, "{at:?}");
        let found = world.verify(&disk, None).unwrap_err();
        assert_eq!(found[0].trouble, crate::verify::Trouble::Altered, "{at:?}: {}", show(&found));
    }
}

/// The next group had begun, so this one was acknowledged, whatever is left of the next.
#[test]
fn damage_to_the_last_whole_group_with_a_torn_one_after_it_is_damage() {
    let world = World::new();
    let (mut files, ends) = killed(&world);
    let segment = files.get_mut("segments/00000000.seg").unwrap();
    segment[ends[3] + 20] ^= 1;
    segment.extend_from_slice(b"E\0\0");
    let error = world.open(&FaultDisk::with_files(files)).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

/// A disk may write the end of a group and lose its middle: a valid checkpoint over nothing. That
/// was never acknowledged, and a server must come up again after it.
#[test]
fn a_group_that_lost_its_middle_to_the_power_cut_is_set_aside() {
    let world = World::new();
    let (files, ends) = killed(&world);
    let mut changed = files.clone();
    changed.get_mut("segments/00000000.seg").unwrap()[ends[3] + 10..ends[3] + 90].fill(0);
    let disk = FaultDisk::with_files(changed);
    world.session(&disk, &["six"]);
    let report = world.verify(&disk, None).unwrap();
    assert_eq!(report.recoveries, 1);
    let texts: Vec<_> = world.read(&disk).iter().filter(|e| e.content.is_some()).map(|e| world.text(e)).collect();
    assert_eq!(texts, ["one", "two", "three", "four", "six"]);
    // The whole tail is kept, as evidence.
    let aside = disk.files().into_iter().find(|(name, _)| name.starts_with("recovered/")).unwrap().1;
    assert_eq!(aside.len(), ends[4] - ends[3]);
}

/// Changes one file of a good log and gives what opening it says. Nothing may change on disk.
fn opening_after(change: impl Fn(&mut BTreeMap<String, Vec<u8>>)) -> Error {
    let world = World::new();
    let disk = world.created();
    world.session(&disk, &["one", "two"]);
    world.session(&disk, &["three"]);
    let mut files = disk.files();
    change(&mut files);
    let disk = FaultDisk::with_files(files.clone());
    let error = world.open(&disk).map(|_| ()).unwrap_err();
    assert_eq!(disk.files(), files, "{error}");
    error
}

#[test]
fn damage_to_what_was_acknowledged_refuses_to_open_and_says_where() {
    let flip = |file: &'static str, at: usize| {
        move |files: &mut BTreeMap<String, Vec<u8>>| files.get_mut(file).unwrap()[at] ^= 1
    };
    for (file, at) in [("segments/00000001.seg", 300), ("checkpoint", 3), ("log.vkey", 40)] {
        match opening_after(flip(file, at)) {
            Error::Damaged { file: named, .. } => assert_eq!(named, file),
            other => panic!("{file}: {other}"),
        }
    }
    match opening_after(|files| drop(files.remove("segments/00000000.seg"))) {
        Error::Damaged { file, what, .. } => {
            assert_eq!((&file[..], &what[..]), ("segments/00000000.seg", "the file is missing"))
        }
        other => panic!("{other}"),
    }
    match opening_after(|files| drop(files.insert("segments/notes.txt".into(), vec![]))) {
        Error::Damaged { file, .. } => assert_eq!(file, "segments/notes.txt"),
        other => panic!("{other}"),
    }
    assert!(matches!(opening_after(|files| drop(files.remove("checkpoint"))), Error::Io { .. }));
}

#[test]
fn a_log_that_was_rolled_back_refuses_to_open_and_says_how_far() {
    match opening_after(|files| drop(files.remove("segments/00000001.seg"))) {
        Error::RolledBack { checkpoint, log } => assert_eq!((checkpoint, log), (5, 3)),
        other => panic!("{other}"),
    }
    // Cut inside the last segment: the bytes that are left do not hold.
    match opening_after(|files| files.get_mut("segments/00000001.seg").unwrap().truncate(200)) {
        Error::Damaged { file, what, .. } => {
            assert!(file == "segments/00000001.seg" && what.contains("checkpoint file covers"), "{what}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn another_history_under_the_same_key_refuses_to_open() {
    let world = World::new();
    let (disk, other) = (world.created(), world.created());
    world.session(&disk, &["one"]);
    world.session(&other, &["another"]);
    let mut files = disk.files();
    files.insert("checkpoint".into(), other.files().remove("checkpoint").unwrap());
    let error = world.open(&FaultDisk::with_files(files)).unwrap_err();
    assert!(matches!(error, Error::Forked { size: 2 }), "{error}");
}

#[test]
fn an_interrupted_creation_can_be_repeated_and_a_finished_one_not() {
    let world = World::new();
    for after in 0.. {
        let disk = FaultDisk::new();
        disk.fail_after(after, Fault::PowerCut);
        if Log::create_on(&disk, ORIGIN, &world.signing).is_ok() {
            assert!(after > 8, "the faults were never reached");
            break;
        }
        let disk = disk.after_power_cut(after);
        match Log::create_on(&disk, ORIGIN, &world.signing) {
            Ok(()) => {}
            Err(Error::Exists { .. }) => {}
            Err(other) => panic!("{after}: {other}"),
        }
        world.session(&disk, &["works"]);
        world.verify(&disk, None).unwrap();
    }
    for bad in ["", "a b", "a+b", "é", &"x".repeat(129)] {
        assert!(matches!(Log::create_on(&FaultDisk::new(), bad, &world.signing), Err(Error::BadOrigin)), "{bad:?}");
    }
}
