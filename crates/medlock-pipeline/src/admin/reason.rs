//! Why somebody does what needs a reason: a word for the record, and a note that is sealed.

use super::approval::Consent;
use super::{Admin, AdminError, By};
use medlock_audit::{Entry, Kind, Outcome, Unavailable};
use medlock_auth::{AdminAction, AdminPermit, AuthFailure, Proof};
use std::str::FromStr;
use zeroize::Zeroizing;

/// Why, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Somebody needs care now (164.312(a)(2)(ii)).
    Care,
    /// The patient asked for it (164.524, 164.526, 164.528).
    PatientRequest,
    /// Something may have gone wrong (164.308(a)(6)).
    Incident,
    /// A regular review (164.308(a)(1)(ii)(D)).
    Review,
    /// A court, an authority, a contract.
    Legal,
    /// What is no longer needed.
    Retention,
    /// None of these: the note says what.
    Other,
}

impl Reason {
    /// Every one there is.
    pub const ALL: [Self; 7] =
        [Self::Care, Self::PatientRequest, Self::Incident, Self::Review, Self::Legal, Self::Retention, Self::Other];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Care => "care",
            Self::PatientRequest => "patient-request",
            Self::Incident => "incident",
            Self::Review => "review",
            Self::Legal => "legal",
            Self::Retention => "retention",
            Self::Other => "other",
        }
    }
}

impl FromStr for Reason {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        found.ok_or("one of care, patient-request, incident, review, legal, retention, other")
    }
}

/// Why somebody does something, and their second factor, shown again.
pub struct Because {
    /// In one word.
    pub reason: Reason,
    /// In their own words. Sealed.
    pub note: Option<Zeroizing<String>>,
    /// A one-time code that was not used before, or a passkey's answer. The local operator needs none; nor does, for some
    /// minutes, who has just signed in at the identity provider and has no code here.
    pub proof: Option<Proof>,
}

impl Because {
    /// The reason in a record.
    pub(super) fn note(&self, entry: Entry) -> Entry {
        let entry = entry.word("reason", self.reason.as_str());
        match &self.note {
            Some(note) => entry.content(note.as_bytes()),
            None => entry,
        }
    }
}

impl Admin {
    /// Leave for what wants a reason that says something, and a second factor shown again: also to ask somebody else, so
    /// that a wrong code uses up nobody's yes.
    pub(super) async fn justified(
        &self,
        by: By<'_>,
        action: AdminAction,
        verb: &'static str,
        because: &Because,
        wanted: impl Future<Output = Result<Consent, AdminError>>,
    ) -> Result<AdminPermit, AdminError> {
        let mut shown = false;
        let asked = async {
            self.shown(by, action, verb, because).await?;
            shown = true;
            wanted.await
        };
        let permit = self.permit(by, &[action], verb, asked).await?;
        if !shown {
            self.shown(by, action, verb, because).await?;
        }
        Ok(permit)
    }

    async fn shown(
        &self,
        by: By<'_>,
        action: AdminAction,
        verb: &'static str,
        because: &Because,
    ) -> Result<(), AdminError> {
        if because.reason == Reason::Other && because.note.as_ref().is_none_or(|note| note.trim().is_empty()) {
            return Err(AdminError::Refused("the reason `other` needs a note that says what".into()));
        }
        let By::Caller(principal, _) = by else { return Ok(()) };
        let Some(proof) = &because.proof else {
            return match self.auth.shows_elsewhere(principal).await {
                Ok(true) if principal.fresh() => Ok(()),
                Ok(true) => Err(AdminError::StepUpRequired),
                Ok(false) => Err(AdminError::MfaRequired),
                Err(_) => Err(AdminError::Failed),
            };
        };
        match self.auth.show(principal, proof).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(self.factor_refused(by, action, verb, failure).await?),
        }
    }

    /// A second factor that was shown again and was not right: a record, and what the caller learns.
    pub(super) async fn factor_refused(
        &self,
        by: By<'_>,
        action: AdminAction,
        verb: &'static str,
        failure: AuthFailure,
    ) -> Result<AdminError, Unavailable> {
        let entry = by.entry(Kind::Denied, action, verb).outcome(Outcome::Denied).word("why", failure.as_str());
        self.log.append(entry).await?;
        Ok(match failure {
            AuthFailure::NoFactor => AdminError::MfaRequired,
            AuthFailure::Throttled => AdminError::Refused("too many codes were tried: wait a minute".into()),
            AuthFailure::Unavailable => AdminError::Failed,
            AuthFailure::WrongCode | AuthFailure::ReplayedCode => {
                AdminError::Refused("the one-time code is wrong, or was used before: wait for the next one".into())
            }
            AuthFailure::WrongPasskey | AuthFailure::ClonedPasskey | AuthFailure::Revoked => {
                AdminError::Refused("the passkey was not accepted: begin again".into())
            }
            _ => AdminError::Denied,
        })
    }
}
