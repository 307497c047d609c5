//! What the verbs show, in the shapes of `/admin/v1`.

use medlock_auth::{KeyInfo, SessionInfo, UserInfo, UserState};
use medlock_domain::{Binding, ModelName, Network, Purpose, RoleName, Timestamp, UserId};
use medlock_pipeline::admin::Day;
use serde::{Deserialize, Serialize};

/// Entries of the log, and where to go on.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    pub(crate) data: Vec<serde_json::Map<String, serde_json::Value>>,
    pub(crate) next: Option<String>,
}

/// A review pack to be made.
pub(crate) struct PackAsk {
    pub(crate) from: Day,
    pub(crate) to: Day,
    pub(crate) seed: u32,
    pub(crate) sample: u16,
}

/// A person.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UserView {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) roles: Vec<String>,
    pub(crate) temporary_roles: Vec<TemporaryRole>,
    /// `enabled`, `disabled` or `locked`.
    pub(crate) state: String,
    pub(crate) factor: bool,
    pub(crate) recovery_codes: u32,
    pub(crate) passkeys: usize,
    pub(crate) created: String,
}

/// A role that a person has for a while.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TemporaryRole {
    pub(crate) role: String,
    pub(crate) until: String,
}

impl UserView {
    /// All that they may now, for a table.
    pub(crate) fn roles_now(&self) -> String {
        let temporary = self.temporary_roles.iter().map(|t| format!("{} until {}", t.role, t.until));
        self.roles.iter().cloned().chain(temporary).collect::<Vec<_>>().join(",")
    }

    pub(super) fn of(u: &UserInfo) -> Self {
        Self {
            id: u.id.to_string(),
            username: u.username.to_string(),
            roles: strings(&u.roles),
            temporary_roles: u
                .temporary
                .iter()
                .map(|(role, until)| TemporaryRole { role: role.to_string(), until: until.rfc3339() })
                .collect(),
            state: state(u.state).to_owned(),
            factor: u.has_factor,
            recovery_codes: u.recovery_codes,
            passkeys: u.passkeys,
            created: u.created.rfc3339(),
        }
    }
}

fn state(state: UserState) -> &'static str {
    match state {
        UserState::Enabled => "enabled",
        UserState::Disabled => "disabled",
        UserState::Locked => "locked",
    }
}

/// An API key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) owner: String,
    pub(crate) roles: Vec<String>,
    pub(crate) purposes: Vec<String>,
    pub(crate) models: Vec<String>,
    pub(crate) networks: Vec<String>,
    pub(crate) bound_to: Option<String>,
    pub(crate) created: String,
    pub(crate) expires: String,
    pub(crate) revoked: Option<String>,
    pub(crate) last_used: Option<String>,
}

impl KeyView {
    pub(super) fn of(k: &KeyInfo) -> Self {
        Self {
            id: k.id.to_string(),
            name: k.name.clone(),
            prefix: k.prefix.clone(),
            owner: k.owner.to_string(),
            roles: strings(&k.roles),
            purposes: strings(&k.purposes),
            models: strings(&k.models),
            networks: strings(&k.networks),
            bound_to: k.bound.as_ref().map(ToString::to_string),
            created: k.created.rfc3339(),
            expires: k.expires.rfc3339(),
            revoked: k.revoked.map(Timestamp::rfc3339),
            last_used: k.last_used.map(Timestamp::rfc3339),
        }
    }
}

/// A session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) created: String,
    pub(crate) last_seen: String,
    pub(crate) expires: String,
}

impl SessionView {
    pub(super) fn of(s: &SessionInfo) -> Self {
        Self {
            id: s.id.to_string(),
            user: s.user.to_string(),
            created: s.created.rfc3339(),
            last_seen: s.last_seen.rfc3339(),
            expires: s.expires.rfc3339(),
        }
    }
}

/// A second factor, to be shown once. This program wipes all memory that it frees.
#[derive(Debug, Deserialize)]
pub(crate) struct Factor {
    pub(crate) otpauth_url: String,
    pub(crate) totp_secret: String,
    pub(crate) recovery_codes: Vec<String>,
}

/// A person who was just made.
pub(crate) struct MadeUser {
    pub(crate) id: String,
    pub(crate) factor: Factor,
}

/// A key to be made.
pub(crate) struct NewKeyAsk {
    pub(crate) name: String,
    pub(crate) owner: Option<UserId>,
    pub(crate) roles: Vec<RoleName>,
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) models: Vec<ModelName>,
    pub(crate) networks: Vec<Network>,
    pub(crate) bound_to: Option<Binding>,
    pub(crate) days: u16,
}

/// A key that was just made, to be shown once.
#[derive(Debug, Deserialize)]
pub(crate) struct MadeKey {
    pub(crate) id: String,
    pub(crate) key: Option<String>,
    pub(crate) expires: String,
}

pub(super) fn strings<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
