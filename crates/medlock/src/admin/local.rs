//! The verbs on the files, by whoever holds them, while no server runs.

use super::view::{Factor, Found, KeyView, MadeKey, MadeUser, NewKeyAsk, SessionView, UserView};
use crate::config::Settings;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::lock::RunLock;
use medlock_auth::{Enrolment, LocalOperator, NewKey, NewUser};
use medlock_domain::{BadPatient, KeyId, PatientRef, RequestId, RoleName, SessionId, UserId, Username};
use medlock_keys::password::Secret;
use medlock_pipeline::admin::{AdminError, Because, By, Day, Scope, Sealed};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) struct Local {
    installation: Installation,
    operator: LocalOperator,
    /// Kept until everything above is closed.
    _lock: RunLock,
}

impl Local {
    pub(super) async fn open(settings: &Settings, lock: RunLock) -> Result<Self, Failure> {
        let installation = Installation::open(settings).await?;
        Ok(Self { installation, operator: LocalOperator::new(), _lock: lock })
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        self.installation.close().await
    }

    fn by(&self) -> By<'_> {
        By::Operator(&self.operator)
    }

    pub(super) async fn search(&self, filters: &[(String, String)]) -> Result<Found, Failure> {
        let found = self.installation.admin.search(self.by(), filters).await.map_err(failure)?;
        Ok(Found { data: found.entries, next: found.next })
    }

    pub(super) async fn open_content(
        &self,
        request: &RequestId,
        ask: Map<String, Value>,
    ) -> Result<Vec<Sealed>, Failure> {
        let because = because(&ask)?;
        self.installation.admin.open_content(self.by(), request, &because).await.map_err(failure)
    }

    /// As the routes of the server do it.
    pub(super) async fn report(&self, path: &str, ask: &Map<String, Value>) -> Result<Value, Failure> {
        let admin = &self.installation.admin;
        let text = |key: &str| ask.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| ask.get(key).and_then(Value::as_u64).unwrap_or_default();
        let bad = |what: &str| Failure::error(what.to_owned());
        let report = match path.trim_start_matches("/admin/v1/audit/") {
            "reconstruct" => {
                let states = states(&text("states").unwrap_or_default());
                let states = states.ok_or_else(|| bad("--states: each line is a patient, a comma and a state"))?;
                let filters = ask.iter().filter(|(name, _)| *name != "states");
                let filters: Vec<_> =
                    filters.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
                admin.reconstruct(self.by(), &filters, &states).await
            }
            "disclosures" => {
                let patient = text("patient").unwrap_or_default().parse();
                let patient = patient.map_err(|e: BadPatient| Failure::error(e.to_string()))?;
                admin.disclosures(self.by(), &patient, ask.contains_key("all")).await
            }
            "reviews" => {
                let day = |key: &str| Day::new(&text(key)?);
                let days = day("from_day").zip(day("to_day")).ok_or_else(|| bad("a day is 2026-11-23"))?;
                admin.review_pack(self.by(), &days.0, &days.1, number("seed"), number("sample") as usize).await
            }
            _ => return Err(bad("a review is signed by a person: log in, while a server runs")),
        };
        report.map_err(failure)
    }

    pub(super) async fn erase(&self, ask: Map<String, Value>) -> Result<Value, Failure> {
        let (scope, because) = (scope(&ask)?, because(&ask)?);
        self.installation.admin.erase(self.by(), scope, &because).await.map_err(failure)
    }

    pub(super) async fn hold(&self, ask: Map<String, Value>) -> Result<u64, Failure> {
        let (scope, because) = (scope(&ask)?, because(&ask)?);
        self.installation.admin.hold(self.by(), scope, &because).await.map_err(failure)
    }

    pub(super) async fn lift_hold(&self, number: u64, ask: Map<String, Value>) -> Result<(), Failure> {
        let because = because(&ask)?;
        self.installation.admin.lift_hold(self.by(), number, &because).await.map_err(failure)
    }

    pub(super) async fn holds(&self) -> Result<Vec<Value>, Failure> {
        let holds = self.installation.admin.holds(self.by()).await.map_err(failure)?;
        Ok(holds.iter().map(|hold| hold.to_json()).collect())
    }

    pub(super) async fn users(&self) -> Result<Vec<UserView>, Failure> {
        let users = self.installation.admin.list_users(self.by()).await.map_err(failure)?;
        Ok(users.iter().map(UserView::of).collect())
    }

    pub(super) async fn add_user(
        &self,
        name: &Username,
        password: Secret,
        roles: Vec<RoleName>,
    ) -> Result<MadeUser, Failure> {
        let user = NewUser { username: name.clone(), password, roles };
        let made = self.installation.admin.create_user(self.by(), user).await.map_err(failure)?;
        Ok(MadeUser { id: made.id.to_string(), factor: factor(&made.enrolment) })
    }

    pub(super) async fn set_disabled(&self, user: &UserId, disabled: bool) -> Result<(), Failure> {
        let admin = &self.installation.admin;
        let done = match disabled {
            true => admin.disable_user(self.by(), user).await,
            false => admin.enable_user(self.by(), user).await,
        };
        done.map_err(failure)
    }

    pub(super) async fn set_roles(&self, user: &UserId, roles: Vec<RoleName>) -> Result<(), Failure> {
        self.installation.admin.set_roles(self.by(), user, roles).await.map_err(failure)
    }

    pub(super) async fn reset_factor(&self, user: &UserId) -> Result<Factor, Failure> {
        let enrolment = self.installation.admin.reset_factor(self.by(), user).await.map_err(failure)?;
        Ok(factor(&enrolment))
    }

    pub(super) async fn keys(&self) -> Result<Vec<KeyView>, Failure> {
        let keys = self.installation.admin.list_keys(self.by()).await.map_err(failure)?;
        Ok(keys.iter().map(KeyView::of).collect())
    }

    pub(super) async fn make_key(&self, ask: NewKeyAsk) -> Result<MadeKey, Failure> {
        let owner = ask.owner.ok_or_else(|| {
            Failure::error("nobody is logged in while no server runs: say with --owner who answers for the key")
        })?;
        let key = NewKey {
            name: ask.name,
            owner,
            roles: ask.roles,
            purposes: ask.purposes,
            models: ask.models,
            expires: self.installation.clock.now().plus_ms(i64::from(ask.days) * DAY_MS),
        };
        let made = self.installation.admin.create_key(self.by(), key).await.map_err(failure)?;
        Ok(MadeKey { id: made.id.to_string(), key: made.secret.expose().to_owned(), expires: made.expires.rfc3339() })
    }

    pub(super) async fn revoke_key(&self, key: &KeyId) -> Result<(), Failure> {
        self.installation.admin.revoke_key(self.by(), key).await.map_err(failure)
    }

    pub(super) async fn sessions(&self) -> Result<Vec<SessionView>, Failure> {
        let sessions = self.installation.admin.list_sessions(self.by()).await.map_err(failure)?;
        Ok(sessions.iter().map(SessionView::of).collect())
    }

    pub(super) async fn end_session(&self, session: &SessionId) -> Result<(), Failure> {
        self.installation.admin.end_session(self.by(), session).await.map_err(failure)
    }
}

/// Lines of patient, comma, state.
fn states(text: &str) -> Option<Vec<(PatientRef, String)>> {
    let line = |line: &str| {
        let (patient, state) = line.rsplit_once(',')?;
        Some((patient.trim().parse().ok()?, state.trim().to_owned()))
    };
    text.lines().filter(|l| !l.trim().is_empty()).map(line).collect()
}

fn because(ask: &Map<String, Value>) -> Result<Because, Failure> {
    let text = |key: &str| ask.get(key).and_then(Value::as_str);
    let reason = text("reason").unwrap_or_default().parse();
    let reason = reason.map_err(|expected| Failure::error(format!("--reason must be {expected}")))?;
    Ok(Because { reason, note: text("note").map(|note| Zeroizing::new(note.to_owned())), code: None })
}

fn scope(ask: &Map<String, Value>) -> Result<Scope, Failure> {
    let text = |key: &str| ask.get(key).and_then(Value::as_str);
    let day = |key: &str| Day::new(text(key)?);
    let days = || Some(Scope::Days(day("from_day")?, day("to_day")?));
    let patient = || text("patient")?.parse().ok().map(Scope::Patient);
    let owner = || text("owner")?.parse().ok().map(Scope::Owner);
    let all = || text("all").map(|_| Scope::All);
    days()
        .or_else(patient)
        .or_else(owner)
        .or_else(all)
        .ok_or_else(|| Failure::error("a day is 2026-11-23; a patient, a record number or FHIR reference"))
}

fn factor(enrolment: &Enrolment) -> Factor {
    Factor { otpauth_url: enrolment.otpauth_url.to_string(), totp_secret: enrolment.secret.to_string() }
}

/// What was refused is a 1, what went wrong a 2.
fn failure(error: AdminError) -> Failure {
    match error {
        AdminError::AuditUnavailable | AdminError::Failed => Failure::Error(error.to_string()),
        other => Failure::Denied(other.to_string()),
    }
}
