//! HTTPS to a running server, trusting its own CA and nothing else.

use crate::config::Settings;
use crate::failure::{Doing, Failure};
use crate::https;
use crate::prompt;
use medlock_keys::file::{read_private, write_private};
use medlock_keys::password::Secret;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// A connection to one server, perhaps with a session.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    session: Mutex<Option<Saved>>,
    file: PathBuf,
}

/// The session as it lies on disk, readable by its owner only.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) absolute_expires: String,
}

impl Client {
    /// To the server at `at`, with the session that `medlock session login` left, if any.
    pub(crate) fn saved(settings: &Settings, at: SocketAddr) -> Result<Self, Failure> {
        let client = Self::new(settings, at)?;
        if client.file.exists() {
            let bytes = read_private(&client.file).doing("reading the saved session")?;
            let saved: Saved = serde_json::from_slice(&bytes).doing("reading the saved session")?;
            *client.session() = Some(saved);
        }
        Ok(client)
    }

    /// To the server at `at`, as nobody.
    pub(crate) fn new(settings: &Settings, at: SocketAddr) -> Result<Self, Failure> {
        let ca = settings.layout.ca_cert();
        let ca = if ca.exists() { ca } else { settings.tls_cert.clone() };
        let pem = fs::read(&ca).doing(format!("reading {}", ca.display()))?;
        Ok(Self {
            http: trusting(&pem)?,
            base: format!("https://{at}"),
            session: Mutex::new(None),
            file: settings.layout.session(),
        })
    }

    fn session(&self) -> MutexGuard<'_, Option<Saved>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks; the answer's JSON, or null where there is none. Where a second factor has to be shown again and somebody
    /// is there, it is asked for.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let (mut status, mut answer) = self.once(method.clone(), path, body).await?;
        if answer["error"]["code"] == "step_up_required" && io::stdin().is_terminal() {
            self.step_up(&prompt::secret("one-time code", None)?).await?;
            (status, answer) = self.once(method, path, body).await?;
        }
        if status.is_success() { Ok(answer) } else { Err(self.refusal(status, &answer)) }
    }

    /// Shows a second factor again; the session goes on under another token. Until when the factor is fresh.
    pub(crate) async fn step_up(&self, code: &Secret) -> Result<String, Failure> {
        const SHAPE: &str = "the server's answer lacks a token";
        let body = json!({"otp": code.expose().trim()});
        let (status, answer) = self.once(Method::POST, "/admin/v1/step-up", Some(&body)).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &answer));
        }
        let token = answer["token"].as_str().ok_or_else(|| Failure::error(SHAPE))?;
        let saved = self.session().clone().map(|saved| Saved { token: token.to_owned(), ..saved });
        let saved = saved.ok_or_else(|| Failure::error("nobody is logged in"))?;
        self.save(&saved)?;
        *self.session() = Some(saved);
        Ok(answer["fresh_until"].as_str().unwrap_or_default().to_owned())
    }

    async fn once(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value), Failure> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(session) = &*self.session() {
            request = request.bearer_auth(&session.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        send(request).await
    }

    fn refusal(&self, status: StatusCode, body: &Value) -> Failure {
        let said = body["error"]["message"].as_str().unwrap_or("the server did not say why");
        if body["error"]["code"] == "step_up_required" {
            return Failure::denied("this wants your second factor shown again: medlock session step-up");
        }
        match (status.as_u16(), &*self.session()) {
            (401, None) => Failure::denied("a server is running and you are not logged in: medlock session login USER"),
            (401, Some(_)) => Failure::Denied(format!("{said}; log in again: medlock session login USER")),
            (400..=499, _) => Failure::denied(said),
            _ => Failure::Error(format!("the server answered {}: {said}", status.as_u16())),
        }
    }

    /// Keeps the session for the commands that follow.
    pub(crate) fn save(&self, saved: &Saved) -> Result<(), Failure> {
        let text = Zeroizing::new(serde_json::to_string(saved).doing("writing the session down")?);
        write_private(&self.file, text.as_bytes()).doing(format!("writing {}", self.file.display()))
    }

    /// Forgets it.
    pub(crate) fn forget(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).doing("removing the saved session"),
            _ => Ok(()),
        }
    }
}

/// A client that trusts the certificates in `pem` only.
pub(crate) fn trusting(pem: &[u8]) -> Result<reqwest::Client, Failure> {
    let http = https::trusting(pem, Duration::from_secs(600)).doing("reading the CA's certificate")?;
    http.connect_timeout(Duration::from_secs(10)).build().doing("setting up HTTPS")
}

async fn send(request: RequestBuilder) -> Result<(StatusCode, Value), Failure> {
    let response = request.send().await.map_err(|e| unreachable_server(&e))?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(|e| unreachable_server(&e))?;
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or_else(|_| text()) };
    Ok((status, body))
}

pub(crate) fn unreachable_server(error: &reqwest::Error) -> Failure {
    Failure::Error(format!("the server could not be asked: {}", https::cause(error)))
}
