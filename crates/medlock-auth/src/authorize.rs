//! From a [`Principal`] and a question to a [`Permit`].

use crate::approval::Second;
use crate::error::AuthError;
use crate::permit::{
    AdminAction, AdminPermit, Ask, ChatAction, Cut, Denied, DenyCode, Holder, Permit, PermitParts, Relation,
};
use crate::policy::{self, Action, Asked, Case, Decided, When, Who};
use crate::principal::Principal;
use crate::service::Auth;
use medlock_domain::{Actor, ModelName, Purpose, RoleName, UserId};
use std::sync::Arc;

/// No request runs longer.
const LONGEST_REQUEST_MS: i64 = 60 * 60 * 1000;

impl Auth {
    /// May they, and with which protection.
    ///
    /// # Errors
    /// The code is for the caller, the policies are for the record.
    pub fn authorize(&self, p: &Principal, ask: &Ask) -> Result<Permit, Denied> {
        let ChatAction::Chat = ask.action;
        if self.cut_of(p.actor(), p.user(), p.0.seen).is_some() || self.now() >= p.deadline() {
            return Err(denied(DenyCode::Ended));
        }
        if !p.0.models.is_empty() && !p.0.models.contains(&ask.model) {
            return Err(denied(DenyCode::ModelNotAllowed));
        }
        let loaded = self.loaded();
        let emergency = self.0.emergencies.find(p.user(), ask.patient.as_ref(), self.now());
        let (when, next_hour) = self.when();
        let who = Who { emergency: emergency.is_some(), relation: ask.relation, ..who(p, when) };
        let Decided { purpose, protection, restore, policies } = policy::decide(&loaded, &who, ask)?;
        // It is what the permit is given under where that is what it is asked for.
        let emergency = emergency.filter(|_| purpose == Purpose::Emergency);
        let deadline = p.deadline().min(self.now().plus_ms(LONGEST_REQUEST_MS));
        // What is given for this hour is not used in the next.
        let deadline = if loaded.sees_time { deadline.min(next_hour) } else { deadline };
        Ok(Permit(Arc::new(PermitParts {
            actor: p.actor().clone(),
            owner: p.user().clone(),
            model: ask.model.clone(),
            purpose,
            protection,
            may_restore: restore.allowed,
            restore_tools: restore.restore_tools,
            deadline: emergency.as_ref().map_or(deadline, |e| deadline.min(e.expires)),
            epoch: loaded.epoch,
            policies,
            seen: p.0.seen,
            emergency: emergency.map(|e| e.id),
            relation: ask.relation,
        })))
    }

    /// What policies see of a request, for its record. `None` of a model that is not for this credential: there policies are
    /// not asked.
    pub fn asked(&self, p: &Principal, ask: &Ask) -> Option<Asked> {
        if !p.0.models.is_empty() && !p.0.models.contains(&ask.model) {
            return None;
        }
        let emergency = self.0.emergencies.find(p.user(), ask.patient.as_ref(), self.now());
        let who = Who { emergency: emergency.is_some(), relation: ask.relation, ..who(p, self.when().0) };
        Some(Asked::of(&who, ask))
    }

    /// What other systems call the person, or whoever answers for the program: the user name, or, of somebody who comes from an
    /// identity provider, its own name for them, since what they are called there may be theirs to choose. And their id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn names_of(&self, p: &Principal) -> Result<[String; 2], AuthError> {
        let subject = self.0.store.subject_of(p.user()).await?;
        Ok([subject.unwrap_or_else(|| p.username().to_string()), p.user().to_string()])
    }

    /// Whether `p` may know that there is such a model.
    pub fn may_use(&self, p: &Principal, model: &ModelName, local: bool) -> bool {
        let loaded = self.loaded();
        let who = who(p, self.when().0);
        (p.0.models.is_empty() || p.0.models.contains(model))
            && self.cut_of(p.actor(), p.user(), p.0.seen).is_none()
            && Case::new(&loaded, &who, Some((model, local)))
                .is_some_and(|case| case.ask(Action::ModelsList, None).allowed)
    }

    /// Whether some policy speaks of this role; what no policy speaks of is only what somebody typed.
    pub fn knows_role(&self, role: &RoleName) -> bool {
        self.loaded().roles.contains(role)
    }

    /// May they do this to the server.
    ///
    /// # Errors
    /// The code is for the caller, the policies are for the record.
    pub fn authorize_admin(&self, p: &Principal, action: AdminAction) -> Result<AdminPermit, Denied> {
        self.authorize_with(p, action, Second::Nobody)
    }

    /// The same, with what somebody else says of it.
    ///
    /// # Errors
    /// As [`Auth::authorize_admin`].
    pub fn authorize_with(&self, p: &Principal, action: AdminAction, second: Second) -> Result<AdminPermit, Denied> {
        if self.cut_of(p.actor(), p.user(), p.0.seen).is_some() || self.now() >= p.deadline() {
            return Err(denied(DenyCode::Ended));
        }
        let loaded = self.loaded();
        let who = Who { approved: !matches!(second, Second::Nobody), ..who(p, self.when().0) };
        let case = Case::new(&loaded, &who, None).ok_or_else(|| denied(DenyCode::PolicyDenied))?;
        let verdict = case.ask(Action::Admin(action), None);
        if !verdict.allowed {
            let were = |who: Who<'_>| {
                p.is_person()
                    && Case::new(&loaded, &who, None).is_some_and(|c| c.ask(Action::Admin(action), None).allowed)
            };
            // First what the caller can do alone.
            let fresh = Who { mfa: true, fresh: true, ..who };
            let code = match () {
                () if were(Who { approved: true, ..who }) => DenyCode::ApprovalRequired,
                () if !p.fresh() && (were(fresh) || were(Who { approved: true, ..fresh })) => match p.mfa() {
                    true => DenyCode::StepUpRequired,
                    false => DenyCode::MfaRequired,
                },
                () => DenyCode::PolicyDenied,
            };
            return Err(Denied { code, policies: verdict.policies });
        }
        let holder = Holder { user: p.user().clone(), deadline: p.deadline(), epoch: loaded.epoch, seen: p.0.seen };
        let approval = match second {
            Second::Approved(approval) => Some(approval.id),
            Second::Nobody | Second::NotNeeded => None,
        };
        Ok(AdminPermit { actor: p.actor().clone(), action, holder: Some(holder), policies: verdict.policies, approval })
    }

    /// Whether a permit still holds. Asks no database: to be called before each released window.
    ///
    /// # Errors
    /// Why it holds no longer.
    pub fn check(&self, permit: &Permit) -> Result<(), Cut> {
        let p = &*permit.0;
        if let Some(cut) = self.cut_of(&p.actor, &p.owner, p.seen) {
            return Err(cut);
        }
        if p.emergency.as_ref().is_some_and(|id| self.0.standing.changed_since(id.as_str(), p.seen)) {
            return Err(Cut::EmergencyEnded);
        }
        if p.epoch != self.policy_epoch() {
            return Err(Cut::PolicyChanged);
        }
        if self.now() >= p.deadline {
            return Err(Cut::Expired);
        }
        Ok(())
    }

    /// Whether an admin permit is for one of `actions` and still holds.
    pub(crate) fn usable(&self, by: &AdminPermit, actions: &[AdminAction]) -> Result<(), AuthError> {
        if !actions.contains(&by.action) {
            return Err(AuthError::WrongPermit(actions.first().map_or("nothing", |a| a.as_str())));
        }
        let Some(h) = &by.holder else { return Ok(()) };
        let over = self.cut_of(&by.actor, &h.user, h.seen).is_some()
            || h.epoch != self.policy_epoch()
            || self.now() >= h.deadline;
        if over { Err(AuthError::PermitEnded) } else { Ok(()) }
    }

    fn cut_of(&self, actor: &Actor, owner: &UserId, seen: u64) -> Option<Cut> {
        let changed = |id: &str| self.0.standing.changed_since(id, seen);
        match actor {
            Actor::Person { session, .. } if changed(session.as_str()) => Some(Cut::SessionEnded),
            Actor::Machine { key, .. } if changed(key.as_str()) => Some(Cut::Revoked),
            _ if changed(owner.as_str()) => Some(Cut::Revoked),
            _ => None,
        }
    }
}

pub(crate) fn who(p: &Principal, when: When) -> Who<'_> {
    let id = match p.actor() {
        Actor::Machine { key, .. } => key.as_str(),
        _ => p.user().as_str(),
    };
    Who {
        id,
        person: p.is_person(),
        roles: p.roles(),
        purposes: p.purposes(),
        mfa: p.mfa(),
        fresh: p.fresh(),
        from: p.0.from,
        when,
        approved: false,
        emergency: false,
        relation: Relation::Unasked,
    }
}

fn denied(code: DenyCode) -> Denied {
    Denied { code, policies: Vec::new() }
}
