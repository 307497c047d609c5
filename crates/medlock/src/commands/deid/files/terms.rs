//! What a run goes by: profile, detector, scope.

use crate::cli::DeidFiles;
use crate::clock::SystemClock;
use crate::commands::deid::detector_digest;
use crate::config::Whereabouts;
use crate::detector;
use crate::failure::{Doing, Failure};
use medlock_deid::Detector;
use medlock_deid::deidentify::{Action, Profile, Scope};
use medlock_domain::{Clock, PhiClass};
use medlock_keys::digest::{Digest, sha256};
use medlock_records::Options;
use std::path::Path;

pub(super) struct Terms {
    pub(super) profile: Profile,
    pub(super) profile_digest: Digest,
    pub(super) detector: &'static Detector,
    pub(super) detector_digest: Digest,
    pub(super) options: Options,
    /// The year in which it runs, by which ages over 89 are told.
    pub(super) year: Option<i32>,
}

impl Terms {
    pub(super) fn new(args: &DeidFiles, whereabouts: &Whereabouts) -> Result<Self, Failure> {
        let mut profile = profile(&args.profile)?;
        if let Some(scope) = args.scope {
            profile = with_scope(&profile, scope)?;
        }
        let detector = detector::configured(whereabouts, args.preset)?;
        Ok(Self {
            profile_digest: sha256(&[profile.to_string().as_bytes()]),
            profile,
            detector,
            detector_digest: detector_digest(detector),
            options: Options::default(),
            year: SystemClock.now().rfc3339().get(..4).and_then(|y| y.parse().ok()),
        })
    }

    /// Whether replacements outlive a document. Two threads could then draw the same stand-in for two
    /// values, each before the other has kept it.
    pub(super) fn keeps(&self) -> bool {
        PhiClass::ALL.into_iter().any(|class| {
            let drawn = matches!(self.profile.action(class), Action::Tokenize | Action::Surrogate | Action::Shift);
            drawn && self.profile.scope(class) != Scope::Document
        })
    }
}

/// A profile of that name, or in the file of that name.
pub(super) fn profile(name: &str) -> Result<Profile, Failure> {
    match name {
        "safe-harbor" => return Ok(Profile::safe_harbor()),
        "limited-data-set" => return Ok(Profile::limited_data_set()),
        _ => {}
    }
    let text = std::fs::read_to_string(Path::new(name)).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Failure::error(format!(
            "no profile {name:?}: give safe-harbor, limited-data-set, or a file such as \
             `medlock deid --print-profile safe-harbor` prints"
        )),
        _ => Failure::error(format!("reading the profile {name}: {e}")),
    })?;
    Profile::from_toml(&text).doing(format!("the profile {name}"))
}

/// The same actions, with one scope for all.
fn with_scope(profile: &Profile, scope: Scope) -> Result<Profile, Failure> {
    let actions = PhiClass::ALL
        .map(|class| format!("{class} = {{ action = \"{}\", scope = \"{scope}\" }}\n", profile.action(class)));
    let toml = format!("name = \"{}\"\n[actions]\n{}", profile.name(), actions.concat());
    Profile::from_toml(&toml).doing("the scope")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_scope_changes_scopes_alone() {
        let wide = with_scope(&Profile::limited_data_set(), Scope::Project).unwrap();
        for class in PhiClass::ALL {
            assert_eq!(wide.action(class), Profile::limited_data_set().action(class));
            assert_eq!(wide.scope(class), Scope::Project);
        }
        assert_eq!(wide.name(), "limited-data-set");
    }
}
