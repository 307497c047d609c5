//! Everything up to a server that can be asked. What is there already is used again, and said.

use super::narrate::Narrator;
use super::{Administrator, Demo};
use crate::cli::Quickstart;
use crate::commands::Context;
use crate::config::{Settings, Whereabouts};
use crate::failure::{Doing, Failure};
use crate::init::{self, Made};
use crate::installation::Installation;
use crate::layout::Layout;
use crate::lock::RunLock;
use crate::progress::Bar;
use crate::server::{self, Server};
use medlock_auth::{LocalOperator, NewKey, NewUser};
use medlock_domain::{Purpose, RoleName, UserId, Username};
use medlock_model::{Launcher, VerifiedModel};
use medlock_pipeline::admin::By;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Instant;
use zeroize::Zeroizing;

/// Ready to be asked.
pub(super) struct Ready {
    pub(super) lock: RunLock,
    pub(super) server: Server,
    pub(super) demo: Demo,
}

const ADMIN: &str = "admin";
const CLINICIAN: &str = "demo-clinician";
const HOUR_MS: i64 = 60 * 60 * 1000;

pub(super) async fn all(
    args: &Quickstart,
    context: &Context,
    layout: &Layout,
    launcher: Launcher,
    narrator: &mut Narrator,
) -> Result<Ready, Failure> {
    let lock = init::directory(layout)?;
    let keys = narrator.step("keys", || init::keys(layout).map(|(keys, made)| (keys, kept(made, "made"))))?;
    narrator.step("development CA and server certificate", || {
        init::certificates(layout, &[]).map(|made| ((), kept(made, "made")))
    })?;
    narrator.step("audit log", || init::audit_log(layout, &keys).map(|made| ((), kept(made, "begun"))))?;
    let text = config_text(args.model_dir.as_deref())?;
    let mut settings = narrator.step("configuration", || {
        let whereabouts = Whereabouts { data_dir: Some(layout.root().to_owned()), config: None };
        init::settings(&whereabouts, layout, &text).map(|(s, made)| (s, kept(made, "the default")))
    })?;
    adapt(args, &mut settings, narrator)?;

    let installation = Installation::open(&settings).await?;
    let prepared = people_and_model(&installation, &settings, context, narrator).await;
    let (administrator, key, model) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            installation.close().await?;
            return Err(failure);
        }
    };
    init::write_config(layout, &text)?;
    let server = narrator
        .wait("starting the sandboxed model and the gateway", async {
            let server =
                Server::start(&settings, installation, launcher, model, crate::detector::of(&settings.detector)?)
                    .await?;
            let info = server.engine();
            let how = format!("{} parameters, listening on {}", millions(info.parameters), server.address());
            Ok((server, how))
        })
        .await?;
    let demo = Demo {
        address: server.address(),
        ca: layout.ca_cert().display().to_string(),
        data_dir: layout.root().display().to_string(),
        model: settings.model.name.to_string(),
        key,
        administrator,
    };
    Ok(Ready { lock, server, demo })
}

type Prepared = (Option<Administrator>, Zeroizing<String>, VerifiedModel);

async fn people_and_model(
    installation: &Installation,
    settings: &Settings,
    context: &Context,
    narrator: &mut Narrator,
) -> Result<Prepared, Failure> {
    let administrator = narrator.wait("first administrator", administrator(installation)).await?;
    let key = narrator.wait("API key for the demonstration", api_key(installation)).await?;
    let registry = server::registry(&settings.model)?;
    let name = &settings.model.name;
    // Its own progress, so that a download has a bar.
    let began = Instant::now();
    let bar = Bar::new(context.terminal);
    let model = registry.pull(name, &bar).await.map_err(|e| Failure::Error(e.to_string()))?;
    drop(bar);
    let how = format!("{} MB, its SHA-256 is the catalogue's", model.size() / 1_000_000);
    narrator.say(&format!("model {name}"), &how, began);
    Ok((administrator, key, model))
}

async fn administrator(installation: &Installation) -> Result<(Option<Administrator>, String), Failure> {
    let name: Username = ADMIN.parse().expect("a literal that fits the grammar");
    let password = init::made_up_password();
    Ok(match init::administrator(installation, &name, password.clone()).await? {
        Some(factor) => {
            let made = Administrator { username: name.to_string(), password, factor };
            (Some(made), "made; password and second factor are shown below, once".to_owned())
        }
        None => (None, "there already; shown when it was made, not kept".to_owned()),
    })
}

/// A key is not kept, so each demonstration makes its own, for an hour. A person answers for it; the
/// administrator may not: separation of duties forbids administrators to chat.
async fn api_key(installation: &Installation) -> Result<(Zeroizing<String>, String), Failure> {
    let operator = LocalOperator::new();
    let by = By::Operator(&operator);
    let owner = clinician(installation, by).await?;
    let clinician: RoleName = "clinician".parse().expect("a literal that fits the grammar");
    let key = NewKey {
        name: "quickstart".to_owned(),
        owner,
        roles: vec![clinician],
        purposes: vec![Purpose::Treatment],
        models: Vec::new(),
        networks: Vec::new(),
        bound: None,
        expires: installation.clock.now().plus_ms(HOUR_MS),
    };
    let made = installation.admin.create_key(by, key).await.doing("making the API key")?;
    let how = format!("{} of {CLINICIAN}, for treatment, ends {}", made.id, made.expires.rfc3339());
    let secret = made.secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
    Ok((Zeroizing::new(secret), how))
}

async fn clinician(installation: &Installation, by: By<'_>) -> Result<UserId, Failure> {
    let username: Username = CLINICIAN.parse().expect("a literal that fits the grammar");
    let users = installation.admin.list_users(by).await.doing("reading who there is")?;
    if let Some(user) = users.into_iter().find(|u| u.username == username) {
        return Ok(user.id);
    }
    // Nobody learns this password: the account answers for the key and does not log in.
    let user = NewUser {
        username,
        password: init::made_up_password(),
        roles: vec!["clinician".parse().expect("a literal that fits the grammar")],
    };
    Ok(installation.admin.create_user(by, user).await.doing("making the clinician")?.id)
}

/// What the command line says against the configuration, and a port that is free.
fn adapt(args: &Quickstart, settings: &mut Settings, narrator: &mut Narrator) -> Result<(), Failure> {
    if let Some(dir) = &args.model_dir {
        settings.model.dir = absolute(dir)?;
    }
    let wanted = args.listen.unwrap_or(settings.listen);
    settings.listen = wanted;
    if wanted.port() != 0 && TcpListener::bind(wanted).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse) {
        settings.listen = SocketAddr::new(wanted.ip(), 0);
        narrator.step("port", || Ok(((), format!("{wanted} is taken, another one will be used"))))?;
    }
    Ok(())
}

/// The configuration, with the models where they were asked to be.
fn config_text(model_dir: Option<&Path>) -> Result<String, Failure> {
    let Some(dir) = model_dir else { return Ok(init::CONFIG.to_owned()) };
    let dir = absolute(dir)?;
    let dir = toml::Value::String(dir.to_str().ok_or_else(|| Failure::error("--model-dir is not UTF-8"))?.to_owned());
    Ok(format!("{}dir = {dir}\n", init::CONFIG))
}

fn absolute(path: &Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(path).doing("finding --model-dir")
}

fn kept(made: Made, new: &str) -> String {
    match made {
        Made::New => new.to_owned(),
        Made::Kept => "there already, used again".to_owned(),
    }
}

fn millions(n: u64) -> String {
    format!("{:.0} million", n as f64 / 1e6)
}
