//! Who somebody turned out to be.

use medlock_domain::{Actor, ModelName, NetworkSource, PatientRef, Purpose, RoleName, Timestamp, UserId, Username};
use std::sync::Arc;

/// Proof of authentication: made by this crate after it has checked a credential. Meant for the
/// request that brought the credential, not to be kept.
#[derive(Debug, Clone)]
pub struct Principal(pub(crate) Arc<PrincipalParts>);

#[derive(Debug)]
pub(crate) struct PrincipalParts {
    pub(crate) actor: Actor,
    pub(crate) user: UserId,
    pub(crate) username: Username,
    pub(crate) roles: Vec<RoleName>,
    pub(crate) purposes: Vec<Purpose>,
    /// Empty: all that policy allows.
    pub(crate) models: Vec<ModelName>,
    pub(crate) mfa: bool,
    /// Shown within the last minutes.
    pub(crate) fresh: bool,
    pub(crate) from: NetworkSource,
    pub(crate) expires: Timestamp,
    /// The only patient whom the credential is for.
    pub(crate) patient: Option<PatientRef>,
    /// When the first of the roles ends that are held for a while.
    pub(crate) roles_until: Option<Timestamp>,
    /// How far the table of changes had got before the credential was looked up.
    pub(crate) seen: u64,
}

impl Principal {
    /// Who, as the log names them.
    pub fn actor(&self) -> &Actor {
        &self.0.actor
    }

    /// The person, or the person who answers for the key.
    pub fn user(&self) -> &UserId {
        &self.0.user
    }

    /// That person's name.
    pub fn username(&self) -> &Username {
        &self.0.username
    }

    /// The roles that count: for a key, those that its owner still has.
    pub fn roles(&self) -> &[RoleName] {
        &self.0.roles
    }

    /// The purposes that a key was made for; for a person all, as policy decides.
    pub fn purposes(&self) -> &[Purpose] {
        &self.0.purposes
    }

    /// Whether a second factor was shown.
    pub fn mfa(&self) -> bool {
        self.0.mfa
    }

    /// Whether it was shown within the last minutes ([`crate::SessionLimits::fresh_ms`]).
    pub fn fresh(&self) -> bool {
        self.0.fresh
    }

    /// Whether it is a person in a session, and not a program.
    pub fn is_person(&self) -> bool {
        matches!(self.0.actor, Actor::Person { .. })
    }

    /// The only patient whom the credential is for; `None`: for any.
    pub fn patient(&self) -> Option<&PatientRef> {
        self.0.patient.as_ref()
    }

    /// No permit lasts longer.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.0.roles_until.map_or(self.0.expires, |until| until.min(self.0.expires))
    }

    /// When the credential ends if it is not used again.
    pub fn expires(&self) -> Timestamp {
        self.0.expires
    }
}
