//! Stand-ins for one request to a model.

use medlock_domain::PhiClass;

use super::place::{Segment, segments};
use super::restore::StandIns;
use super::surrogate::PARTICLES;
use super::vault::MemoryVault;
use super::{Action, Deidentifier, Method, Profile, Scope};
use crate::Detector;
use crate::values::is_title;

type Random<'r> = &'r mut dyn FnMut(&mut [u8]);

/// Draws the stand-ins of one request, none of which the request says itself.
pub(crate) struct ChatStandIns<'a, 'r>(Deidentifier<'a, MemoryVault<Random<'r>>>);

impl<'a, 'r> ChatStandIns<'a, 'r> {
    pub(crate) fn new(detector: &'a Detector, random: Random<'r>) -> Self {
        Self(Deidentifier::new(detector, profile(), MemoryVault::new(random)))
    }

    /// Takes in a text: all of them before the first stand-in is drawn.
    pub(crate) fn read(&mut self, text: &str) {
        self.0.seen.read(text);
    }

    /// Takes in a value.
    pub(crate) fn value(&mut self, class: PhiClass, value: &str) {
        self.0.seen.value(value);
        self.0.learn(class, value);
    }

    /// The stand-in of a value, if it can have one.
    pub(crate) fn draw(&mut self, class: PhiClass, value: &str, text: &str) -> Option<String> {
        // A vault in memory does not fail; were it to, a placeholder would do.
        self.0.stand_in(class, value, text).ok().flatten()
    }

    pub(crate) fn finish(self) -> StandIns {
        StandIns::of(self.0.page.entries())
    }
}

fn profile() -> &'static Profile {
    static PROFILE: std::sync::OnceLock<Profile> = std::sync::OnceLock::new();
    PROFILE.get_or_init(|| Profile::uniform(Method::Expert("chat".into()), Action::Surrogate, Scope::Document))
}

/// Whether what a finding has besides stand-ins is nobody's: the state behind a city, `van der`.
pub(crate) fn is_nobodys(class: PhiClass, text: &str) -> bool {
    match class {
        PhiClass::Location => segments(text).iter().all(|s| matches!(s, Segment::State(_) | Segment::Gap(_))),
        PhiClass::Name => text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .map(str::to_lowercase)
            .all(|w| PARTICLES.contains(&w.as_str()) || is_title(&w)),
        _ => false,
    }
}
