//! Landlock: every right that the running kernel can take away, taken away.

use crate::frame::Enforced;
use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope};

/// Handles every right and allows none; sets `no_new_privs` too. Binds this thread and what it
/// starts, so there must be no other thread yet.
pub(super) fn deny_all() -> Option<Enforced> {
    let newest = ABI::V7;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort) // what an older kernel lacks, seccomp covers
        .handle_access(AccessFs::from_all(newest))
        .and_then(|r| r.handle_access(AccessNet::from_all(newest)))
        .and_then(|r| r.scope(Scope::from_all(newest)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .ok()?;
    match (status.ruleset, status.no_new_privs) {
        (RulesetStatus::FullyEnforced, true) => Some(Enforced::Fully),
        (RulesetStatus::PartiallyEnforced, true) => Some(Enforced::Partly),
        _ => None,
    }
}
