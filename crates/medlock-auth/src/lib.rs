//! Who is it, and may they. People log in with a passkey, or a password and a one-time code, and work in a
//! session, or come from an identity provider; programs bring an API key that a person answers for. Either becomes a [`Principal`],
//! and only a [`Principal`] can be given a [`Permit`], by policies that are validated against a
//! schema before they count. Deny is the default, a `forbid` wins over every `permit`, and a policy
//! that cannot be evaluated denies.
//!
//! Absent on purpose: anything of HTTP, any text of a patient, any reading of the wall clock.

mod admin;
mod approval;
mod authenticate;
mod authorize;
mod credential;
mod emergency;
mod error;
mod factor;
mod login;
mod oidc;
mod passkey;
mod password_rules;
mod permit;
mod policy;
mod principal;
mod service;
mod sessions;
mod sso;
mod standing;
mod throttle;

pub use admin::{
    Change, CreatedKey, CreatedUser, Enrolment, Joiner, KeyInfo, NewKey, NewUser, Provisioned, SessionInfo, UserInfo,
    UserState,
};
pub use approval::{Approval, LONGEST_ROLE_HOURS, ROLE_VERB, Second, Wish};
pub use credential::{Certificate, Credential, Peer, is_signed};
pub use emergency::NewEmergency;
pub use error::{AuthError, AuthFailure, LoginFailure, Misused, PolicyMistake, Refused};
pub use factor::{Factor, Proof};
pub use login::NewSession;
pub use oidc::{Fetch, MOST_BYTES, PATIENCE, Provider, ProviderSettings};
pub use passkey::{Assertion, Attestation, BadOrigin, Ceremony, Origin, PasskeyInfo};
pub use password_rules::PasswordFlaw;
pub use permit::{AdminAction, AdminPermit, Ask, ChatAction, Cut, Denied, DenyCode, LocalOperator, Permit, Relation};
pub use policy::{
    Answer, Asked, BadQuestion, POLICY_NOTE, PolicySeal, PolicySource, PolicyText, Question, Reloaded, Trial, When,
    Zone, given_in_words,
};
pub use principal::Principal;
pub use service::{Auth, SessionLimits};
pub use sessions::Renewed;
pub use sso::{Arrival, Departure, Provision};
