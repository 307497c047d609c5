//! Power cuts and failures at random moments under random loads: what was acknowledged is there.

use super::*;
use crate::fault::Fault;
use proptest::prelude::*;

/// One life of a server: bursts of appends until something goes wrong, or a clean end.
#[derive(Debug, Clone)]
struct Life {
    /// Per burst, the lengths of the contents that are in flight together.
    bursts: Vec<Vec<usize>>,
    /// After which bursts what is durable is published.
    publish: Vec<usize>,
    /// At which operation what goes wrong; operations of the opening count.
    accident: Option<(u64, Fault)>,
    /// Which of the possible outcomes of the power cut at the end, or none: a clean end.
    cut: Option<u64>,
}

fn life() -> impl Strategy<Value = Life> {
    let burst = prop::collection::vec(prop_oneof![Just(0usize), 1usize..40, 400usize..3000], 1..6);
    let fault = prop::sample::select(vec![
        Fault::ShortWrite,
        Fault::InputOutput,
        Fault::NoSpace,
        Fault::LostSync,
        Fault::PowerCut,
        Fault::PowerCut,
        Fault::PowerCut,
    ]);
    let accident = prop::option::weighted(0.8, (0u64..60, fault));
    let publish = prop::collection::vec(0usize..8, 0..4);
    (prop::collection::vec(burst, 0..8), publish, accident, prop::option::weighted(0.8, any::<u64>()))
        .prop_map(|(bursts, publish, accident, cut)| Life { bursts, publish, accident, cut })
}

/// What the outside has seen: texts with their receipts, and the newest checkpoint handed out.
#[derive(Default)]
struct Seen {
    acknowledged: Vec<(String, Receipt)>,
    checkpoint: Option<String>,
}

async fn live(world: &World, disk: &FaultDisk, life: &Life, nth: usize, seen: &mut Seen) {
    if let Some((after, fault)) = life.accident {
        disk.fail_after(after, fault);
    }
    let Ok(log) = world.open(disk) else {
        assert!(life.accident.is_some(), "a healthy disk must open");
        return;
    };
    for (b, burst) in life.bursts.iter().enumerate() {
        let texts: Vec<String> =
            burst.iter().enumerate().map(|(i, n)| format!("{nth}.{b}.{i}:{}", "x".repeat(*n))).collect();
        let waiting: Vec<_> = texts
            .iter()
            .map(|text| {
                let (log, entry) = (log.clone(), entry(text));
                tokio::spawn(async move { log.append(entry).await })
            })
            .collect();
        for (text, task) in texts.into_iter().zip(waiting) {
            if let Ok(receipt) = task.await.unwrap() {
                assert!(receipt.covers(text.as_bytes()));
                seen.acknowledged.push((text, receipt));
            }
        }
        if log.healthy() {
            seen.checkpoint = Some(log.checkpoint());
        }
        if life.publish.contains(&b) {
            // It may fail: the disk may.
            drop(log.publish());
        }
    }
    match life.cut {
        None => log.close().await,
        // A power cut does not wait for a clean close: the disk dies first.
        Some(_) => disk.fail_after(0, Fault::PowerCut),
    }
}

fn check(world: &World, disk: &FaultDisk, seen: &Seen) {
    let report = world.verify(disk, seen.checkpoint.as_deref()).unwrap_or_else(|p| panic!("{}", show(&p)));
    let stored = world.read(disk);
    assert_eq!(report.size, stored.len() as u64);
    for (text, receipt) in &seen.acknowledged {
        let entry = &stored[receipt.index() as usize];
        assert_eq!(entry.receipt_id(), receipt.id());
        assert_eq!(&world.text(entry), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]
    #[test]
    fn whatever_was_acknowledged_survives(lives in prop::collection::vec(life(), 1..4), end in any::<u64>()) {
        let mut world = World::new();
        world.limits.segment_bytes = 6000;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut disk = world.created();
        let mut seen = Seen::default();
        for (nth, life) in lives.iter().enumerate() {
            runtime.block_on(live(&world, &disk, life, nth, &mut seen));
            disk = disk.after_power_cut(life.cut.unwrap_or(end));
        }
        // However it was left, it opens, and then everything holds.
        world.session(&disk, &["the last word"]);
        check(&world, &disk, &seen);
    }
}
