//! What happens when nothing goes wrong.

use super::*;
use crate::{Unavailable, verify_consistency, verify_inclusion};
use medlock_domain::{NetworkSource, RequestId};
use medlock_keys::digest::sha256;

#[test]
fn what_was_appended_can_be_read_by_the_reading_key_and_only_by_it() {
    let world = World::new();
    let disk = world.created();
    let request = RequestId::from_random([7; 16]);
    let log = world.open(&disk).unwrap();
    let receipt = log.append_blocking(entry("Jane Roe, MRN 12345").request(request.clone())).unwrap();
    assert!(receipt.covers(b"Jane Roe, MRN 12345") && !receipt.covers(b"Jane Roe"));
    drop(log);

    let stored = world.read(&disk);
    assert_eq!(stored.iter().map(|e| e.kind).collect::<Vec<_>>(), [Kind::SegmentStart, Kind::Release]);
    let it = &stored[1];
    assert_eq!((it.index, it.request.as_ref(), it.facts().word("mode")), (1, Some(&request), Some("tokenize")));
    assert_eq!((it.receipt_id(), it.index), (receipt.id().to_owned(), receipt.index()));
    assert_eq!(world.text(it), "Jane Roe, MRN 12345");
    assert_eq!(open_content(it, &ReadingKey::generate(), &it.share(None, &[])), Err(crate::read::ReadError::OtherKey));
    assert_eq!(open_content(&stored[0], &world.reading, &it.share(None, &[])), Err(crate::read::ReadError::NoContent));
    for (file, bytes) in disk.files() {
        assert!(!bytes.windows(8).any(|w| w == b"Jane Roe" || w == b"N 12345"), "{file}");
        // Nor a bare digest of it, which would let anybody test a guess.
        let digest = sha256(&[b"Jane Roe, MRN 12345"]);
        assert!(!bytes.windows(32).any(|w| w == digest), "{file}");
    }
}

#[test]
fn a_whole_log_verifies_and_a_later_one_extends_it() {
    let mut world = World::new();
    world.limits.segment_bytes = 1500;
    let disk = world.created();
    assert_eq!(world.verify(&disk, None).unwrap().size, 0, "an empty log is a log");
    world.session(&disk, &["one", "", "three"]);
    let early = world.verify(&disk, None).unwrap();
    assert_eq!((early.size, early.segments, early.contents, early.in_flight), (4, 1, 2, 0));
    world.session(&disk, &["four", "five", "six", "seven", "eight"]);
    let late = world.verify(&disk, Some(&early.checkpoint)).unwrap();
    assert!(late.segments >= 3, "rotated: {late:?}");
    assert_eq!(late.size, world.read(&disk).len() as u64);
    let texts: Vec<_> = world.read(&disk).iter().filter(|e| e.content.is_some()).map(|e| world.text(e)).collect();
    assert_eq!(texts, ["one", "three", "four", "five", "six", "seven", "eight"]);
}

#[tokio::test]
async fn proofs_hold_against_checkpoints_and_leaves_from_the_files() {
    let world = World::new();
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    let mut old = Vec::new();
    for n in 0..20 {
        let receipt = log.append(entry(&format!("text {n}"))).await.unwrap();
        let proof = log.inclusion_proof(receipt.index()).unwrap();
        assert_eq!(proof.size, log.size());
        old.push(crate::Checkpoint { size: proof.size, root: proof.root });
    }
    let name = crate::LogName::new(ORIGIN, world.signing.public()).unwrap();
    let signed = crate::Checkpoint::verify(&log.checkpoint(), &name).unwrap();
    for stored in world.read(&disk) {
        let proof = log.inclusion_proof(stored.index).unwrap();
        assert!(proof.proves(stored.leaf()) && proof.root == signed.root);
        assert!(verify_inclusion(stored.leaf(), stored.index, signed.size, &proof.path, &signed.root));
        assert!(!proof.proves(b"something else"));
    }
    for old in old {
        let proof = log.consistency_proof(old).unwrap();
        assert!(proof.holds() && (proof.size, proof.root) == (signed.size, signed.root), "{old:?}");
        assert!(verify_consistency(old.size, &old.root, signed.size, &signed.root, &proof.path), "{old:?}");
    }
    assert!(matches!(log.inclusion_proof(log.size()), Err(Error::NoSuchEntry { .. })));
}

#[tokio::test]
async fn many_at_once_share_groups_and_keep_their_own_receipts() {
    let world = World::new();
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let log = log.clone();
            tokio::spawn(async move { (n, log.append(entry(&format!("content {n}"))).await.unwrap()) })
        })
        .collect();
    let mut receipts = Vec::new();
    for task in tasks {
        receipts.push(task.await.unwrap());
    }
    log.close().await;
    assert!(!log.healthy());
    assert_eq!(log.append(entry("late")).await.unwrap_err(), Unavailable::Closed);
    let stored = world.read(&disk);
    for (n, receipt) in receipts {
        let entry = &stored[receipt.index() as usize];
        assert_eq!((world.text(entry), entry.receipt_id()), (format!("content {n}"), receipt.id().to_owned()));
        assert!(receipt.covers(format!("content {n}").as_bytes()));
    }
    let report = world.verify(&disk, None).unwrap();
    assert_eq!(report.size, 201);
    assert!(report.checkpoints < 201, "no groups at all: {report:?}");
}

#[test]
fn what_only_the_writer_may_say_and_what_has_no_encoding_is_refused() {
    let world = World::new();
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    let server = |kind| Entry::new(kind, Actor::Server);
    for kind in [Kind::SegmentStart, Kind::Recovery, Kind::Noise] {
        assert_eq!(log.append_blocking(server(kind)).unwrap_err(), Unavailable::Refused, "{kind}");
    }
    let too_big = server(Kind::Open).content(vec![0; (32 << 20) + 1]);
    for bad in [server(Kind::Open).int("Bad Key", 1), too_big] {
        assert_eq!(log.append_blocking(bad).unwrap_err(), Unavailable::Refused);
    }
    // A refused entry costs nobody else anything.
    assert_eq!(log.append_blocking(entry("fine")).unwrap().index(), 1);
    drop(log);
    world.verify(&disk, None).unwrap();
}

#[test]
fn noise_is_one_entry_a_source_and_is_flushed_at_close() {
    let world = World::new();
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    let source = NetworkSource("192.0.2.7".parse().unwrap());
    (0..1000).for_each(|_| log.noise(source, "bad_key"));
    world.clock.advance_ms(60_000);
    log.append_blocking(entry("")).unwrap();
    log.noise(NetworkSource("2001:db8::1".parse().unwrap()), "bad_key");
    drop(log);
    let noise: Vec<_> = world.read(&disk).into_iter().filter(|e| e.kind == Kind::Noise).collect();
    let said: Vec<_> = noise.iter().map(|e| (e.facts.word("source").unwrap(), e.facts.int("count").unwrap())).collect();
    assert_eq!(said, [("192.0.2.7", 1000), ("2001:db8::1", 1)]);
    world.verify(&disk, None).unwrap();
}

#[test]
fn a_clock_that_goes_back_is_recorded_and_not_believed() {
    let world = World::new();
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    log.append_blocking(entry("a")).unwrap();
    world.clock.advance_ms(-5000);
    log.append_blocking(entry("b")).unwrap();
    drop(log);
    world.clock.advance_ms(-1);
    world.session(&disk, &[]);
    let back: Vec<_> = world.read(&disk).iter().map(|e| e.clock_back_ms).collect();
    assert_eq!(back, [0, 0, 5000, 1]);
    world.verify(&disk, None).unwrap();
}

#[test]
fn a_segment_ends_with_its_day() {
    let world = World::new();
    let disk = world.created();
    let log = world.open(&disk).unwrap();
    log.append_blocking(entry("today")).unwrap();
    world.clock.advance_ms(24 * 3600 * 1000);
    log.append_blocking(entry("tomorrow")).unwrap();
    drop(log);
    assert_eq!(world.verify(&disk, None).unwrap().segments, 2);
    assert_eq!(world.text(world.read(&disk).last().unwrap()), "tomorrow");
}

#[tokio::test]
async fn on_a_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let world = World::new();
    Log::create(&path, ORIGIN, &world.signing).unwrap();
    assert!(matches!(Log::create(&path, ORIGIN, &world.signing), Err(Error::Exists { .. })));
    let open = || Log::open(&path, world.signing(), world.reading.public(), world.clock.clone());
    let log = open().unwrap();
    assert!(matches!(open(), Err(Error::InUse)));
    for n in 0..50 {
        log.append(entry(&format!("{n}"))).await.unwrap();
        // A verifier beside a running server sees a log that holds.
        crate::verify::verify_dir(&path, &world.signing.public(), ORIGIN, None)
            .unwrap_or_else(|p| panic!("{}", show(&p)));
    }
    let middle = log.checkpoint();
    log.close().await;
    drop(log);
    drop(open().unwrap());
    let report = crate::verify::verify_dir(&path, &world.signing.public(), ORIGIN, Some(&middle)).unwrap();
    assert_eq!((report.size, report.segments, report.contents), (52, 2, 50));
    assert_eq!(Reader::open(&path).unwrap().count(), 52);
    let other = SigningKey::generate();
    assert!(matches!(Log::open(&path, other, world.reading.public(), world.clock.clone()), Err(Error::WrongKey)));
}

#[test]
fn a_closed_segment_names_its_checkpoints_and_every_bit_of_them_counts() {
    let mut world = World::new();
    world.limits.segment_bytes = 900;
    let disk = world.created();
    world.session(&disk, &["one", "two", "three", "four", "five", "six"]);
    assert!(world.verify(&disk, None).unwrap().segments >= 3);
    let stored = world.read(&disk);
    let starts: Vec<_> = stored.iter().filter(|e| e.kind == Kind::SegmentStart).collect();
    assert!(starts[0].facts().digest("prev_notes").is_none());
    assert!(starts[1..].iter().all(|e| e.facts().digest("prev_notes").is_some()));
    // Every bit of a checkpoint in the middle, whose signature is not looked at, for the next segment names it.
    let path = "segments/00000000.seg";
    let files = disk.files();
    let whole = files[path].clone();
    let at = whole.windows(3).position(|w| w == "\u{2014}".as_bytes()).unwrap();
    let end = at + whole[at..].iter().position(|b| *b == b'\n').unwrap();
    for bit in at * 8..(end + 1) * 8 {
        let mut files = files.clone();
        files.get_mut(path).unwrap()[bit / 8] ^= 1 << (bit % 8);
        let problems = world.verify(&FaultDisk::with_files(files), None).unwrap_err();
        assert!(problems.iter().any(|p| p.file == path), "bit {bit}: {}", show(&problems));
    }
}
