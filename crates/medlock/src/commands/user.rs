//! `medlock user`.

use super::audit_search::time;
use super::{Context, user_leavers, user_recertify, user_review};
use crate::admin::{Factor, Office};
use crate::cli::User;
use crate::failure::Failure;
use crate::prompt;
use crate::show;
use crate::terminal::Terminal;
use serde_json::json;

pub(crate) async fn run(verb: User, context: &Context) -> Result<(), Failure> {
    Office::with(&context.whereabouts, async |office| act(verb, office, context).await).await
}

async fn act(verb: User, office: &Office, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    match verb {
        User::Add { name, roles, password_file } => {
            let password = prompt::new_secret("password", password_file.as_deref())?;
            let made = office.add_user(&name, password, roles).await?;
            if !terminal.json {
                terminal.out(format!("{name} is {}; the second factor, shown this once:", made.id));
            }
            shown(terminal, &made.id, &made.factor);
        }
        User::Review { since } => user_review::run(&since, office, context).await?,
        User::List => list(office, terminal).await?,
        User::Leavers { since } => user_leavers::run(&since, office, terminal).await?,
        User::Recertify(verb) => user_recertify::run(verb, office, terminal).await?,
        User::Disable { user, left } => {
            let left = left.map(|left| time(&left, "--left")).transpose()?;
            office.disable(&office.find(&user).await?, left).await?;
            terminal.note("shut out; their sessions have ended and their keys have stopped");
        }
        User::Enable { user } => {
            office.enable(&office.find(&user).await?).await?;
            terminal.note("let in again");
        }
        User::SetRoles { user, roles } => {
            office.set_roles(&office.find(&user).await?, roles).await?;
            terminal.note("the roles are set; running requests were cut");
        }
        User::ResetFactor { user } => {
            let id = office.find(&user).await?;
            let factor = office.reset_factor(&id).await?;
            shown(terminal, id.as_str(), &factor);
        }
    }
    Ok(())
}

async fn list(office: &Office, terminal: Terminal) -> Result<(), Failure> {
    let users = office.users().await?;
    if terminal.json {
        terminal.json(json!({"users": users}));
        return Ok(());
    }
    let row = |u: &crate::admin::UserView| {
        let factors = match (u.passkeys, u.factor, u.recovery_codes) {
            (0, false, _) => "none".to_owned(),
            (passkeys, _, codes) => format!("{passkeys} passkeys, {codes} recovery codes"),
        };
        vec![u.id.clone(), u.username.clone(), u.roles_now(), u.state.clone(), factors, u.created.clone()]
    };
    terminal.table(&["ID", "NAME", "ROLES", "STATE", "FACTORS", "CREATED"], &users.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn shown(terminal: Terminal, id: &str, factor: &Factor) {
    if terminal.json {
        terminal.json(json!({
            "id": id,
            "otpauth_url": factor.otpauth_url.as_str(),
            "totp_secret": factor.totp_secret.as_str(),
            "recovery_codes": factor.recovery_codes,
        }));
    } else {
        show::factor(terminal, &factor.otpauth_url, &factor.totp_secret, &factor.recovery_codes);
    }
}
