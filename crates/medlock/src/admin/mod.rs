//! The administrative verbs as the command line uses them: asked of the running server over
//! `/admin/v1`, or done on the files by the local operator while no server runs. Either way the
//! audit log has a record of each.

mod client;
mod local;
mod remote;
mod view;

pub(crate) use client::{Client, Saved, trusting, unreachable_server};
pub(crate) use view::{Factor, Found, KeyView, MadeKey, MadeUser, NewKeyAsk, PackAsk, SessionView, UserView};

use crate::cli::Why;
use crate::config::{self, Whereabouts};
use crate::failure::Failure;
use crate::lock::{self, Holder};
use crate::prompt;
use local::Local;
use medlock_auth::Proof;
use medlock_domain::{
    ApprovalId, EmergencyId, KeyId, ModelName, PatientRef, RequestId, RoleName, SessionId, Timestamp, UserId, Username,
};
use medlock_keys::digest::Digest;
use medlock_keys::password::Secret;
use medlock_pipeline::admin::{AccessOf, Because, Declared, ModelChange, Reason, Scope, Sealed, States, Verdict};
use reqwest::Method;
use serde_json::Value;
use zeroize::Zeroizing;

/// Who does the verbs.
pub(crate) enum Office {
    /// The server, on behalf of whoever is logged in.
    Remote(Client),
    /// We, with the directory to ourselves.
    Local(Box<Local>),
}

impl Office {
    /// Does a verb, and ends in good order.
    pub(crate) async fn with<T>(
        whereabouts: &Whereabouts,
        verb: impl AsyncFnOnce(&Office) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let office = Self::open(whereabouts).await?;
        let done = verb(&office).await;
        let closed = office.close().await;
        let done = done?;
        closed.map(|()| done)
    }

    /// The server where one runs, else the files.
    async fn open(whereabouts: &Whereabouts) -> Result<Self, Failure> {
        let settings = config::load(whereabouts)?;
        match lock::take(&settings.layout)? {
            Holder::Server(at) => Ok(Office::Remote(Client::saved(&settings, at)?)),
            Holder::Us(lock) => Ok(Office::Local(Box::new(Local::open(&settings, lock).await?))),
            Holder::Other => Err(Failure::error("another medlock is at work on this directory: try again in a moment")),
        }
    }

    async fn close(self) -> Result<(), Failure> {
        match self {
            Office::Remote(_) => Ok(()),
            Office::Local(local) => local.close().await,
        }
    }

    /// What is sealed of a request.
    pub(crate) async fn open_content(&self, request: &RequestId, because: &Because) -> Result<Vec<Sealed>, Failure> {
        match self {
            Office::Remote(c) => remote::open_content(c, request, because).await,
            Office::Local(l) => l.open_content(request, because).await,
        }
    }

    pub(crate) async fn reconstruct(&self, filters: &[(String, String)], states: &States) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => remote::reconstruct(c, filters, states).await,
            Office::Local(l) => l.reconstruct(filters, states).await,
        }
    }

    pub(crate) async fn disclosures(&self, patient: &PatientRef, all: bool) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => remote::disclosures(c, patient, all).await,
            Office::Local(l) => l.disclosures(patient, all).await,
        }
    }

    pub(crate) async fn review_pack(&self, ask: &PackAsk) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => remote::review_pack(c, ask).await,
            Office::Local(l) => l.review_pack(ask).await,
        }
    }

    pub(crate) async fn sign_review(&self, number: u64, digest: Digest, verdict: Verdict) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::sign_review(c, number, digest, verdict).await,
            Office::Local(l) => l.sign_review(number, digest, verdict).await,
        }
    }

    /// Erases content; the certificate.
    pub(crate) async fn erase(&self, scope: Scope, because: &Because) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => remote::erase(c, &scope, because).await,
            Office::Local(l) => l.erase(scope, because).await,
        }
    }

    /// The certificate of an erasure, again.
    pub(crate) async fn certificate(&self, number: u64) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => c.ask(Method::GET, &format!("/admin/v1/audit/erasures/{number}"), None).await,
            Office::Local(l) => l.certificate(number).await,
        }
    }

    /// Holds content; the hold's number.
    pub(crate) async fn hold(&self, scope: Scope, because: &Because) -> Result<u64, Failure> {
        match self {
            Office::Remote(c) => remote::hold(c, &scope, because).await,
            Office::Local(l) => l.hold(scope, because).await,
        }
    }

    pub(crate) async fn lift_hold(&self, number: u64, because: &Because) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::lift_hold(c, number, because).await,
            Office::Local(l) => l.lift_hold(number, because).await,
        }
    }

    pub(crate) async fn holds(&self) -> Result<Vec<Value>, Failure> {
        match self {
            Office::Remote(c) => remote::list(c, "/admin/v1/audit/holds").await,
            Office::Local(l) => l.holds().await,
        }
    }

    /// Lets the server read its policies anew; the generation that is in force then.
    pub(crate) async fn reload_policy(&self) -> Result<u64, Failure> {
        match self {
            Office::Remote(c) => remote::reload_policy(c).await,
            Office::Local(_) => Err(Failure::error("no server runs: it reads its policies when it starts")),
        }
    }

    /// Declares an emergency of whoever is logged in.
    pub(crate) async fn break_glass(&self, declared: Declared, because: &Because) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => remote::break_glass(c, &declared, because).await,
            Office::Local(l) => l.break_glass(declared, because).await,
        }
    }

    pub(crate) async fn emergencies(&self) -> Result<Vec<Value>, Failure> {
        match self {
            Office::Remote(c) => remote::list(c, remote::BREAK_GLASS).await,
            Office::Local(l) => l.emergencies().await,
        }
    }

    pub(crate) async fn end_emergency(&self, id: &EmergencyId) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::act(c, &format!("{}/{id}/end", remote::BREAK_GLASS)).await,
            Office::Local(l) => l.end_emergency(id).await,
        }
    }

    pub(crate) async fn review_emergency(
        &self,
        id: &EmergencyId,
        verdict: Verdict,
        note: Option<&str>,
    ) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::review_emergency(c, id, verdict, note).await,
            Office::Local(l) => l.review_emergency(id, verdict, note).await,
        }
    }

    pub(crate) async fn drill(&self, because: &Because) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => remote::drill(c, because).await,
            Office::Local(l) => l.drill(because).await,
        }
    }

    pub(crate) async fn approvals(&self) -> Result<Vec<Value>, Failure> {
        match self {
            Office::Remote(c) => remote::list(c, remote::APPROVALS).await,
            Office::Local(l) => l.approvals().await,
        }
    }

    /// Asks for a role for whoever is logged in; the name of what waits.
    pub(crate) async fn ask_role(&self, role: &RoleName, hours: u32, reason: Reason) -> Result<String, Failure> {
        match self {
            Office::Remote(c) => remote::ask_role(c, role, hours, reason).await,
            Office::Local(_) => Err(needs_a_server()),
        }
    }

    pub(crate) async fn decide_approval(&self, id: &ApprovalId, yes: bool) -> Result<(), Failure> {
        let verb = if yes { "approve" } else { "refuse" };
        match self {
            Office::Remote(c) => remote::act(c, &format!("{}/{id}/{verb}", remote::APPROVALS)).await,
            Office::Local(_) => Err(needs_a_server()),
        }
    }

    pub(crate) async fn end_approval(&self, id: &ApprovalId) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::act(c, &format!("{}/{id}/end", remote::APPROVALS)).await,
            Office::Local(l) => l.end_approval(id).await,
        }
    }

    /// Entries of the log that all of these hold of (`Admin::search`).
    pub(crate) async fn search(&self, filters: &[(String, String)]) -> Result<Found, Failure> {
        match self {
            Office::Remote(c) => remote::search(c, filters).await,
            Office::Local(l) => l.search(filters).await,
        }
    }

    /// Takes every entry that these hold of, oldest first.
    pub(crate) async fn each_entry(
        &self,
        filters: &[(&str, &str)],
        mut take: impl FnMut(&serde_json::Map<String, Value>),
    ) -> Result<(), Failure> {
        let page = [("order", "oldest"), ("limit", "1000")];
        let filters = filters.iter().chain(&page).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut filters: Vec<(String, String)> = filters.collect();
        let fixed = filters.len();
        loop {
            let Found { data, next } = self.search(&filters).await?;
            data.iter().for_each(&mut take);
            let Some(next) = next else { return Ok(()) };
            filters.truncate(fixed);
            filters.push(("cursor".to_owned(), next));
        }
    }

    pub(crate) async fn users(&self) -> Result<Vec<UserView>, Failure> {
        match self {
            Office::Remote(c) => remote::list(c, "/admin/v1/users").await,
            Office::Local(l) => l.users().await,
        }
    }

    pub(crate) async fn add_user(
        &self,
        name: &Username,
        password: Secret,
        roles: Vec<RoleName>,
    ) -> Result<MadeUser, Failure> {
        match self {
            Office::Remote(c) => remote::add_user(c, name, &password, &roles).await,
            Office::Local(l) => l.add_user(name, password, roles).await,
        }
    }

    /// Shuts somebody out, who `left` then.
    pub(crate) async fn disable(&self, user: &UserId, left: Option<Timestamp>) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::disable(c, user, left).await,
            Office::Local(l) => l.disable(user, left).await,
        }
    }

    pub(crate) async fn enable(&self, user: &UserId) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::act(c, &format!("/admin/v1/users/{user}/enable")).await,
            Office::Local(l) => l.enable(user).await,
        }
    }

    /// Whether a server does it.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Office::Remote(_))
    }

    /// Changes which version of a model is loaded; that version.
    pub(crate) async fn change_model(
        &self,
        change: ModelChange,
        name: &ModelName,
        digest: Option<&str>,
    ) -> Result<String, Failure> {
        match self {
            Office::Remote(c) => remote::change_model(c, change, name, digest).await,
            Office::Local(l) => l.change_model(change, name, digest).await,
        }
    }

    /// Begins a recertification; its number.
    pub(crate) async fn recertify(&self, days: u32) -> Result<u64, Failure> {
        match self {
            Office::Remote(c) => remote::recertify(c, days).await,
            Office::Local(l) => l.recertify(days).await,
        }
    }

    /// Somebody, or a key, still needs what they may; the record of it.
    pub(crate) async fn keep_access(&self, holder: &AccessOf) -> Result<u64, Failure> {
        match self {
            Office::Remote(c) => remote::keep_access(c, holder).await,
            Office::Local(_) => Err(needs_a_server()),
        }
    }

    pub(crate) async fn recertification(&self) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => c.ask(Method::GET, remote::RECERTIFICATION, None).await,
            Office::Local(l) => l.recertification().await,
        }
    }

    pub(crate) async fn set_roles(&self, user: &UserId, roles: Vec<RoleName>) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::set_roles(c, user, &roles).await,
            Office::Local(l) => l.set_roles(user, roles).await,
        }
    }

    pub(crate) async fn reset_factor(&self, user: &UserId) -> Result<Factor, Failure> {
        match self {
            Office::Remote(c) => remote::reset_factor(c, user).await,
            Office::Local(l) => l.reset_factor(user).await,
        }
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyView>, Failure> {
        match self {
            Office::Remote(c) => remote::list(c, "/admin/v1/keys").await,
            Office::Local(l) => l.keys().await,
        }
    }

    pub(crate) async fn make_key(&self, ask: NewKeyAsk) -> Result<MadeKey, Failure> {
        match self {
            Office::Remote(c) => remote::make_key(c, &ask).await,
            Office::Local(l) => l.make_key(ask).await,
        }
    }

    pub(crate) async fn rotate_key(&self, key: &KeyId, overlap_hours: u16) -> Result<MadeKey, Failure> {
        match self {
            Office::Remote(c) => remote::rotate_key(c, key, overlap_hours).await,
            Office::Local(l) => l.rotate_key(key, overlap_hours).await,
        }
    }

    /// New recovery codes of whoever is logged in.
    pub(crate) async fn new_recovery_codes(&self) -> Result<Vec<String>, Failure> {
        match self {
            Office::Remote(c) => remote::new_recovery_codes(c).await,
            Office::Local(_) => Err(Failure::error(
                "these are one's own: log in, while a server runs (or give somebody a new factor: medlock user \
                 reset-factor USER)",
            )),
        }
    }

    pub(crate) async fn revoke_key(&self, key: &KeyId) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::delete(c, &format!("/admin/v1/keys/{key}")).await,
            Office::Local(l) => l.revoke_key(key).await,
        }
    }

    pub(crate) async fn sessions(&self) -> Result<Vec<SessionView>, Failure> {
        match self {
            Office::Remote(c) => remote::list(c, "/admin/v1/sessions").await,
            Office::Local(l) => l.sessions().await,
        }
    }

    pub(crate) async fn end_session(&self, session: &SessionId) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => remote::delete(c, &format!("/admin/v1/sessions/{session}")).await,
            Office::Local(l) => l.end_session(session).await,
        }
    }

    /// The person with this id or name.
    pub(crate) async fn find(&self, user: &str) -> Result<UserId, Failure> {
        if let Ok(id) = user.parse() {
            return Ok(id);
        }
        let users = self.users().await?;
        let found = users.iter().find(|u| u.username == user);
        let found =
            found.ok_or_else(|| Failure::denied("there is nobody of that name; `medlock user list` shows who is"))?;
        found.id.parse().map_err(|_| Failure::error("the server gave something that is no id"))
    }
}

impl Office {
    /// Why something is done, with a one-time code where somebody has to show one: the local operator holds the
    /// files anyway.
    pub(crate) fn because(&self, why: &Why) -> Result<Because, Failure> {
        let code = match self {
            Office::Remote(_) => Some(prompt::secret("one-time code", why.otp_file.as_deref())?),
            Office::Local(_) => None,
        };
        let note = why.note.clone().map(Zeroizing::new);
        Ok(Because { reason: why.reason, note, proof: code.map(Proof::Code) })
    }
}

fn needs_a_server() -> Failure {
    Failure::error("people ask for this, and others decide: log in, while a server runs")
}
