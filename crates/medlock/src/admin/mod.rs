//! The administrative verbs as the command line uses them: asked of the running server over
//! `/admin/v1`, or done on the files by the local operator while no server runs. Either way the
//! audit log has a record of each.

mod client;
mod local;
mod remote;
mod view;

pub(crate) use client::{Client, Saved, trusting, unreachable_server};
pub(crate) use view::{Factor, Found, KeyView, MadeKey, MadeUser, NewKeyAsk, SessionView, UserView};

use crate::cli::Why;
use crate::config::{self, Whereabouts};
use crate::failure::Failure;
use crate::lock::{self, Holder};
use crate::prompt;
use local::Local;
use medlock_domain::{KeyId, RequestId, RoleName, SessionId, UserId, Username};
use medlock_keys::password::Secret;
use medlock_pipeline::admin::Sealed;
use reqwest::Method;
use serde_json::{Map, Value};

/// Who does the verbs.
pub(crate) enum Office {
    /// The server, on behalf of whoever is logged in.
    Remote(Client),
    /// We, with the directory to ourselves.
    Local(Box<Local>),
}

impl Office {
    /// The server where one runs, else the files.
    pub(crate) async fn open(whereabouts: &Whereabouts) -> Result<Self, Failure> {
        let settings = config::load(whereabouts)?;
        match lock::take(&settings.layout)? {
            Holder::Server(at) => Ok(Office::Remote(Client::saved(&settings, at)?)),
            Holder::Us(lock) => Ok(Office::Local(Box::new(Local::open(&settings, lock).await?))),
            Holder::Other => Err(Failure::error("another medlock is at work on this directory: try again in a moment")),
        }
    }

    /// Ends in good order.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Office::Remote(_) => Ok(()),
            Office::Local(local) => local.close().await,
        }
    }

    /// What is sealed of a request; `ask` says why.
    pub(crate) async fn open_content(
        &self,
        request: &RequestId,
        ask: Map<String, Value>,
    ) -> Result<Vec<Sealed>, Failure> {
        match self {
            Office::Remote(c) => remote::open_content(c, request, ask).await,
            Office::Local(l) => l.open_content(request, ask).await,
        }
    }

    /// A report about what the log says, of the route `path`.
    pub(crate) async fn report(&self, path: &str, ask: Map<String, Value>) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => c.ask(Method::POST, path, Some(&Value::Object(ask))).await,
            Office::Local(l) => l.report(path, &ask).await,
        }
    }

    /// Erases what `ask` says; the certificate.
    pub(crate) async fn erase(&self, ask: Map<String, Value>) -> Result<Value, Failure> {
        match self {
            Office::Remote(c) => c.ask(Method::POST, "/admin/v1/audit/erase", Some(&Value::Object(ask))).await,
            Office::Local(l) => l.erase(ask).await,
        }
    }

    /// Holds what `ask` says; the hold's number.
    pub(crate) async fn hold(&self, ask: Map<String, Value>) -> Result<u64, Failure> {
        match self {
            Office::Remote(c) => remote::hold(c, ask).await,
            Office::Local(l) => l.hold(ask).await,
        }
    }

    pub(crate) async fn lift_hold(&self, number: u64, ask: Map<String, Value>) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => {
                let path = format!("/admin/v1/audit/holds/{number}/lift");
                c.ask(Method::POST, &path, Some(&Value::Object(ask))).await.map(drop)
            }
            Office::Local(l) => l.lift_hold(number, ask).await,
        }
    }

    pub(crate) async fn holds(&self) -> Result<Vec<Value>, Failure> {
        match self {
            Office::Remote(c) => remote::list(c, "/admin/v1/audit/holds").await,
            Office::Local(l) => l.holds().await,
        }
    }

    /// Entries of the log that all of these hold of (`Admin::search`).
    pub(crate) async fn search(&self, filters: &[(String, String)]) -> Result<Found, Failure> {
        match self {
            Office::Remote(c) => remote::search(c, filters).await,
            Office::Local(l) => l.search(filters).await,
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

    pub(crate) async fn set_disabled(&self, user: &UserId, disabled: bool) -> Result<(), Failure> {
        match self {
            Office::Remote(c) => {
                let verb = if disabled { "disable" } else { "enable" };
                remote::act(c, &format!("/admin/v1/users/{user}/{verb}")).await
            }
            Office::Local(l) => l.set_disabled(user, disabled).await,
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

/// Adds why to what is asked, with a one-time code where somebody has to show one: the local operator holds the
/// files anyway.
pub(crate) fn justified(office: &Office, ask: &mut Map<String, Value>, why: &Why) -> Result<(), Failure> {
    ask.insert("reason".to_owned(), why.reason.as_str().into());
    if let Some(note) = &why.note {
        ask.insert("note".to_owned(), note.as_str().into());
    }
    if matches!(office, Office::Remote(_)) {
        let code = prompt::secret("one-time code", why.otp_file.as_deref())?;
        ask.insert("otp".to_owned(), code.expose().trim().into());
    }
    Ok(())
}
