//! `medlock session`.

use super::Context;
use crate::admin::{Client, Office, Saved, SessionView};
use crate::cli::Session;
use crate::config::{self, Whereabouts};
use crate::failure::{Doing, Failure};
use crate::lock::{self, Holder};
use crate::prompt;
use crate::show;
use crate::terminal::Terminal;
use medlock_domain::Username;
use reqwest::Method;
use serde_json::json;
use std::path::Path;

pub(crate) async fn run(verb: Session, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    match verb {
        Session::Login { user, password_file, otp_file } => {
            log_in(&user, password_file.as_deref(), otp_file.as_deref(), context).await
        }
        Session::StepUp { otp_file } => {
            let client = server(&context.whereabouts, Client::saved)?;
            let until = client.step_up(&prompt::secret("one-time code", otp_file.as_deref())?).await?;
            terminal.note(format!("your second factor counts as fresh until {until}"));
            Ok(())
        }
        Session::RecoveryCodes => {
            let codes = Office::with(&context.whereabouts, async |office| office.new_recovery_codes().await).await?;
            if terminal.json {
                terminal.json(json!({"recovery_codes": codes}));
            } else {
                show::recovery_codes(terminal, &codes);
            }
            Ok(())
        }
        Session::Logout => log_out(context).await,
        Session::List => {
            let sessions = Office::with(&context.whereabouts, async |office| office.sessions().await).await;
            list(&sessions?, terminal);
            Ok(())
        }
        Session::End { id } => {
            Office::with(&context.whereabouts, async |office| office.end_session(&id).await).await?;
            terminal.note("ended; what it was doing was cut");
            Ok(())
        }
    }
}

async fn log_in(
    user: &Username,
    password_file: Option<&Path>,
    otp_file: Option<&Path>,
    context: &Context,
) -> Result<(), Failure> {
    let client = server(&context.whereabouts, Client::new)?;
    let password = prompt::secret("password", password_file)?;
    let otp = prompt::secret("one-time code", otp_file)?;
    let body = json!({"username": user.as_str(), "password": password.expose(), "otp": otp.expose().trim()});
    let answer = client.ask(Method::POST, "/admin/v1/login", Some(&body)).await.map_err(|failure| match failure {
        Failure::Denied(_) => Failure::denied("the user name, password or one-time code was not accepted"),
        other => other,
    })?;
    let text = |key: &str| answer[key].as_str().map(str::to_owned).ok_or(key.to_owned());
    let saved = Saved {
        token: text("token").doing("the server's answer lacks")?,
        user: user.to_string(),
        absolute_expires: text("absolute_expires").doing("the server's answer lacks")?,
    };
    client.save(&saved)?;
    if context.terminal.json {
        let shown = json!({"session": answer["session"], "user": answer["user"],
            "idle_expires": answer["idle_expires"], "absolute_expires": answer["absolute_expires"]});
        context.terminal.json(shown);
    } else {
        context.terminal.note(format!("logged in as {user} until {} at the latest", saved.absolute_expires));
    }
    Ok(())
}

async fn log_out(context: &Context) -> Result<(), Failure> {
    let client = server(&context.whereabouts, Client::saved)?;
    let done = client.ask(Method::POST, "/admin/v1/logout", None).await;
    // Forgotten here whatever the server says: it may have ended the session long ago.
    client.forget()?;
    done?;
    context.terminal.note("logged out");
    Ok(())
}

/// A client of the server that runs on this directory.
fn server(
    whereabouts: &Whereabouts,
    make: fn(&config::Settings, std::net::SocketAddr) -> Result<Client, Failure>,
) -> Result<Client, Failure> {
    let settings = config::load(whereabouts)?;
    match lock::take(&settings.layout)? {
        Holder::Server(at) => make(&settings, at),
        _ => Err(Failure::error("no server runs on this data directory: start it with `medlock serve`")),
    }
}

fn list(sessions: &[SessionView], terminal: Terminal) {
    if terminal.json {
        terminal.json(json!({"sessions": sessions}));
        return;
    }
    let row =
        |s: &SessionView| vec![s.id.clone(), s.user.clone(), s.created.clone(), s.last_seen.clone(), s.expires.clone()];
    let head = ["ID", "USER", "SINCE", "LAST SEEN", "ENDS"];
    terminal.table(&head, &sessions.iter().map(row).collect::<Vec<_>>());
}
