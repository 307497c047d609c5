//! The witnesses of the audit log, as the settings name them, reached over HTTPS.

use crate::config::WitnessSettings;
use crate::failure::{Doing, Failure};
use crate::https;
use medlock_audit::witness::{Policy, Reply, Transport, Witnesses};
use std::fs;
use std::io;
use std::time::Duration;

/// A witness answers from memory and one write; and while it is asked, nothing waits but the tiles.
const TIME: Duration = Duration::from_secs(10);
/// No signature line is near this.
const ANSWER: usize = 64 << 10;

fn policy(settings: &WitnessSettings) -> Result<Policy, Failure> {
    let file = settings.policy.display();
    let text = fs::read_to_string(&settings.policy).doing(format!("reading {file}"))?;
    Policy::parse(&text).doing(format!("{file}, the witnesses' policy"))
}

/// The ports that must be open for asking them.
pub(crate) fn ports(settings: &WitnessSettings) -> Result<Vec<u16>, Failure> {
    let policy = policy(settings)?;
    let urls = policy.witnesses().iter().filter_map(|w| w.url());
    urls.map(|url| {
        let port = reqwest::Url::parse(url).ok().and_then(|url| url.port_or_known_default());
        port.ok_or_else(|| Failure::error(format!("{}: a witness's URL is none", settings.policy.display())))
    })
    .collect()
}

/// The witnesses, ready to be asked.
pub(crate) fn of(settings: &WitnessSettings) -> Result<Witnesses, Failure> {
    let policy = policy(settings)?;
    let ca = fs::read(&settings.ca).doing(format!("reading {}", settings.ca.display()))?;
    let doing = || format!("reading {}", settings.ca.display());
    let http = https::trusting(&ca, TIME).doing(doing())?.build().doing("setting up HTTPS to the witnesses")?;
    let grace_ms = u64::try_from(settings.grace_minutes).unwrap_or(0) * 60_000;
    Ok(Witnesses::new(policy, Box::new(Https(http)), grace_ms))
}

struct Https(reqwest::Client);

impl Transport for Https {
    /// On a thread and a runtime of its own: the log may be opened within a runtime.
    fn add_checkpoint(&self, url: &str, body: &str) -> io::Result<Reply> {
        let ask = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(post(&self.0, url, body.to_owned()))
        };
        std::thread::scope(|scope| {
            scope.spawn(ask).join().unwrap_or_else(|_| Err(io::Error::other("the asking panicked")))
        })
    }
}

async fn post(http: &reqwest::Client, url: &str, body: String) -> io::Result<Reply> {
    let failed = |e: reqwest::Error| io::Error::other(https::cause(&e));
    let mut response = http.post(format!("{url}/add-checkpoint")).body(body).send().await.map_err(failed)?;
    let (status, mut bytes) = (response.status().as_u16(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER {
            return Err(io::Error::other("the answer is too long"));
        }
    }
    let body = String::from_utf8(bytes).map_err(|_| io::Error::other("the answer is not UTF-8"))?;
    Ok(Reply { status, body })
}
