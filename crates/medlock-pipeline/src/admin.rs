//! The administrative verbs. A change of state is three steps: authorise, record the intent
//! (durable), make the change and record how it went. The index of the intent goes into every row
//! that the change writes, so that a row which no record announced is known for what it is.
//!
//! What a crash leaves behind: after the intent and before the change, an intent without an
//! outcome and nothing changed; after the change, an intent without an outcome and rows that name
//! it. Either way the log says who set out to do what.

mod approval;
mod content;
mod emergency;
mod erase;
mod hold;
mod model;
mod notice;
mod passkey;
mod provision;
mod reason;
mod recertify;
mod report;
mod review;
mod search;
mod sso;

pub use content::Sealed;
pub use emergency::{Declared, EmergencyRules, LONGEST_MINUTES};
pub use erase::Backup;
pub use hold::{Day, Hold, Scope};
pub use model::{ModelChange, Models};
pub use notice::{Notices, Review};
pub use reason::{Because, Reason};
pub use recertify::{AccessOf, LONGEST_DAYS};
pub use report::States;
pub use review::{ReviewRules, Verdict};
pub use search::FoundEntries;

use crate::content_keys::ContentKeys;
use approval::Consent;

use medlock_audit::{Entry, Kind, Log, Outcome, Unavailable};
use medlock_auth::{
    AdminAction, AdminPermit, Auth, AuthError, AuthFailure, CreatedKey, CreatedUser, DenyCode, Enrolment, Factor,
    KeyInfo, LocalOperator, LoginFailure, NewKey, NewSession, NewUser, Peer, Principal, Proof, Reloaded, Renewed,
    SessionInfo, UserInfo,
};
use medlock_domain::{
    Actor, ApprovalId, Binding, KeyId, NetworkSource, RequestId, RoleName, SessionId, Timestamp, UserId,
};
use medlock_keys::password::Secret;
use medlock_review::Index;
use medlock_review::delivery::Deliveries;
use std::sync::{Arc, Mutex};
use std::time::Instant;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Who does it.
#[derive(Clone, Copy)]
pub enum By<'a> {
    /// Somebody authenticated, in this request of theirs.
    Caller(&'a Principal, &'a RequestId),
    /// Whoever holds the files, while no server runs.
    Operator(&'a LocalOperator),
}

impl By<'_> {
    fn actor(&self) -> Actor {
        match self {
            By::Caller(principal, _) => principal.actor().clone(),
            By::Operator(_) => Actor::LocalOperator,
        }
    }

    fn entry(&self, kind: Kind, action: AdminAction, verb: &'static str) -> Entry {
        self.about(Entry::new(kind, self.actor()), action, verb)
    }

    fn about(&self, entry: Entry, action: AdminAction, verb: &'static str) -> Entry {
        let entry = entry.word("action", action.as_str()).word("verb", verb);
        match self {
            By::Caller(_, request) => entry.request((*request).clone()),
            By::Operator(_) => entry,
        }
    }
}

/// Why an administrative verb was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Policy does not allow it. Recorded.
    #[error("policy does not allow this")]
    Denied,
    /// Policy wants a second factor for it. Recorded.
    #[error("a second factor is needed for this")]
    MfaRequired,
    /// Policy wants a second factor that was shown just now. Recorded.
    #[error("a second factor has to be shown again for this")]
    StepUpRequired,
    /// Policy wants somebody else to approve of it, who has been asked. Recorded.
    #[error("somebody else has to approve of this ({0}); then do the same again")]
    ApprovalRequired(ApprovalId),
    /// There is no such thing, or not for this caller.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// There is one of that name already.
    #[error("a {0} of that name exists already")]
    Taken(&'static str),
    /// It breaks a rule of which the caller may read.
    #[error("{0}")]
    Refused(String),
    /// It could not be recorded. Without an intent nothing was done; without an outcome it may
    /// have been, and the log says that it was begun.
    #[error("the audit log cannot be written; look whether it happened before you try again")]
    AuditUnavailable,
    /// The database, or a fault of ours. What it was is in the server's log.
    #[error("it failed inside the server")]
    Failed,
}

impl From<Unavailable> for AdminError {
    fn from(_: Unavailable) -> Self {
        AdminError::AuditUnavailable
    }
}

/// Why a log-in did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The credentials, or the moment.
    #[error(transparent)]
    Refused(#[from] AuthFailure),
    /// It could not be recorded, so it did not happen.
    #[error("the audit log cannot be written, so nobody can log in")]
    AuditUnavailable,
}

/// The administrative verbs. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    auth: Auth,
    log: Log,
    index: Option<Index>,
    content_keys: Option<ContentKeys>,
    backups: Vec<Backup>,
    review: ReviewRules,
    emergency: EmergencyRules,
    deliveries: Deliveries,
    models: Option<Arc<dyn Models>>,
    reviewed: Arc<Mutex<(Review, usize)>>,
    /// Content is held or erased by one at a time.
    keeping: Arc<tokio::sync::Mutex<()>>,
}

impl Admin {
    /// Puts the parts together.
    pub fn new(auth: Auth, log: Log) -> Self {
        Self {
            auth,
            log,
            index: None,
            content_keys: None,
            backups: Vec::new(),
            review: ReviewRules::default(),
            emergency: EmergencyRules::default(),
            deliveries: Deliveries::default(),
            models: None,
            reviewed: Arc::default(),
            keeping: Arc::default(),
        }
    }

    /// With what finds entries of the log.
    #[must_use]
    pub fn with_index(self, index: Index) -> Self {
        Self { index: Some(index), ..self }
    }

    /// With the keys that content is sealed under, and where copies of them are made.
    #[must_use]
    pub fn with_content_keys(self, keys: ContentKeys, backups: Vec<Backup>) -> Self {
        Self { content_keys: Some(keys), backups, ..self }
    }

    /// With how emergency access is used here, and whom alerts go to.
    #[must_use]
    pub fn with_emergencies(self, emergency: EmergencyRules, deliveries: Deliveries) -> Self {
        Self { emergency, deliveries, ..self }
    }

    /// With the models of the site.
    #[must_use]
    pub fn with_models(self, models: Arc<dyn Models>) -> Self {
        Self { models: Some(models), ..self }
    }

    /// With how reviews are done here.
    #[must_use]
    pub fn with_review_rules(self, review: ReviewRules) -> Self {
        Self { review, ..self }
    }

    /// Somebody comes with a password and a one-time code. A failure at an account that exists is
    /// a record of its own; names that do not exist are noise, or anybody could fill the log.
    ///
    /// That record is written behind the answer: if the answer waited for the disk, its time would
    /// tell which names exist.
    pub async fn log_in(
        &self,
        username: &str,
        password: Secret,
        otp: Option<Secret>,
        peer: impl Into<Peer>,
        request: &RequestId,
    ) -> Result<NewSession, LoginError> {
        let peer = peer.into();
        let from = peer.from;
        if !self.log.healthy() {
            return Err(LoginError::AuditUnavailable);
        }
        match self.auth.log_in(username, password, otp, peer).await {
            Ok(session) => self.logged_in(session, from, request).await,
            Err(failed) => Err(self.login_failed(failed, from, request)),
        }
    }

    async fn logged_in(
        &self,
        session: NewSession,
        from: NetworkSource,
        request: &RequestId,
    ) -> Result<NewSession, LoginError> {
        let entry = Entry::new(Kind::LoginOk, session.principal.actor().clone())
            .request(request.clone())
            .word("factor", session.factor.map_or("none", Factor::as_str))
            .word("from", &from.0.to_string());
        if self.log.append(entry).await.is_err() {
            // The session has not been given to anybody, and now never will be.
            let _still_unknown = self.auth.log_out(&session.principal).await;
            return Err(LoginError::AuditUnavailable);
        }
        Ok(session)
    }

    fn login_failed(&self, failed: LoginFailure, from: NetworkSource, request: &RequestId) -> LoginError {
        let LoginFailure { failure, user } = failed;
        match (failure, user) {
            (AuthFailure::Unavailable, _) => {}
            (AuthFailure::Throttled, _) => self.log.noise(from, "login_throttled"),
            (_, None) => self.log.noise(from, "login_unknown"),
            (_, Some(user)) => {
                let entry = Entry::new(Kind::LoginFailed, Actor::Unauthenticated)
                    .request(request.clone())
                    .outcome(Outcome::Denied)
                    .word("user", user.as_str())
                    .word("why", failure.as_str())
                    .word("from", &from.0.to_string());
                let log = self.log.clone();
                tokio::spawn(async move {
                    if log.append(entry).await.is_err() {
                        tracing::error!("a failed log-in could not be recorded");
                    }
                });
            }
        }
        failure.into()
    }

    /// The caller shows their second factor again: for some minutes it counts as fresh, and their session goes on under
    /// another token.
    pub async fn step_up(
        &self,
        principal: &Principal,
        proof: &Proof,
        request: &RequestId,
    ) -> Result<Renewed, AdminError> {
        const VERB: &str = "step_up";
        let (by, action) = (By::Caller(principal, request), AdminAction::OwnSessions);
        let renewed = match self.auth.step_up(principal, proof).await {
            Ok(renewed) => renewed,
            Err(failure) => return Err(self.factor_refused(by, action, VERB, failure).await?),
        };
        let entry = by.entry(Kind::AdminOutcome, action, VERB).word("factor", renewed.factor.as_str());
        self.log.append(entry).await?;
        Ok(renewed)
    }

    /// Ends the caller's own session. Done first: an end that is not recorded is still better than
    /// a session that goes on.
    pub async fn log_out(&self, principal: &Principal, request: &RequestId) -> Result<(), AdminError> {
        let done = self.auth.log_out(principal).await;
        let entry = Entry::new(Kind::Logout, principal.actor().clone())
            .request(request.clone())
            .outcome(if done.is_ok() { Outcome::Ok } else { Outcome::Failed });
        self.log.append(entry).await?;
        done.map_err(refusal)
    }

    /// Roles as a record names them. One that no policy knows is refused, and is not repeated: it is
    /// whatever the caller typed.
    fn known(&self, roles: &[RoleName]) -> String {
        let word = |r: &RoleName| if self.auth.knows_role(r) { r.to_string() } else { "unknown".into() };
        join(&roles.iter().map(word).collect::<Vec<_>>())
    }

    /// Makes a person.
    pub async fn create_user(&self, by: By<'_>, mut user: NewUser) -> Result<CreatedUser, AdminError> {
        user.roles = distinct(user.roles);
        let roles = self.known(&user.roles);
        let further = vec![("name", user.username.to_string())];
        let begun = self
            .begin_all(by, &[AdminAction::UsersManage], "create_user", further, |e| e.word("roles", &roles))
            .await?;
        let made = self.auth.create_user(&begun.permit, user, begun.index).await;
        self.finish(by, begun, made, |e, created| e.word("user", created.id.as_str())).await
    }

    /// Who there is.
    pub async fn list_users(&self, by: By<'_>) -> Result<Vec<UserInfo>, AdminError> {
        let permit = self.look(by, &[AdminAction::UsersList], "list_users").await?;
        self.auth.list_users(&permit).await.map_err(refusal)
    }

    /// Shuts a person out: their sessions end and their keys stop. The record says how long that took, and how long after
    /// they had `left` it was over (45 CFR 164.308(a)(3)(ii)(C)).
    pub async fn disable_user(&self, by: By<'_>, user: &UserId, left: Option<Timestamp>) -> Result<(), AdminError> {
        let since = Instant::now();
        let facts = |e: Entry| {
            let e = e.word("user", user.as_str());
            if let Some(left) = left { e.int("left", left.0) } else { e }
        };
        let begun = self.begin_less(by, &[AdminAction::UsersManage], "disable_user", facts).await?;
        let made = match left {
            Some(left) if left > self.auth.now() => Err(AuthError::NotYet),
            _ => self.auth.disable_user(&begun.permit, user, begun.index).await,
        };
        let now = self.auth.now();
        self.finish(by, begun, made, |e, ()| {
            let e = facts(e).int("ms", since.elapsed().as_millis() as i64);
            if let Some(left) = left { e.int("late_ms", now.0 - left.0) } else { e }
        })
        .await
    }

    /// Lets a person in again.
    pub async fn enable_user(&self, by: By<'_>, user: &UserId) -> Result<(), AdminError> {
        let begun =
            self.begin(by, &[AdminAction::UsersManage], "enable_user", |e| e.word("user", user.as_str())).await?;
        let made = self.auth.enable_user(&begun.permit, user, begun.index).await;
        self.finish(by, begun, made, |e, ()| e).await
    }

    /// Gives a person other roles.
    pub async fn set_roles(&self, by: By<'_>, user: &UserId, roles: Vec<RoleName>) -> Result<(), AdminError> {
        let roles = distinct(roles);
        let words = self.known(&roles);
        let begun = self
            .begin(by, &[AdminAction::UsersManage], "set_roles", |e| {
                e.word("user", user.as_str()).word("roles", &words)
            })
            .await?;
        let made = self.auth.set_roles(&begun.permit, user, roles, begun.index).await;
        self.finish(by, begun, made, |e, ()| e).await
    }

    /// Gives a person another password; their sessions end.
    pub async fn set_password(&self, by: By<'_>, user: &UserId, password: Secret) -> Result<(), AdminError> {
        let begun =
            self.begin(by, &[AdminAction::UsersManage], "set_password", |e| e.word("user", user.as_str())).await?;
        let made = self.auth.set_password(&begun.permit, user, password, begun.index).await;
        self.finish(by, begun, made, |e, ()| e).await
    }

    /// Gives a person a new second factor; the old one, and a lock-out, are gone.
    pub async fn reset_factor(&self, by: By<'_>, user: &UserId) -> Result<Enrolment, AdminError> {
        let begun =
            self.begin(by, &[AdminAction::UsersManage], "reset_factor", |e| e.word("user", user.as_str())).await?;
        let made = self.auth.enrol_totp(&begun.permit, user, begun.index).await;
        self.finish(by, begun, made, |e, _| e).await
    }

    /// Gives the caller new recovery codes; those they had are worth nothing from then on.
    pub async fn new_recovery_codes(&self, by: By<'_>) -> Result<Vec<Secret>, AdminError> {
        let begun = self.begin(by, &[AdminAction::OwnCredentials], "new_recovery_codes", |e| e).await?;
        let made = self.auth.new_recovery_codes(&begun.permit, begun.index).await;
        self.finish(by, begun, made, |e, codes| e.int("codes", codes.len() as i64)).await
    }

    /// Makes an API key.
    pub async fn create_key(&self, by: By<'_>, mut key: NewKey) -> Result<CreatedKey, AdminError> {
        key.roles = distinct(key.roles);
        let (owner, roles, purposes, models, networks) = (
            key.owner.clone(),
            self.known(&key.roles),
            join(&key.purposes),
            key.models.len() as i64,
            key.networks.len() as i64,
        );
        let shows = match &key.bound {
            None => "secret",
            Some(Binding::Subject(_)) => "token",
            Some(Binding::Uri(_) | Binding::Certificate(_)) => "certificate",
        };
        let further = vec![
            ("name", key.name.clone()),
            ("of_models", join(&key.models)),
            ("of_networks", join(&key.networks)),
            ("bound_to", key.bound.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("days", ((key.expires.0 - self.auth.now().0 + DAY_MS / 2) / DAY_MS).to_string()),
        ];
        let begun = self
            .begin_all(by, &[AdminAction::KeysManage], "create_key", further, |e| {
                e.word("owner", owner.as_str())
                    .word("roles", &roles)
                    .word("purposes", &purposes)
                    .int("models", models)
                    .int("networks", networks)
                    .word("shows", shows)
            })
            .await?;
        let made = self.auth.create_key(&begun.permit, key, begun.index).await;
        self.finish(by, begun, made, |e, created| e.word("key", created.id.as_str()).int("expires", created.expires.0))
            .await
    }

    /// Makes a key in place of another, which goes on for `overlap_ms`.
    pub async fn rotate_key(&self, by: By<'_>, key: &KeyId, overlap_ms: i64) -> Result<CreatedKey, AdminError> {
        const ACTIONS: &[AdminAction] = &[AdminAction::KeysManage, AdminAction::OwnCredentials];
        const VERB: &str = "rotate_key";
        let facts = Entry::new(Kind::AdminIntent, by.actor()).word("key", key.as_str()).int("overlap_ms", overlap_ms);
        let wanted = async {
            // Nobody approves of a key of their own.
            let owner = self.auth.owner_of_key(key).await.map_err(refusal)?.to_string();
            Ok(Consent::of(VERB, &facts, vec![("owner".into(), owner)]))
        };
        let permit = self.permit(by, ACTIONS, VERB, wanted).await?;
        let begun = self.announce(by, ACTIONS, permit, VERB, facts).await?;
        let made = self.auth.rotate_key(&begun.permit, key, overlap_ms, begun.index).await;
        self.finish(by, begun, made, |e, created| {
            e.word("key", key.as_str()).word("new_key", created.id.as_str()).int("expires", created.expires.0)
        })
        .await
    }

    /// What keys there are.
    pub async fn list_keys(&self, by: By<'_>) -> Result<Vec<KeyInfo>, AdminError> {
        let permit = self.look(by, &[AdminAction::KeysList, AdminAction::OwnKeys], "list_keys").await?;
        self.auth.list_keys(&permit).await.map_err(refusal)
    }

    /// Ends an API key.
    pub async fn revoke_key(&self, by: By<'_>, key: &KeyId) -> Result<(), AdminError> {
        let begun = self
            .begin_less(by, &[AdminAction::KeysManage, AdminAction::OwnKeys], "revoke_key", |e| {
                e.word("key", key.as_str())
            })
            .await?;
        let made = self.auth.revoke_key(&begun.permit, key, begun.index).await;
        self.finish(by, begun, made, |e, ()| e.word("key", key.as_str())).await
    }

    /// What sessions there are.
    pub async fn list_sessions(&self, by: By<'_>) -> Result<Vec<SessionInfo>, AdminError> {
        let permit = self.look(by, &[AdminAction::SessionsList, AdminAction::OwnSessions], "list_sessions").await?;
        self.auth.list_sessions(&permit).await.map_err(refusal)
    }

    /// Ends somebody's session.
    pub async fn end_session(&self, by: By<'_>, session: &SessionId) -> Result<(), AdminError> {
        let begun = self
            .begin_less(by, &[AdminAction::SessionsEnd, AdminAction::OwnSessions], "end_session", |e| {
                e.word("session", session.as_str())
            })
            .await?;
        let made = self.auth.end_session(&begun.permit, session, begun.index).await;
        self.finish(by, begun, made, |e, ()| e).await
    }

    /// Reads the policies anew. When they have mistakes, those in force stay in force.
    pub async fn reload_policy(&self, by: By<'_>) -> Result<Reloaded, AdminError> {
        const VERB: &str = "reload_policy";
        let actions = &[AdminAction::PolicyReload];
        // Those that can be read now: others that are there when they come into force were approved by nobody.
        let Ok(found) = self.auth.pending_policy().await else {
            let permit = self.permit_alone(by, actions, VERB).await?;
            let what = "the policy files cannot be read: look at [policy] dir, and whether its files may be read";
            return self.or_recorded(by, &permit, VERB, Err(AdminError::Refused(what.into()))).await;
        };
        let begun = self.begin(by, actions, VERB, |e| e.digest("policy", found)).await?;
        let made = self.auth.reload_policy(&begun.permit, found, begun.index).await;
        self.finish(by, begun, made, |e, reloaded| {
            let e = e.digest("policy", reloaded.digest).int("policy_epoch", reloaded.epoch as i64);
            if let Some(version) = reloaded.version { e.int("policy_version", version as i64) } else { e }
        })
        .await
    }

    /// The log's latest signed checkpoint, for somebody to keep elsewhere.
    pub async fn checkpoint(&self, by: By<'_>) -> Result<String, AdminError> {
        self.look(by, &[AdminAction::AuditRead], "checkpoint").await?;
        Ok(self.log.checkpoint())
    }

    /// A verb that changes nothing: authorised, and one record that it was done.
    async fn look(&self, by: By<'_>, actions: &[AdminAction], verb: &'static str) -> Result<AdminPermit, AdminError> {
        self.looked(by, self.permit_alone(by, actions, verb).await?, verb).await
    }

    async fn looked(&self, by: By<'_>, permit: AdminPermit, verb: &'static str) -> Result<AdminPermit, AdminError> {
        self.log.append(by.entry(Kind::AdminOutcome, permit.action(), verb).int("changed", 0)).await?;
        Ok(permit)
    }

    /// Before a change: authorised, and announced.
    async fn begin(
        &self,
        by: By<'_>,
        actions: &[AdminAction],
        verb: &'static str,
        facts: impl FnOnce(Entry) -> Entry,
    ) -> Result<Begun, AdminError> {
        self.begin_all(by, actions, verb, Vec::new(), facts).await
    }

    /// The same where not all that is to be done stands in the record: whoever approves of it sees `further` too.
    async fn begin_all(
        &self,
        by: By<'_>,
        actions: &[AdminAction],
        verb: &'static str,
        further: Vec<(&str, String)>,
        facts: impl FnOnce(Entry) -> Entry,
    ) -> Result<Begun, AdminError> {
        let facts = facts(Entry::new(Kind::AdminIntent, by.actor()));
        let further = further.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let wanted = Consent::of(verb, &facts, further);
        let permit = self.permit(by, actions, verb, async { Ok(wanted) }).await?;
        self.announce(by, actions, permit, verb, facts).await
    }

    /// The same for what only takes access away.
    async fn begin_less(
        &self,
        by: By<'_>,
        actions: &[AdminAction],
        verb: &'static str,
        facts: impl FnOnce(Entry) -> Entry,
    ) -> Result<Begun, AdminError> {
        let permit = self.permit(by, actions, verb, async { Ok(Consent::Less) }).await?;
        self.announce(by, actions, permit, verb, facts(Entry::new(Kind::AdminIntent, by.actor()))).await
    }

    async fn announce(
        &self,
        by: By<'_>,
        actions: &[AdminAction],
        permit: AdminPermit,
        verb: &'static str,
        facts: Entry,
    ) -> Result<Begun, AdminError> {
        let intent = by.about(facts, permit.action(), verb).outcome(Outcome::Pending);
        let index = self.log.append(under(intent, &permit)).await?.index();
        let wide = actions.first().copied().filter(|wide| *wide != permit.action());
        Ok(Begun { permit, wide, verb, index })
    }

    /// After it: how it went.
    async fn finish<T>(
        &self,
        by: By<'_>,
        begun: Begun,
        made: Result<T, AuthError>,
        facts: impl FnOnce(Entry, &T) -> Entry,
    ) -> Result<T, AdminError> {
        let entry = by.entry(Kind::AdminOutcome, begun.permit.action(), begun.verb).int("intent", begun.index as i64);
        let entry = match &made {
            Ok(made) => facts(entry, made),
            Err(error) => entry.outcome(Outcome::Failed).word("why", why(error)),
        };
        self.log.append(entry).await?;
        made.map_err(|error| match (error, by, begun.wide) {
            // What is somebody else's would be there for who has the wide right, and only has to show a factor for it.
            (AuthError::NotFound(what), By::Caller(principal, _), Some(wide)) => {
                match self.auth.authorize_admin(principal, wide).map_err(|denied| denied.code) {
                    Err(DenyCode::StepUpRequired) => AdminError::StepUpRequired,
                    Err(DenyCode::MfaRequired) => AdminError::MfaRequired,
                    _ => AdminError::NotFound(what),
                }
            }
            (error, ..) => refusal(error),
        })
    }

    /// What was allowed and then found to be wrong is a record as well: somebody tried.
    async fn or_recorded<T>(
        &self,
        by: By<'_>,
        permit: &AdminPermit,
        verb: &'static str,
        done: Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        if let Err(error) = &done {
            let why = match error {
                AdminError::NotFound(_) => "not_found",
                AdminError::Taken(_)
                | AdminError::Refused(_)
                | AdminError::Denied
                | AdminError::MfaRequired
                | AdminError::StepUpRequired
                | AdminError::ApprovalRequired(_) => "refused",
                AdminError::AuditUnavailable | AdminError::Failed => "internal",
            };
            let entry = by.entry(Kind::AdminOutcome, permit.action(), verb).outcome(Outcome::Failed).word("why", why);
            self.log.append(entry).await?;
        }
        done
    }

    /// Leave for what nobody else can be asked about.
    async fn permit_alone(
        &self,
        by: By<'_>,
        actions: &[AdminAction],
        verb: &'static str,
    ) -> Result<AdminPermit, AdminError> {
        self.permit(by, actions, verb, async { Ok(Consent::Alone) }).await
    }

    /// Leave for the first of `actions` that policy gives: the wide one before the one that
    /// reaches only the caller's own.
    ///
    /// `wanted` is what somebody else would have to approve of; it is found out only where that is all that is missing.
    async fn permit(
        &self,
        by: By<'_>,
        actions: &[AdminAction],
        verb: &'static str,
        wanted: impl Future<Output = Result<Consent, AdminError>>,
    ) -> Result<AdminPermit, AdminError> {
        let (mut refused, mut policies, mut not_alone) = (AdminError::Denied, String::new(), None);
        for action in actions {
            match by {
                By::Operator(operator) => return Ok(operator.permit(*action)),
                By::Caller(principal, _) => match self.auth.authorize_admin(principal, *action) {
                    Ok(permit) => return Ok(permit),
                    Err(denied) => {
                        match denied.code {
                            DenyCode::MfaRequired => refused = AdminError::MfaRequired,
                            DenyCode::StepUpRequired => refused = AdminError::StepUpRequired,
                            // Before a narrower right, which would not find what is somebody else's.
                            DenyCode::ApprovalRequired => {
                                not_alone = Some((principal, *action));
                                break;
                            }
                            _ => {}
                        }
                        policies = denied.policies.join(",");
                    }
                },
            }
        }
        if let Some((principal, action)) = not_alone {
            let permit = self.seconded(by, principal, action, wanted.await?).await?;
            if let Some(permit) = permit {
                return Ok(permit);
            }
        }
        let action = actions.first().copied().unwrap_or(AdminAction::OwnSessions);
        let entry = by.entry(Kind::Denied, action, verb).outcome(Outcome::Denied).word("policies", &policies);
        self.log.append(entry).await?;
        Err(refused)
    }
}

/// With whose yes it is done.
fn under(entry: Entry, permit: &AdminPermit) -> Entry {
    match permit.approval() {
        Some(approval) => entry.word("approval", approval.as_str()),
        None => entry,
    }
}

/// A change that has been announced.
struct Begun {
    permit: AdminPermit,
    /// The right that reaches further than the one it is done with, where there is one.
    wide: Option<AdminAction>,
    verb: &'static str,
    index: u64,
}

/// Each once, in order: the same wish in whatever words.
fn distinct(mut roles: Vec<RoleName>) -> Vec<RoleName> {
    roles.sort();
    roles.dedup();
    roles
}

fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The word for the record.
fn why(error: &AuthError) -> &'static str {
    match error {
        AuthError::Policy(_) => "policy_mistakes",
        AuthError::PolicyFiles(_) => "policy_files",
        AuthError::PolicyChanged => "policy_changed",
        AuthError::PolicySeal(_) => "policy_signatures",
        AuthError::Store(_) => "store",
        AuthError::WrongPermit(_) | AuthError::Interrupted => "internal",
        AuthError::PermitEnded => "permit_ended",
        AuthError::NotFound(_) => "not_found",
        AuthError::Taken(_) => "taken",
        AuthError::LastAdmin => "last_admin",
        AuthError::UnknownRole { .. } => "unknown_role",
        AuthError::NoRole => "no_role",
        AuthError::RolesBeyondOwner => "roles_beyond_owner",
        AuthError::NoPurpose => "no_purpose",
        AuthError::OwnerDisabled => "owner_disabled",
        AuthError::BadKeyName => "bad_key_name",
        AuthError::NoUsername => "no_username",
        AuthError::NoProvider => "no_provider",
        AuthError::BadPasskeyName => "bad_passkey_name",
        AuthError::Passkey => "passkey",
        AuthError::TooManyPasskeys => "too_many_passkeys",
        AuthError::TooManyApprovals => "too_many_approvals",
        AuthError::OwnApproval => "own_approval",
        AuthError::NotYet => "not_yet",
        AuthError::ShutOutHere => "shut_out_here",
        AuthError::RotatedAlready => "rotated_already",
        AuthError::BadExpiry => "bad_expiry",
        AuthError::Password(_) => "password",
        AuthError::Bound => "bound",
        AuthError::NoSession => "no_session",
    }
}

/// What the caller learns. The database's own words stay here.
fn refusal(error: AuthError) -> AdminError {
    match error {
        AuthError::NotFound(what) => AdminError::NotFound(what),
        AuthError::Taken(what) => AdminError::Taken(what),
        AuthError::PermitEnded => AdminError::Denied,
        AuthError::Store(_) | AuthError::PolicyFiles(_) | AuthError::WrongPermit(_) | AuthError::Interrupted => {
            tracing::error!(%error, "an administrative verb failed");
            AdminError::Failed
        }
        other => AdminError::Refused(other.to_string()),
    }
}
