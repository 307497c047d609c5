//! The key that signs checkpoints is followed by another.

use super::*;
use crate::medium::Medium;
use crate::verify::verify_log;
use crate::{Checkpoint, LogName, Signers};
use medlock_domain::Clock;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_pkcs8(&key.to_pkcs8()).unwrap()
}

fn open(world: &World, disk: &FaultDisk, signing: impl Into<Signers>) -> Result<Log, Error> {
    let World { reading, clock, limits, .. } = world;
    Log::open_with(Box::new(disk.clone()), signing, reading.public(), clock.clone(), *limits, None)
}

fn name(disk: &FaultDisk) -> LogName {
    LogName::parse(&String::from_utf8(disk.read("log.vkey", 10_000).unwrap()).unwrap()).unwrap()
}

fn append(log: Log, text: &str) -> String {
    log.append_blocking(entry(text)).unwrap();
    let note = log.checkpoint();
    drop(log);
    note
}

#[test]
fn the_key_before_vouches_and_old_checkpoints_and_old_copies_of_the_key_stay_good() {
    let world = World::new();
    let disk = world.created();
    let kept_name = name(&disk);
    let kept = append(open(&world, &disk, copy(&world.signing)).unwrap(), "one");
    let new = SigningKey::generate();
    assert!(matches!(open(&world, &disk, copy(&new)), Err(Error::WrongKey)), "nobody vouches for it");
    let until = world.clock.now().plus_ms(DAY_MS);
    let signers = || Signers { current: copy(&new), previous: Some((copy(&world.signing), until)) };
    let during = append(open(&world, &disk, signers()).unwrap(), "two");
    assert_eq!(name(&disk).vkey().lines().count(), 2);
    assert!(name(&disk).continues(&kept_name));
    // Who has only the old key can check what comes while they overlap.
    assert!(Checkpoint::verify(&during, &kept_name).is_ok() && Checkpoint::verify(&during, &name(&disk)).is_ok());
    append(open(&world, &disk, signers()).unwrap(), "three");
    world.clock.advance_ms(2 * DAY_MS);
    // The first segment after its time is signed by both once more, the next by the new one alone.
    append(open(&world, &disk, signers()).unwrap(), "four");
    let after = append(open(&world, &disk, copy(&new)).unwrap(), "five");
    assert!(Checkpoint::verify(&after, &kept_name).is_err() && Checkpoint::verify(&after, &name(&disk)).is_ok());
    // The whole log, for who kept the old key and for who has both; and what was kept stays under it.
    for known in [&kept_name, &name(&disk)] {
        let report = verify_log(&disk, known, Some(&kept)).unwrap_or_else(|p| panic!("{}", show(&p)));
        assert_eq!(report.contents, 5);
        verify_log(&disk, known, Some(&after)).unwrap_or_else(|p| panic!("{}", show(&p)));
    }
    assert!(matches!(open(&world, &disk, copy(&world.signing)), Err(Error::WrongKey)), "the old key signs no more");
}

#[test]
fn a_key_that_nobody_vouches_for_is_found_out() {
    let world = World::new();
    let disk = world.created();
    let kept_name = name(&disk);
    append(open(&world, &disk, copy(&world.signing)).unwrap(), "one");
    // Somebody who can write the directory lists a key of theirs, and goes on with it.
    let theirs = SigningKey::generate();
    let listed = kept_name.followed_by(theirs.public());
    disk.remove("log.vkey").unwrap();
    crate::medium::replace(&disk, "log.vkey", "log.vkey.new", listed.vkey().as_bytes()).unwrap();
    append(open(&world, &disk, copy(&theirs)).unwrap(), "two");
    for known in [&kept_name, &listed] {
        let problems = verify_log(&disk, known, None).unwrap_err();
        assert!(problems.iter().any(|p| p.what.contains("vouch")), "{}", show(&problems));
    }
}

#[test]
fn a_key_that_was_followed_does_not_come_back() {
    let world = World::new();
    let disk = world.created();
    let old_vkey = disk.read("log.vkey", 10_000).unwrap();
    append(open(&world, &disk, copy(&world.signing)).unwrap(), "one");
    let new = SigningKey::generate();
    let previous = Some((copy(&world.signing), world.clock.now()));
    append(open(&world, &disk, Signers { current: copy(&new), previous }).unwrap(), "two");
    append(open(&world, &disk, copy(&new)).unwrap(), "three");
    // The thief of the old key puts its list back and goes on: the log knows better.
    crate::medium::replace(&disk, "log.vkey", "log.vkey.new", &old_vkey).unwrap();
    assert!(open(&world, &disk, copy(&world.signing)).is_err());
}

#[test]
fn a_crash_at_any_moment_of_the_change_leaves_a_log_that_goes_on() {
    for fails in 0..14 {
        let world = World::new();
        let disk = world.created();
        append(open(&world, &disk, copy(&world.signing)).unwrap(), "one");
        let new = SigningKey::generate();
        let until = world.clock.now().plus_ms(DAY_MS);
        let signers = || Signers { current: copy(&new), previous: Some((copy(&world.signing), until)) };
        disk.fail_after(fails, crate::fault::Fault::PowerCut);
        let opened = open(&world, &disk, signers()).is_ok();
        let disk = disk.after_power_cut(fails);
        append(open(&world, &disk, signers()).unwrap_or_else(|e| panic!("{fails} {opened}: {e}")), "two");
        world.verify(&disk, None).unwrap_or_else(|p| panic!("{fails}: {}", show(&p)));
    }
}
