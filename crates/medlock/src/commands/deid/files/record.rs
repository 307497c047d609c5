//! The installation behind a run: its vault, and the records in its log. The first is durable before
//! anything is written, so that no run is without one; the last says how it ended.

use crate::commands::Context;
use crate::config;
use crate::deid_vault::SealedVault;
use crate::failure::{Doing, Failure};
use crate::installation::Installation;
use crate::lock::{self, RunLock};
use medlock_audit::{Entry, Kind, Outcome};
use medlock_domain::{Actor, PhiClass};
use medlock_keys::digest::Digest;
use std::os::unix::fs::MetadataExt;
use tokio::runtime::Runtime;

use super::manifest::{Manifest, Totals};
use super::terms::Terms;

/// An installation, with its directory to ourselves.
pub(super) struct Recorded {
    installation: Installation,
    _lock: RunLock,
}

impl Recorded {
    pub(super) fn open(context: &Context, runtime: &Runtime) -> Result<Self, Failure> {
        let also = |failure: Failure| match failure {
            Failure::Error(why) => Failure::Error(format!("{why}; or keep and record nothing with --no-vault")),
            other => other,
        };
        let settings = config::load(&context.whereabouts).map_err(also)?;
        let lock = lock::take_or_fail(&settings.layout).map_err(also)?;
        let installation = runtime.block_on(Installation::open(&settings))?;
        Ok(Self { installation, _lock: lock })
    }

    pub(super) fn vault(&self, runtime: &Runtime) -> SealedVault {
        SealedVault::new(self.installation.vault.clone(), runtime.handle().clone())
    }

    /// Announces the run.
    pub(super) fn begin(&self, terms: &Terms, inputs: usize, runtime: &Runtime) -> Result<u64, Failure> {
        let entry = named(Entry::new(Kind::AdminIntent, Actor::LocalOperator).outcome(Outcome::Pending), terms);
        self.append(entry.int("inputs", inputs as i64), runtime)
    }

    /// Says how it ended.
    pub(super) fn end(
        &self,
        intent: u64,
        terms: &Terms,
        manifest: (&Manifest, Option<Digest>),
        outcome: Outcome,
        runtime: &Runtime,
    ) -> Result<u64, Failure> {
        let Totals { done, pending, not_inspected, failed, documents, bytes_in, bytes_out, left_out, .. } =
            manifest.0.totals;
        let mut entry = named(Entry::new(Kind::AdminOutcome, Actor::LocalOperator).outcome(outcome), terms)
            .int("intent", intent as i64);
        for (key, n) in [
            ("files_done", done),
            ("files_pending", pending),
            ("files_not_inspected", not_inspected),
            ("files_failed", failed),
            ("documents", documents),
            ("bytes_in", bytes_in),
            ("bytes_out", bytes_out),
            ("left_out", left_out),
        ] {
            entry = entry.int(key, n as i64);
        }
        // Two facts: all classes with large numbers are more than one word may have.
        let (first, second) = PhiClass::ALL.split_at(PhiClass::ALL.len() / 2);
        for (key, classes) in [("classes", first), ("classes_more", second)] {
            let counts = &manifest.0.totals.classes;
            let counted = classes.iter().filter_map(|c| Some(format!("{c}={}", counts.get(c.label())?)));
            entry = entry.word(key, &counted.collect::<Vec<_>>().join(","));
        }
        if let Some(digest) = manifest.1 {
            entry = entry.digest("manifest", digest);
        }
        self.append(entry, runtime)
    }

    pub(super) fn close(self, runtime: &Runtime) -> Result<(), Failure> {
        runtime.block_on(self.installation.close())
    }

    fn append(&self, entry: Entry, runtime: &Runtime) -> Result<u64, Failure> {
        let receipt = runtime.block_on(self.installation.log.append(entry)).doing("recording the run")?;
        Ok(receipt.index())
    }
}

/// Who, and by what.
fn named(entry: Entry, terms: &Terms) -> Entry {
    // Whose process this is: the owner of its own directory.
    let uid = std::fs::metadata("/proc/self").map_or(-1, |m| i64::from(m.uid()));
    entry
        .word("verb", "deid")
        .int("uid", uid)
        .word("profile", terms.profile.name())
        .digest("profile_digest", terms.profile_digest)
        .word("detector", terms.detector.version())
        .digest("detector_digest", terms.detector_digest)
        .word("preset", terms.detector.chosen().name())
}
