//! What can go wrong. Nothing here repeats what somebody typed.

use crate::password_rules::PasswordFlaw;
use medlock_domain::{KeyId, RoleName, UserId};
use medlock_store::StoreError;
use std::fmt;

/// Why somebody is not who they say, or cannot be let in now. The record names the reason; the
/// caller is told the same for all of them but [`AuthFailure::Unavailable`], or each answer would
/// be a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthFailure {
    /// No credential was sent.
    Missing,
    /// No such key, session or person; or a key whose secret is wrong or malformed.
    Unknown,
    /// The password is wrong.
    WrongPassword,
    /// The one-time code is wrong or missing.
    WrongCode,
    /// The one-time code was right, and has been used before.
    ReplayedCode,
    /// The passkey is not the person's, or signed something else than it was asked to.
    WrongPasskey,
    /// The passkey's counter has not gone on: somebody has a copy of it.
    ClonedPasskey,
    /// What an identity provider's visitor brings is not an answer to what was asked, or not the provider's.
    WrongToken,
    /// They come from an identity provider, and through it only.
    ProviderOnly,
    /// No identity provider is set up.
    NoProvider,
    /// The identity provider does not answer.
    ProviderDown,
    /// No group of theirs has a role here.
    NoRole,
    /// Policy wants a second factor and the person has none.
    NoFactor,
    /// The key or session is over.
    Expired,
    /// The key was revoked, or the session ended.
    Revoked,
    /// The person is shut out, or is the owner of the key and shut out.
    Disabled,
    /// The key is not to be used from there.
    WrongNetwork,
    /// The session was begun with a client certificate that is not shown now.
    WrongCertificate,
    /// Too many failures in a row: the authenticator is off until somebody with the right resets it.
    Locked,
    /// Too many failures lately: later.
    Throttled,
    /// It cannot be told, because the database cannot be read or written.
    Unavailable,
}

impl AuthFailure {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::WrongPassword => "wrong_password",
            Self::WrongCode => "wrong_code",
            Self::ReplayedCode => "replayed_code",
            Self::WrongPasskey => "wrong_passkey",
            Self::ClonedPasskey => "cloned_passkey",
            Self::WrongToken => "wrong_token",
            Self::ProviderOnly => "provider_only",
            Self::NoProvider => "no_provider",
            Self::ProviderDown => "provider_down",
            Self::NoRole => "no_role",
            Self::NoFactor => "no_factor",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Disabled => "disabled",
            Self::WrongNetwork => "wrong_network",
            Self::WrongCertificate => "wrong_certificate",
            Self::Locked => "locked",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for AuthFailure {
    /// What a caller may read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "authentication is not available at the moment",
            _ => "the credentials were not accepted",
        })
    }
}

impl std::error::Error for AuthFailure {}

/// A credential that was refused, with whose it is where that is known: for the record only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub failure: AuthFailure,
    /// The key or the person, where somebody has a good credential that they should not have there.
    pub whose: Option<Misused>,
}

/// Whose credential is used where it should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misused {
    /// A key's.
    Key(KeyId),
    /// Of a session of this person.
    Session(UserId),
}

impl From<AuthFailure> for Refused {
    fn from(failure: AuthFailure) -> Self {
        Self { failure, whose: None }
    }
}

/// A failed log-in, with the account it was for where there is one: for the record only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFailure {
    /// Why.
    pub failure: AuthFailure,
    /// Whose account, when the name exists.
    pub user: Option<UserId>,
}

impl From<LoginFailure> for AuthFailure {
    fn from(f: LoginFailure) -> Self {
        f.failure
    }
}

/// One mistake in a policy, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyMistake {
    /// The file, or what was given as its name.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and, where it is known, the mend.
    pub what: String,
}

impl fmt::Display for PolicyMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Why an operation of this crate did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The policies have mistakes; all of them are here. What was in force stays in force.
    #[error("the policies have mistakes:\n{}", lines(.0))]
    Policy(Vec<PolicyMistake>),
    /// The files are others than those that were announced.
    #[error("the policy files have changed meanwhile: try again")]
    PolicyChanged,
    /// The policies are not signed by enough of those who have to, or are older than what was in force.
    #[error("the policies are not signed as they have to be: {0}")]
    PolicySeal(String),
    /// The policy files cannot be read.
    #[error("policy files: {0}")]
    PolicyFiles(#[source] std::io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The permit is for something else: a mistake of the program, not of a person.
    #[error("this needs a permit for {0}")]
    WrongPermit(&'static str),
    /// The permit ended between being given and being used.
    #[error("the permit has ended: ask again")]
    PermitEnded,
    /// There is no such thing, or not for this person.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The name is somebody's.
    #[error("a {0} of that name exists already")]
    Taken(&'static str),
    /// It would leave nobody who can administer the server.
    #[error("this is the last enabled administrator: make another one first")]
    LastAdmin,
    /// No policy knows the role. The message does not repeat it: it is whatever was typed.
    #[error("no policy knows one of these roles; there are {}", names(.known))]
    UnknownRole {
        /// The one that was asked for.
        role: RoleName,
        /// The ones that there are.
        known: Vec<RoleName>,
    },
    /// A person or key without a role could do nothing.
    #[error("at least one role is needed")]
    NoRole,
    /// A key cannot do what its owner cannot.
    #[error("the owner does not have all of these roles")]
    RolesBeyondOwner,
    /// A key without a purpose of use could do nothing.
    #[error("at least one purpose of use is needed")]
    NoPurpose,
    /// The owner of a new key is shut out.
    #[error("the owner is disabled")]
    OwnerDisabled,
    /// The name of a key is outside its grammar.
    #[error("a key's name is 1 to 64 of A-Z a-z 0-9 . _ -")]
    BadKeyName,
    /// A person waits for as much as anybody can look at.
    #[error("you have 20 open requests: take some back first (medlock approval end)")]
    TooManyApprovals,
    /// Somebody else decides, whom it does not concern.
    #[error("it is yours, or about you: somebody else has to decide")]
    OwnApproval,
    /// Somebody has left at a time that is to come.
    #[error("nobody has left at a time that is to come")]
    NotYet,
    /// The identity provider lets somebody in whom an administrator here has shut out.
    #[error("an administrator of this server has shut them out: only one can let them in again")]
    ShutOutHere,
    /// A key and what replaced it are alive: that is enough.
    #[error("another key of this owner has the same name and roles and is alive: revoke one of them first")]
    RotatedAlready,
    /// Single sign-on is not set up.
    #[error("there is no identity provider: set [sso] in the configuration")]
    NoProvider,
    /// The identity provider gives no name that will do.
    #[error("the identity provider gives no user name of the form that there is here")]
    NoUsername,
    /// What a person calls a passkey is shown in lists.
    #[error("a passkey's name is 1 to 64 characters")]
    BadPasskeyName,
    /// The authenticator's answer does not belong to what it was asked.
    #[error("the passkey was not accepted: begin again")]
    Passkey,
    /// A person has a few.
    #[error("nobody has more than {} passkeys: remove one first", crate::passkey::MOST)]
    TooManyPasskeys,
    /// A key ends, and within a year.
    #[error("the expiry must lie in the future and within one year")]
    BadExpiry,
    /// The password is too easy or too long.
    #[error(transparent)]
    Password(#[from] PasswordFlaw),
    /// What a program shows instead of a secret is renewed by who gives it.
    #[error("this key has no secret of ours: renew the certificate, or whatever the identity provider asks for")]
    Bound,
    /// A key cannot log out.
    #[error("this credential is no session")]
    NoSession,
    /// The task that was doing it ended without an answer.
    #[error("the operation ended without an answer: look whether it happened")]
    Interrupted,
}

fn lines(mistakes: &[PolicyMistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn names(roles: &[RoleName]) -> String {
    roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(", ")
}
