//! `medlock token`: API keys.

use super::Context;
use crate::admin::{KeyView, MadeKey, NewKeyAsk, Office};
use crate::cli::Token;
use crate::failure::Failure;
use crate::terminal::Terminal;
use serde_json::json;

pub(crate) async fn run(verb: Token, context: &Context) -> Result<(), Failure> {
    Office::with(&context.whereabouts, async |office| act(verb, office, context.terminal).await).await
}

async fn act(verb: Token, office: &Office, terminal: Terminal) -> Result<(), Failure> {
    match verb {
        Token::Create { name, owner, roles, purposes, models, networks, bound_to, days } => {
            let owner = match owner {
                Some(owner) => Some(office.find(&owner).await?),
                None => None,
            };
            let made =
                office.make_key(NewKeyAsk { name, owner, roles, purposes, models, networks, bound_to, days }).await?;
            shown(&made, terminal);
        }
        Token::Rotate { id, overlap_hours } => {
            shown(&office.rotate_key(&id, overlap_hours).await?, terminal);
            terminal.note(format!("{id} goes on for {overlap_hours} hours at most"));
        }
        Token::List => list(&office.keys().await?, terminal),
        Token::Revoke { id } => {
            office.revoke_key(&id).await?;
            terminal.note("revoked; what it was doing was cut");
        }
    }
    Ok(())
}

fn shown(made: &MadeKey, terminal: Terminal) {
    if terminal.json {
        terminal.json(json!({"id": made.id, "key": made.key, "expires": made.expires}));
    } else if let Some(key) = &made.key {
        terminal.note(format!("{} until {}; the key, shown this once:", made.id, made.expires));
        terminal.out(key.as_str());
    } else {
        terminal.note(format!("{} until {}; it has no secret of ours", made.id, made.expires));
    }
}

fn list(keys: &[KeyView], terminal: Terminal) {
    if terminal.json {
        terminal.json(json!({"keys": keys}));
        return;
    }
    let row = |k: &KeyView| {
        let ends = k.revoked.as_ref().map_or(k.expires.clone(), |at| format!("revoked {at}"));
        let used = k.last_used.clone().unwrap_or_else(|| "never".to_owned());
        vec![k.id.clone(), k.name.clone(), k.owner.clone(), k.roles.join(","), k.purposes.join(","), ends, used]
    };
    let head = ["ID", "NAME", "OWNER", "ROLES", "PURPOSES", "EXPIRES", "LAST USED"];
    terminal.table(&head, &keys.iter().map(row).collect::<Vec<_>>());
}
