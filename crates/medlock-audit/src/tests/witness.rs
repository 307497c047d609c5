//! Logs that others watch.

use super::*;
use crate::verify::Trouble;
use crate::witness::{Answer, Cosigner, Policy, Reply, Transport, Watch, Witnesses};
use crate::{LogName, Unavailable};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

const GRACE: u64 = 600_000;

/// Two witnesses, each with a disk of its own, and a network that may be down.
struct Watched {
    world: World,
    watches: BTreeMap<String, Arc<Watch>>,
    policy: String,
    up: Arc<AtomicBool>,
}

/// What HTTP would carry.
struct Network {
    watches: BTreeMap<String, Arc<Watch>>,
    up: Arc<AtomicBool>,
}

impl Transport for Network {
    fn add_checkpoint(&self, url: &str, body: &str) -> io::Result<Reply> {
        if !self.up.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (status, body) = self.watches[url].add_checkpoint(body).to_http();
        Ok(Reply { status, body })
    }
}

impl Watched {
    fn new(quorum: &str) -> Self {
        let world = World::new();
        let (mut watches, mut policy) = (BTreeMap::new(), String::new());
        for label in ["east", "west"] {
            let cosigner = Cosigner::new(&format!("{label}.example/w"), SigningKey::generate()).unwrap();
            let url = format!("https://{label}.example");
            policy.push_str(&format!("witness {label} {} {url}\n", cosigner.name().vkey().trim_end()));
            let log = LogName::new(ORIGIN, world.signing.public()).unwrap();
            let watch = Watch::open_on(Arc::new(FaultDisk::new()), cosigner, vec![log], world.clock.clone()).unwrap();
            watches.insert(url, Arc::new(watch));
        }
        policy.push_str(&format!("group both all east west\ngroup one any east west\nquorum {quorum}\n"));
        Self { world, watches, policy, up: Arc::new(AtomicBool::new(true)) }
    }

    fn open(&self, disk: &FaultDisk) -> Result<Log, Error> {
        let network = Network { watches: self.watches.clone(), up: self.up.clone() };
        let witnesses = Witnesses::new(Policy::parse(&self.policy).unwrap(), Box::new(network), GRACE);
        let World { clock, limits, reading, .. } = &self.world;
        let (signing, reading, clock) = (self.world.signing(), reading.public(), clock.clone());
        Log::open_with(Box::new(disk.clone()), signing, reading, clock, *limits, Some(witnesses))
    }

    fn session(&self, disk: &FaultDisk, texts: &[&str]) {
        let log = self.open(disk).unwrap();
        for text in texts {
            log.append_blocking(entry(text)).unwrap();
        }
    }
}

#[test]
fn every_published_checkpoint_is_signed_by_both() {
    let watched = Watched::new("both");
    let disk = watched.world.created();
    watched.session(&disk, &["one", "two"]);
    let log = watched.open(&disk).unwrap();
    log.append_blocking(entry("three")).unwrap();
    let published = log.publish().unwrap();
    assert_eq!(published.note().lines().filter(|l| l.starts_with("— ")).count(), 3, "{}", published.note());
    drop(log);
    let report = watched.world.verify(&disk, None).unwrap();
    let names: Vec<_> = report.witnessed.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, ["east.example/w", "west.example/w"]);
    for watch in watched.watches.values() {
        assert_eq!(watch.logs(), [(ORIGIN.to_owned(), report.size)]);
    }
    // Without witnesses it goes on, and the old signatures go with the old checkpoint.
    watched.world.session(&disk, &["alone"]);
    assert!(watched.world.verify(&disk, None).unwrap().witnessed.is_empty());
    watched.session(&disk, &["watched again"]);
}

/// Whoever knows the witnesses' keys need not believe the list in the directory.
#[test]
fn a_kept_policy_is_what_verifies() {
    let watched = Watched::new("both");
    let disk = watched.world.created();
    watched.session(&disk, &["one"]);
    let name = LogName::new(ORIGIN, watched.world.signing.public()).unwrap();
    let verify = |disk: &FaultDisk, policy: &str| {
        crate::verify::verify_witnessed(disk, &name, None, Some(&Policy::parse(policy).unwrap()))
    };
    assert_eq!(verify(&disk, &watched.policy).unwrap().witnessed.len(), 2);
    let others = Watched::new("both").policy;
    let found = verify(&disk, &others).unwrap_err();
    assert_eq!(found[0].file, "checkpoint", "{}", show(&found));
    // Signed by nobody: whole, but not what the policy asks for.
    watched.world.session(&disk, &["alone"]);
    let found = verify(&disk, &watched.policy).unwrap_err();
    assert_eq!((&found[0].file[..], found[0].trouble), ("checkpoint", Trouble::Unwitnessed), "{}", show(&found));
}

#[test]
fn every_bit_of_a_witnessed_checkpoint_and_of_the_list() {
    let watched = Watched::new("both");
    let disk = watched.world.created();
    watched.session(&disk, &["one"]);
    let files = disk.files();
    for name in ["checkpoint", "witness.vkeys"] {
        let mut changed = files.clone();
        for bit in 0..files[name].len() * 8 {
            changed.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let found = watched.world.verify(&FaultDisk::with_files(changed.clone()), None).unwrap_err();
            assert!(found.iter().any(|p| p.file == "checkpoint" || p.file == name), "{name} {bit}: {}", show(&found));
            changed.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
        }
    }
    let mut stranger = files.clone();
    let line = "— stranger.example AAAAAAAAAAAAAAAAAAAAAA==\n";
    stranger.get_mut("checkpoint").unwrap().extend_from_slice(line.as_bytes());
    let found = watched.world.verify(&FaultDisk::with_files(stranger), None).unwrap_err();
    assert!(found[0].what.contains("not listed") && found[0].trouble == Trouble::Altered, "{}", show(&found));
}

#[test]
fn a_directory_that_was_put_back_is_noticed_before_anything_is_recorded() {
    let watched = Watched::new("one");
    let disk = watched.world.created();
    watched.session(&disk, &["one"]);
    let earlier = disk.files();
    watched.session(&disk, &["two", "a session was revoked"]);
    let put_back = FaultDisk::with_files(earlier.clone());
    match watched.open(&put_back) {
        Err(Error::PutBack { witness, witnessed, log }) => {
            assert_eq!((&witness[..], witnessed, log), ("east.example/w", 5, 2));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(put_back.files(), earlier, "nothing is changed");
    // It goes on by itself for a while, and is now as long as what was witnessed: another history.
    watched.world.session(&put_back, &["rewritten", "rewritten"]);
    match watched.open(&put_back) {
        Err(Error::OtherHistory { witness, log }) => assert_eq!((&witness[..], log), ("east.example/w", 5)),
        other => panic!("{other:?}"),
    }
    watched.world.session(&put_back, &["longer"]);
    assert!(matches!(watched.open(&put_back), Err(Error::OtherHistory { .. })));
    // The true one goes on.
    watched.session(&disk, &["true"]);
}

#[test]
fn without_enough_witnesses_nothing_starts_and_after_the_grace_nothing_is_recorded() {
    let watched = Watched::new("both");
    let disk = watched.world.created();
    watched.up.store(false, Ordering::SeqCst);
    assert!(matches!(watched.open(&disk), Err(Error::Unwitnessed { .. })));
    watched.up.store(true, Ordering::SeqCst);
    let log = watched.open(&disk).unwrap();
    watched.up.store(false, Ordering::SeqCst);
    watched.world.clock.advance_ms(GRACE as i64);
    log.append_blocking(entry("within the grace")).unwrap();
    watched.world.clock.advance_ms(1);
    assert_eq!(log.append_blocking(entry("too long")).unwrap_err(), Unavailable::Unwitnessed);
    assert!(!log.healthy());
    watched.up.store(true, Ordering::SeqCst);
    log.publish().unwrap();
    log.append_blocking(entry("they are back")).unwrap();
    assert!(log.healthy());
    drop(log);
    watched.world.verify(&disk, None).unwrap();
}

#[test]
fn a_witness_answers_as_the_specification_says() {
    let watched = Watched::new("one");
    let disk = watched.world.created();
    watched.session(&disk, &["one"]);
    let first = disk.files();
    let kept = watched.world.verify(&disk, None).unwrap().checkpoint;
    let name = LogName::new(ORIGIN, watched.world.signing.public()).unwrap();
    watched.world.session(&disk, &["two"]);
    let now = crate::Published::open_on(Arc::new(disk.clone()), Some(&name)).unwrap();
    let old = crate::Checkpoint::verify(&kept, &name).unwrap();
    let good = now.consistency(old).unwrap().to_text();
    let watch = watched.watches.values().next().unwrap();
    let ask = |body: &str| watch.add_checkpoint(body);

    assert_eq!(ask(&good.replacen("old 2", "old 1", 1)), Answer::Conflict(2));
    assert_eq!(ask(&good.replacen("old 2", "old 0", 1)), Answer::Conflict(2));
    assert_eq!(ask(&good.replacen("old 2", "old 02", 1)).to_http().0, 400);
    assert_eq!(ask(&good.replacen("old 2", "old 9", 1)).to_http().0, 400);
    assert_eq!(ask("").to_http().0, 400);
    assert_eq!(ask(&good.replacen(ORIGIN, "other.example/log", 2)), Answer::UnknownLog);
    let unsigned = good.rsplit_once("— ").unwrap().0.to_owned() + "— other.example AAAA\n";
    assert_eq!(ask(&unsigned), Answer::Unsigned);
    let mut lines: Vec<&str> = good.split('\n').collect();
    lines.remove(1);
    assert_eq!(ask(&lines.join("\n")), Answer::Unproved);
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let signed = String::from_utf8(bytes).is_ok_and(|body| matches!(ask(&body), Answer::Signed(_)));
        assert!(!signed, "bit {bit}");
    }
    for cut in (0..good.len()).filter(|at| good.is_char_boundary(*at)) {
        assert!(!matches!(ask(&good[..cut]), Answer::Signed(_)), "cut at {cut}");
    }
    assert!(matches!(ask(&good), Answer::Signed(_)));
    assert_eq!(ask(&good), Answer::Conflict(4));

    // Two checkpoints of a forked log: whichever comes second is refused.
    let fork = FaultDisk::with_files(first);
    watched.world.session(&fork, &["other two"]);
    let forked = crate::Published::open_on(Arc::new(fork), Some(&name)).unwrap();
    let same_size = format!("old 4\n\n{}", forked.note());
    assert_eq!(ask(&same_size), Answer::Forked(4));
    assert_eq!(ask(&forked.consistency(old).unwrap().to_text()), Answer::Conflict(4));
    assert!(matches!(ask(&format!("old 4\n\n{}", now.note())), Answer::Signed(_)), "again is no harm");
}

#[test]
fn a_witness_signs_only_what_it_has_kept() {
    use crate::fault::Fault;
    let world = World::new();
    let disk = world.created();
    world.session(&disk, &["one"]);
    let note = world.verify(&disk, None).unwrap().checkpoint;
    for after in 0..5 {
        let state = FaultDisk::new();
        let open = |state: &FaultDisk| {
            let log = LogName::new(ORIGIN, world.signing.public()).unwrap();
            let cosigner = Cosigner::new("w", SigningKey::generate()).unwrap();
            Watch::open_on(Arc::new(state.clone()), cosigner, vec![log], world.clock.clone()).unwrap()
        };
        let watch = open(&state);
        state.fail_after(after, Fault::PowerCut);
        let answer = watch.add_checkpoint(&format!("old 0\n\n{note}"));
        let state = state.after_power_cut(after);
        let seen = open(&state).logs()[0].1;
        assert!(!matches!(answer, Answer::Signed(_)) || seen == 2, "{after}: {answer:?} {seen}");
    }
}
