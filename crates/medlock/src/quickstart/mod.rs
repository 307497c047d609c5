//! `medlock quickstart`: the product doing its job, on real parts, in one command.

mod evidence;
mod narrate;
mod note;
mod report;
mod set_up;

use crate::admin::{trusting, unreachable_server};
use crate::cli::Quickstart;
use crate::commands::{Context, before_anything, block_on};
use crate::failure::{Doing, Failure};
use crate::layout::Layout;
use crate::signals::Stop;
use crate::telemetry;
use medlock_auth::Enrolment;
use medlock_domain::RequestId;
use medlock_keys::password::Secret;
use medlock_model::Launcher;
use narrate::Narrator;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::sync::oneshot;
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

/// What the demonstration talks about.
pub(crate) struct Demo {
    address: SocketAddr,
    ca: String,
    data_dir: String,
    model: String,
    key: Zeroizing<String>,
    administrator: Option<Administrator>,
}

/// The first administrator, just made.
struct Administrator {
    username: String,
    password: Secret,
    factor: Enrolment,
}

/// What came back over HTTPS.
pub(crate) struct Answer {
    text: String,
    request: RequestId,
    receipt: String,
    findings: String,
}

pub(crate) fn run(args: Quickstart, context: &Context) -> Result<(), Failure> {
    if context.whereabouts.config.is_some() {
        return Err(Failure::error("quickstart works on a data directory: name that with --data-dir"));
    }
    let launcher = before_anything()?;
    telemetry::start(if args.keep { LevelFilter::INFO } else { LevelFilter::WARN });
    block_on(demonstrate(args, launcher, context))
}

async fn demonstrate(args: Quickstart, launcher: Launcher, context: &Context) -> Result<(), Failure> {
    let stop = Stop::listen()?;
    let prepare = prepare_and_serve(&args, launcher, context, &stop);
    tokio::select! {
        biased;
        done = prepare => done,
        () = stop.wanted(), if !args.keep => Err(Failure::error("interrupted")),
    }
}

async fn prepare_and_serve(
    args: &Quickstart,
    launcher: Launcher,
    context: &Context,
    stop: &Stop,
) -> Result<(), Failure> {
    let terminal = context.terminal;
    let layout = Layout::new(context.whereabouts.data_dir());
    terminal.note(format!("a demonstration in {}; the first time takes a minute or two", layout.root().display()));
    let mut narrator = Narrator::new(terminal);
    let mut ready = set_up::all(args, context, &layout, launcher, &mut narrator).await?;
    ready.lock.serving_at(ready.server.address())?;
    let installation = ready.server.installation();
    let (log, keys, demo) = (installation.log.clone(), installation.content_keys.clone(), ready.demo);
    let (end, ended) = oneshot::channel::<()>();
    let serving = tokio::spawn(ready.server.run(async move {
        // Sent, or dropped because the demonstration failed: both mean stop.
        let _sent = ended.await;
    }));
    let shown = async {
        let answer = narrator.wait("asking over HTTPS", ask(&demo, &layout)).await?;
        let evidence = evidence::gather(&layout, &log, &keys, &answer.request).await?;
        Ok::<_, Failure>((answer, evidence))
    };
    let shown = shown.await;
    if let Ok((answer, evidence)) = &shown {
        if terminal.json {
            terminal.json(report::as_json(&demo, answer, evidence));
        } else {
            report::administrator(terminal, &demo);
            report::print(terminal, answer, evidence);
            report::next(terminal, &demo, args.keep);
        }
    }
    if args.keep && shown.is_ok() {
        stop.wanted().await;
    }
    drop(log);
    let _still_running = end.send(());
    let stopped = serving.await.doing("stopping the server")?;
    drop(ready.lock);
    shown.and(stopped)
}

/// A real request, over real TLS, as any client would send it.
async fn ask(demo: &Demo, layout: &Layout) -> Result<(Answer, String), Failure> {
    let pem = std::fs::read(layout.ca_cert()).doing("reading the CA's certificate")?;
    let response = trusting(&pem)?
        .post(format!("https://{}/v1/chat/completions", demo.address))
        .bearer_auth(demo.key.as_str())
        .json(&note::request(&demo.model))
        .send()
        .await
        .map_err(|e| unreachable_server(&e))?;
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (request, receipt, findings) =
        (header("x-request-id"), header("x-medlock-audit"), header("x-medlock-findings"));
    let status = response.status();
    let body: Value = response.json().await.map_err(|e| unreachable_server(&e))?;
    if !status.is_success() {
        let said = body["error"]["message"].as_str().unwrap_or_default();
        return Err(Failure::Error(format!("the server answered {}: {said}", status.as_u16())));
    }
    let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
    let tokens = body["usage"]["completion_tokens"].as_u64().unwrap_or_default();
    let request = request.parse().doing("reading the answer's x-request-id")?;
    Ok((Answer { text, request, receipt, findings }, format!("{tokens} tokens came back")))
}
