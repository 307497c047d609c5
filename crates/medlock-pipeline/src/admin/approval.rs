//! What policies let nobody do alone: asked for by who wants it, decided by somebody else, done by who asked, once. And
//! roles for a while, asked for and decided in the same way (45 CFR 164.308(a)(4)(ii)(B), (C)).

use super::{Admin, AdminError, By, Reason, refusal};
use medlock_audit::{Entry, Kind, Outcome, Word};
use medlock_auth::{AdminAction, AdminPermit, LONGEST_ROLE_HOURS, Principal, Second, Wish};
use medlock_domain::{ApprovalId, RoleName};
use serde_json::{Value, json};

/// Bytes of one thing that somebody is asked to approve of.
const LONGEST: usize = 1000;

/// What a verb is, to policies that want a second person for it.
pub(super) enum Consent {
    /// Nobody can be asked for it.
    Alone,
    /// It only takes access away: nobody has to be asked.
    Less,
    /// This, exactly.
    Wish(Wish),
}

impl Consent {
    /// To do a verb with the facts of its record, and what of it stands in no record.
    pub(super) fn of(verb: &'static str, entry: &Entry, further: Vec<(String, String)>) -> Self {
        let facts = entry.facts.iter().map(|(key, fact)| (key.to_owned(), fact.to_string()));
        let about: Vec<(String, String)> = facts.chain(further).collect();
        // Who decides must see all of it, as it is: a fact that the record left out could stand for anything, and what steers
        // a terminal could show something else.
        let seen = |text: &str| {
            text != Word::refused().as_str() && text.len() <= LONGEST && !text.chars().any(char::is_control)
        };
        if about.iter().all(|(_, value)| seen(value)) { Self::Wish(Wish::to_do(verb, about)) } else { Self::Alone }
    }
}

impl Admin {
    /// Leave for what the caller may not do alone: with the yes of somebody else, who is asked where nobody was.
    pub(super) async fn seconded(
        &self,
        by: By<'_>,
        principal: &Principal,
        action: AdminAction,
        wanted: Consent,
    ) -> Result<Option<AdminPermit>, AdminError> {
        let second = match wanted {
            Consent::Alone => return Ok(None),
            Consent::Less => Second::NotNeeded,
            Consent::Wish(wish) => match self.auth.take_approval(principal, &wish).await.map_err(refusal)? {
                Some(approval) => Second::Approved(approval),
                None => return Err(AdminError::ApprovalRequired(self.ask(by, principal, action, &wish).await?)),
            },
        };
        Ok(self.auth.authorize_with(principal, action, second).ok())
    }

    /// Asks somebody else, or says that they have been asked.
    async fn ask(
        &self,
        by: By<'_>,
        principal: &Principal,
        action: AdminAction,
        wish: &Wish,
    ) -> Result<ApprovalId, AdminError> {
        const VERB: &str = "ask_approval";
        let entry = |kind| by.entry(kind, action, VERB).word("wanted", wish.verb());
        if let Some(open) = self.auth.open_approval(principal, wish).await.map_err(refusal)? {
            let refused = entry(Kind::Denied).outcome(Outcome::Denied).word("approval", open.id.as_str());
            self.log.append(refused.word("why", "not_approved")).await?;
            return Ok(open.id);
        }
        let intent = self.log.append(entry(Kind::AdminIntent).outcome(Outcome::Pending)).await?.index();
        let made = self.auth.ask_approval(principal, wish, intent).await;
        let outcome = entry(Kind::AdminOutcome).int("intent", intent as i64);
        let outcome = match &made {
            Ok(made) => outcome.word("approval", made.id.as_str()),
            Err(error) => outcome.outcome(Outcome::Failed).word("why", super::why(error)),
        };
        self.log.append(outcome).await?;
        made.map(|made| made.id).map_err(refusal)
    }

    /// The caller asks for a role for some hours.
    pub async fn ask_role(
        &self,
        by: By<'_>,
        role: RoleName,
        hours: u32,
        reason: Reason,
    ) -> Result<ApprovalId, AdminError> {
        const VERB: &str = "ask_role";
        let permit = self.permit_alone(by, &[AdminAction::OwnRequests], VERB).await?;
        let fits = match (by, hours) {
            (By::Operator(_), _) => Err(AdminError::Refused("a role is asked for by a person: log in".into())),
            (_, 1..=LONGEST_ROLE_HOURS) if self.auth.knows_role(&role) => Ok(()),
            (_, 1..=LONGEST_ROLE_HOURS) => Err(AdminError::Refused("no policy knows this role".into())),
            _ => Err(AdminError::Refused(format!("a role can be asked for 1 to {LONGEST_ROLE_HOURS} hours"))),
        };
        self.or_recorded(by, &permit, VERB, fits).await?;
        let By::Caller(principal, _) = by else { return Err(AdminError::Denied) };
        let wish = Wish::to_have(role, hours, reason.as_str());
        self.ask(by, principal, permit.action(), &wish).await
    }

    /// What waits for somebody, or holds; of who may not list people, their own.
    pub async fn list_approvals(&self, by: By<'_>) -> Result<Vec<Value>, AdminError> {
        let permit = self.look(by, &[AdminAction::UsersList, AdminAction::OwnRequests], "list_approvals").await?;
        let own = match by {
            By::Caller(principal, _) if permit.action() == AdminAction::OwnRequests => Some(principal.user().clone()),
            _ => None,
        };
        let open = self.auth.open_approvals().await.map_err(refusal)?;
        // Whoever decides knows people by their names.
        let people = match own {
            Some(_) => Vec::new(),
            None => self.auth.list_users(&permit).await.map_err(refusal)?,
        };
        let name = |id: &str| people.iter().find(|p| p.id.as_str() == id).map(|p| p.username.as_str());
        let about = |detail: &str| {
            let id =
                detail.split_whitespace().find_map(|part| part.strip_prefix("user=").or(part.strip_prefix("owner=")));
            id.and_then(name).map(str::to_owned)
        };
        let shown = open.iter().filter(|row| own.as_ref().is_none_or(|own| row.asker == *own));
        Ok(shown
            .map(|row| {
                json!({
                    "id": row.id.as_str(), "asker": row.asker.as_str(), "wants": row.verb, "detail": row.detail,
                    "asker_name": name(row.asker.as_str()), "about_name": about(&row.detail),
                    "role": row.role.as_ref().map(RoleName::as_str), "state": row.state.as_str(),
                    "asked": row.created.rfc3339(), "until": row.expires.rfc3339(),
                    "decided_by": row.decided.as_ref().map(|(who, _)| who.as_str()),
                })
            })
            .collect())
    }

    /// Says yes or no to what somebody else wants.
    pub async fn decide_approval(&self, by: By<'_>, id: &ApprovalId, yes: bool) -> Result<(), AdminError> {
        let verb = if yes { "approve" } else { "refuse" };
        let begun = self.begin(by, &[AdminAction::ApprovalsDecide], verb, |e| e.word("approval", id.as_str())).await?;
        let made = self.auth.decide_approval(&begun.permit, id, yes, begun.index).await;
        let decided = self.finish(by, begun, made, |entry, row| {
            let entry = entry.word("approval", id.as_str()).word("user", row.asker.as_str()).word("wanted", &row.verb);
            match &row.role {
                Some(role) if yes => entry.word("roles", role.as_str()).int("until", row.expires.0),
                _ => entry,
            }
        });
        decided.await.map(drop)
    }

    /// Takes back what one asked for, or ends what holds; with the right to decide, anybody's.
    pub async fn end_approval(&self, by: By<'_>, id: &ApprovalId) -> Result<(), AdminError> {
        let actions = [AdminAction::ApprovalsDecide, AdminAction::OwnRequests];
        let begun = self.begin_less(by, &actions, "end_approval", |e| e.word("approval", id.as_str())).await?;
        let made = self.auth.end_approval(&begun.permit, id, begun.index).await;
        self.finish(by, begun, made, |entry, ()| entry.word("approval", id.as_str())).await
    }
}
