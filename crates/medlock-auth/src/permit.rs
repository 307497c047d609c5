//! What a decision is asked about, and what it gives. A permit can be made in this crate only.

use medlock_domain::{
    Actor, ApprovalId, EmergencyId, HolderId, ModelName, Protection, ProtectionMode, Purpose, Timestamp, UserId,
};
use std::str::FromStr;
use std::sync::Arc;

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatAction {
    /// An answer to a conversation.
    Chat,
}

/// A request for a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What is asked of the model.
    pub action: ChatAction,
    /// Which model.
    pub model: ModelName,
    /// Whether it runs in this product's own verified engine.
    pub model_local: bool,
    /// What the caller says it is for: chosen among what it may.
    pub purpose: Option<Purpose>,
    /// The weakest protection that the caller wants. `None` is `tokenize`; raw PHI (`identified`)
    /// is only given to who asks for it, or by a policy that prefers it.
    pub at_least: Option<ProtectionMode>,
    /// Whom the caller says it is about, as records name them.
    pub patient: Option<HolderId>,
    /// Whether the caller treats them.
    pub relation: Relation,
}

/// What the caller is to the patient that a request declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Relation {
    /// Nobody keeps account of it here.
    #[default]
    Unasked,
    /// They treat the patient.
    Related,
    /// They do not.
    Unrelated,
    /// No patient was declared.
    Undeclared,
    /// It could not be found out.
    Unknown,
}

impl Relation {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Unasked, Self::Related, Self::Unrelated, Self::Undeclared, Self::Unknown];

    /// The word in policies and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Related => "related",
            Self::Unrelated => "unrelated",
            Self::Undeclared => "undeclared",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Relation {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|relation| relation.as_str() == word);
        found.ok_or("a relation is related, unrelated, undeclared, unknown or unasked")
    }
}

/// Leave to use one model for one request. It ends: [`crate::Auth::check`] says whether it has.
#[derive(Debug, Clone)]
pub struct Permit(pub(crate) Arc<PermitParts>);

#[derive(Debug)]
pub(crate) struct PermitParts {
    pub(crate) actor: Actor,
    pub(crate) owner: UserId,
    pub(crate) model: ModelName,
    pub(crate) purpose: Purpose,
    pub(crate) protection: Protection,
    pub(crate) may_restore: bool,
    pub(crate) restore_tools: Vec<String>,
    pub(crate) deadline: Timestamp,
    pub(crate) epoch: u64,
    pub(crate) policies: Vec<String>,
    pub(crate) seen: u64,
    pub(crate) emergency: Option<EmergencyId>,
    pub(crate) relation: Relation,
}

impl Permit {
    /// Who.
    pub fn actor(&self) -> &Actor {
        &self.0.actor
    }

    /// Which model.
    pub fn model(&self) -> &ModelName {
        &self.0.model
    }

    /// What for.
    pub fn purpose(&self) -> Purpose {
        self.0.purpose
    }

    /// What is to happen to identifiers on their way to the model.
    pub fn mode(&self) -> ProtectionMode {
        self.0.protection.mode
    }

    /// The same, with the classes of identifiers that policy lets pass, or be put back.
    pub fn protection(&self) -> Protection {
        self.0.protection
    }

    /// Whether the identifiers of the request may be put back into its answer.
    pub fn may_restore(&self) -> bool {
        self.0.may_restore
    }

    /// The tools into whose arguments identifiers may be put back.
    pub fn restore_tools(&self) -> &[String] {
        &self.0.restore_tools
    }

    /// It ends then, whatever happens.
    pub fn deadline(&self) -> Timestamp {
        self.0.deadline
    }

    /// What the caller is to the patient that the request declares.
    pub fn relation(&self) -> Relation {
        self.0.relation
    }

    /// The emergency access that it was given under.
    pub fn emergency(&self) -> Option<&EmergencyId> {
        self.0.emergency.as_ref()
    }

    /// Of which generation of policies it is.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// The `@id` of each policy that decided, sorted.
    pub fn policies(&self) -> &[String] {
        &self.0.policies
    }
}

/// A decision against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Why, for the caller.
    pub code: DenyCode,
    /// The `@id` of each policy that forbade it, for the record; none when nothing permitted it.
    pub policies: Vec<String>,
}

/// Why a decision went against the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenyCode {
    /// No policy permits it, or one forbids it.
    PolicyDenied,
    /// It would be permitted with a second factor.
    MfaRequired,
    /// It would be permitted with a second factor shown within the last minutes.
    StepUpRequired,
    /// It would be permitted if somebody else approved of it.
    ApprovalRequired,
    /// It would be permitted for a patient whom the caller treats.
    PatientScopeRequired,
    /// It would be permitted in an emergency, which the caller has not declared.
    BreakGlassRequired,
    /// Several purposes are possible and none was said.
    PurposeRequired,
    /// The model is not for this credential: to the caller it does not exist.
    ModelNotAllowed,
    /// The session, key or account ended between authentication and decision.
    Ended,
}

impl DenyCode {
    /// The published code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PolicyDenied => "policy_denied",
            Self::MfaRequired => "mfa_required",
            Self::StepUpRequired => "step_up_required",
            Self::ApprovalRequired => "approval_required",
            Self::PatientScopeRequired => "patient_scope_required",
            Self::BreakGlassRequired => "break_glass_required",
            Self::PurposeRequired => "purpose_required",
            Self::ModelNotAllowed => "model_not_found",
            Self::Ended => "permit_ended",
        }
    }
}

/// Why a permit that was given holds no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Cut {
    /// Its time is over.
    #[error("the permit's time is over")]
    Expired,
    /// The session was ended.
    #[error("the session was ended")]
    SessionEnded,
    /// The emergency access was ended.
    #[error("the emergency access was ended")]
    EmergencyEnded,
    /// The policies were loaded anew.
    #[error("the policies have changed")]
    PolicyChanged,
    /// The key was revoked, or the person shut out or given other roles.
    #[error("the credential was revoked")]
    Revoked,
}

impl Cut {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::SessionEnded => "session_ended",
            Self::EmergencyEnded => "emergency_ended",
            Self::PolicyChanged => "policy_changed",
            Self::Revoked => "revoked",
        }
    }
}

/// What can be done to the server, each an action that policies name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "as_str says it")]
pub enum AdminAction {
    UsersList,
    UsersManage,
    UsersProvision,
    KeysList,
    KeysManage,
    SessionsList,
    SessionsEnd,
    AuditRead,
    AuditOpenContent,
    AuditErase,
    AuditHold,
    AuditReview,
    PolicyReload,
    ModelsManage,
    OwnSessions,
    OwnKeys,
    OwnCredentials,
    OwnEmergency,
    OwnRequests,
    ApprovalsDecide,
}

impl AdminAction {
    /// Every action there is.
    pub const ALL: [AdminAction; 20] = [
        Self::UsersList,
        Self::UsersManage,
        Self::UsersProvision,
        Self::KeysList,
        Self::KeysManage,
        Self::SessionsList,
        Self::SessionsEnd,
        Self::AuditRead,
        Self::AuditOpenContent,
        Self::AuditErase,
        Self::AuditHold,
        Self::AuditReview,
        Self::PolicyReload,
        Self::ModelsManage,
        Self::OwnSessions,
        Self::OwnKeys,
        Self::OwnCredentials,
        Self::OwnEmergency,
        Self::OwnRequests,
        Self::ApprovalsDecide,
    ];

    /// The word that policies and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsersList => "users:list",
            Self::UsersManage => "users:manage",
            Self::UsersProvision => "users:provision",
            Self::KeysList => "keys:list",
            Self::KeysManage => "keys:manage",
            Self::SessionsList => "sessions:list",
            Self::SessionsEnd => "sessions:end",
            Self::AuditRead => "audit:read",
            Self::AuditOpenContent => "audit:open-content",
            Self::AuditErase => "audit:erase",
            Self::AuditHold => "audit:hold",
            Self::AuditReview => "audit:review",
            Self::PolicyReload => "policy:reload",
            Self::ModelsManage => "models:manage",
            Self::OwnSessions => "own:sessions",
            Self::OwnKeys => "own:keys",
            Self::OwnCredentials => "own:credentials",
            Self::OwnEmergency => "own:emergency",
            Self::OwnRequests => "own:requests",
            Self::ApprovalsDecide => "approvals:decide",
        }
    }
}

/// Leave to administer: for one action, to be used at once.
#[derive(Debug, Clone)]
pub struct AdminPermit {
    pub(crate) actor: Actor,
    pub(crate) action: AdminAction,
    /// Whose, and what was known of them; `None` for the local operator.
    pub(crate) holder: Option<Holder>,
    pub(crate) policies: Vec<String>,
    pub(crate) approval: Option<ApprovalId>,
}

#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) user: UserId,
    pub(crate) deadline: Timestamp,
    pub(crate) epoch: u64,
    pub(crate) seen: u64,
}

impl AdminPermit {
    /// Who.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// For what.
    pub fn action(&self) -> AdminAction {
        self.action
    }

    /// Under whose yes, by the name of the approval.
    pub fn approval(&self) -> Option<&ApprovalId> {
        self.approval.as_ref()
    }

    /// The `@id` of each policy that decided, sorted.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }
}

/// Somebody who holds the files while no server runs, and so could do anything to them anyway.
/// The command line makes one after it has taken the data directory's lock; nobody else does.
#[derive(Debug)]
pub struct LocalOperator(());

impl LocalOperator {
    /// Only where the caller has the data directory to itself.
    #[expect(clippy::new_without_default, reason = "to be made on purpose, and greppable")]
    pub fn new() -> Self {
        Self(())
    }

    /// Leave to do `action`.
    pub fn permit(&self, action: AdminAction) -> AdminPermit {
        AdminPermit { actor: Actor::LocalOperator, action, holder: None, policies: Vec::new(), approval: None }
    }
}
