//! `medlock witness`: watching the audit logs of others, on another host than theirs.

use super::audit::name;
use super::{Context, block_on};
use crate::cli::Witness;
use crate::clock::SystemClock;
use crate::failure::{Doing, Failure};
use crate::hardening;
use crate::init;
use crate::layout::Layout;
use crate::signals::Stop;
use crate::telemetry;
use crate::terminal::Terminal;
use medlock_audit::LogName;
use medlock_audit::witness::{Cosigner, CosignerName, Watch};
use medlock_gateway::WitnessServer;
use medlock_keys::digest::hex;
use medlock_keys::digest::sha256;
use medlock_keys::file::{read_private, write_private};
use medlock_keys::sign::SigningKey;
use serde_json::json;
use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing_subscriber::filter::LevelFilter;

pub(crate) fn run(verb: Witness, context: &Context) -> Result<(), Failure> {
    match verb {
        Witness::Init { dir, name, hosts } => make(&Place(dir), &name, &hosts, context.terminal),
        Witness::AddLog { dir, vkey } => add_log(&Place(dir), &vkey, context.terminal),
        Witness::List { dir } => list(&Place(dir), context.terminal),
        Witness::Serve { dir, listen } => serve(&Place(dir), listen),
    }
}

/// A witness's directory.
struct Place(PathBuf);

impl Place {
    fn key(&self) -> PathBuf {
        self.0.join("witness.key")
    }

    fn vkey(&self) -> PathBuf {
        self.0.join("witness.vkey")
    }

    fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    fn tls(&self) -> Layout {
        Layout::new(&self.0)
    }

    fn cosigner(&self) -> Result<Cosigner, Failure> {
        let file = self.key();
        let key = read_private(&file).map_err(|e| {
            let what = format!("reading the witness's key: {e}; `medlock witness init` makes one");
            Failure::Error(what)
        })?;
        let key = SigningKey::from_pkcs8(&key)
            .ok_or_else(|| Failure::error(format!("{} is no signing key", file.display())))?;
        let vkey = fs::read_to_string(self.vkey()).doing("reading witness.vkey")?;
        let named = CosignerName::parse(&vkey).doing("reading witness.vkey")?;
        let cosigner = Cosigner::new(named.name(), key).doing("reading the witness's key")?;
        if cosigner.name().vkey() != vkey {
            return Err(Failure::denied("witness.vkey is of another key than witness.key"));
        }
        Ok(cosigner)
    }

    /// Every log that is watched: a copy of its verifier key each.
    fn watched(&self) -> Result<Vec<LogName>, Failure> {
        let mut logs: Vec<LogName> = Vec::new();
        let files = fs::read_dir(self.logs()).doing(format!("reading {}", self.logs().display()))?;
        for file in files {
            let path = file.doing("reading the logs")?.path();
            if path.extension().is_some_and(|e| e == "vkey") {
                let log = name(&path)?;
                if logs.iter().any(|l| l.origin() == log.origin()) {
                    return Err(Failure::denied(format!("two keys in {} name the same log", self.logs().display())));
                }
                logs.push(log);
            }
        }
        Ok(logs)
    }

    fn watch(&self) -> Result<Watch, Failure> {
        Watch::open(&self.state(), self.cosigner()?, self.watched()?, Arc::new(SystemClock))
            .map_err(|e| Failure::Error(format!("the witness's state: {e}")))
    }
}

fn make(place: &Place, name: &str, hosts: &[String], terminal: Terminal) -> Result<(), Failure> {
    if place.key().exists() {
        return Err(Failure::denied(format!("{} holds a witness already; nothing was changed", place.0.display())));
    }
    let key = SigningKey::generate();
    let cosigner = CosignerName::new(name, key.public())
        .map_err(|_| Failure::error("a witness's name is 1 to 128 of A-Z a-z 0-9 . _ / : -"))?;
    let dir = |path: &Path| {
        DirBuilder::new().recursive(true).mode(0o700).create(path).doing(format!("making {}", path.display()))
    };
    dir(&place.0)?;
    dir(&place.logs())?;
    init::certificates(&place.tls(), hosts)?;
    write_private(&place.vkey(), cosigner.vkey().as_bytes()).doing("writing witness.vkey")?;
    write_private(&place.key(), &key.to_pkcs8()).doing("writing witness.key")?;
    let (vkey, ca) = (cosigner.vkey(), place.tls().ca_cert());
    if terminal.json {
        terminal.json(json!({ "name": name, "vkey": vkey.trim_end(), "ca": ca }));
        return Ok(());
    }
    terminal.out(format!("{} can watch.", terminal.bold(name)));
    terminal.out(format!(
        "\nIts key, for the policies of the logs that it is to watch:\n  {}\nand the certificate that they check its \
         own against:\n  {}\n\nNext: medlock witness add-log {dir} LOG.VKEY, then medlock witness serve {dir}",
        vkey.trim_end(),
        ca.display(),
        dir = place.0.display(),
    ));
    Ok(())
}

fn add_log(place: &Place, vkey: &Path, terminal: Terminal) -> Result<(), Failure> {
    place.cosigner()?;
    let log = name(vkey)?;
    // A name of its content: nothing that a log calls itself becomes a path.
    let file = place.logs().join(format!("{}.vkey", hex(&sha256(&[log.origin().as_bytes()])[..16])));
    match fs::read_to_string(&file) {
        Ok(text) if text == log.vkey() => {}
        // The log has followed its key by another: the file says which, and the log vouches for it.
        Ok(text) if LogName::parse(&text).is_ok_and(|before| log.continues(&before)) => {
            write_private(&file, log.vkey().as_bytes()).doing(format!("writing {}", file.display()))?;
        }
        Ok(_) => {
            return Err(Failure::denied(format!(
                "{} is watched already, with another key: remove {} if the log has really been made anew",
                log.origin(),
                file.display()
            )));
        }
        Err(_) => write_private(&file, log.vkey().as_bytes()).doing(format!("writing {}", file.display()))?,
    }
    terminal.out(format!("{} is watched from the next start on", log.origin()));
    Ok(())
}

fn list(place: &Place, terminal: Terminal) -> Result<(), Failure> {
    place.cosigner()?;
    for log in place.watched()? {
        let signed = Watch::signed(&place.state(), &log).map_err(|e| Failure::Error(e.to_string()))?;
        if terminal.json {
            terminal.json(json!({ "origin": log.origin(), "signed": signed }));
        } else {
            terminal.out(format!("{:>12} entries signed of {}", signed, log.origin()));
        }
    }
    Ok(())
}

fn serve(place: &Place, listen: SocketAddr) -> Result<(), Failure> {
    hardening::apply()?;
    telemetry::start(LevelFilter::INFO);
    let watch = place.watch()?;
    let tls = place.tls();
    let cert = fs::read_to_string(tls.server_cert()).doing("reading the certificate")?;
    let key = read_private(&tls.server_key()).doing("reading the certificate's key")?;
    let key = std::str::from_utf8(&key).doing("reading the certificate's key")?;
    for (origin, signed) in watch.logs() {
        tracing::info!(log = origin, signed, "watching");
    }
    if watch.logs().is_empty() {
        tracing::warn!("no log is watched yet: medlock witness add-log");
    }
    block_on(async {
        let stop = Stop::listen()?;
        let server = WitnessServer::bind(listen, &cert, key, watch).map_err(|e| Failure::Error(e.to_string()))?;
        let at = server.local_addr().doing("asking where the witness listens")?;
        tracing::info!(listen = %at, "witnessing");
        server.run(stop.wanted()).await;
        tracing::info!("stopped");
        Ok(())
    })
}
