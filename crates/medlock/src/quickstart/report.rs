//! What the demonstration prints.

use super::evidence::Evidence;
use super::{Answer, Demo};
use crate::columns::{beside, section};
use crate::show;
use crate::terminal::Terminal;
use medlock_audit::Fact;
use medlock_audit::read::StoredEntry;
use medlock_keys::digest::hex;
use serde_json::{Value, json};

const HELLO: &str = "Write a greeting to Jane Roe.";

/// The whole demonstration.
pub(super) fn print(terminal: Terminal, answer: &Answer, evidence: &Evidence) {
    beside(terminal, ("WHAT THE CLIENT SENT", &evidence.client_sent), ("WHAT THE MODEL SAW", &evidence.model_saw));
    beside(terminal, ("WHAT THE MODEL SAID", &evidence.model_said), ("WHAT THE CLIENT GOT", &answer.text));
    section(terminal, "THE AUDIT RECORD", &records(answer, evidence));
}

/// What is shown once.
pub(super) fn administrator(terminal: Terminal, demo: &Demo) {
    let Some(admin) = &demo.administrator else { return };
    section(terminal, "THE FIRST ADMINISTRATOR, SHOWN THIS ONCE", "");
    terminal.out(format!("  user      {}", admin.username));
    terminal.out(format!("  password  {}", admin.password.expose()));
    show::factor(terminal, &admin.factor.otpauth_url, &admin.factor.secret, &admin.factor.codes());
}

fn records(answer: &Answer, evidence: &Evidence) -> String {
    let Evidence { entries, proof, report, name, .. } = evidence;
    let actor = entries.first().map(|e| e.actor.to_string()).unwrap_or_default();
    let lines: Vec<String> = entries.iter().map(brief).collect();
    format!(
        "request   {}\nreceipt   {}\nwho       {actor}\nfound     {}\n\n{}\n\n\
         What was sent, seen and said was read out of the sealed content above with the reading key; the server itself \
         cannot open it.\n\
         Inclusion proof of entry {}: VERIFIED, {} hashes from the leaf to the root of {} entries,\n  {}\n  \
         signed by {}\n\
         Whole log: INTACT, {} entries, {} of them with sealed content.",
        answer.request,
        answer.receipt,
        answer.findings,
        lines.join("\n"),
        proof.index,
        proof.path.len(),
        proof.size,
        hex(&proof.root),
        name.origin(),
        report.size,
        report.contents,
    )
}

/// An entry for people who see one for the first time: digests shortened.
fn brief(entry: &StoredEntry) -> String {
    let fact = |(key, fact): (&str, &Fact)| match fact {
        Fact::Digest(d) => format!("{key}={}…", hex(&d[..4])),
        other => format!("{key}={other}"),
    };
    let facts: Vec<String> = entry.facts.iter().map(fact).collect();
    let sealed = entry.content.as_ref().map(|c| format!("\n        {} bytes of content, sealed", c.len()));
    format!(
        "{:>4}  {}  {}, {}\n        {}{}",
        entry.index,
        entry.time.rfc3339(),
        entry.kind,
        entry.outcome,
        facts.join(" "),
        sealed.unwrap_or_default(),
    )
}

/// What to do next.
pub(super) fn next(terminal: Terminal, demo: &Demo, kept: bool) {
    let Demo { address, ca, data_dir, model, key, .. } = demo;
    let key = key.as_str();
    let start = if kept {
        "The server goes on until Ctrl-C.".to_owned()
    } else {
        format!("Start the server:\n\n  medlock serve --data-dir {data_dir}")
    };
    section(
        terminal,
        "WHAT TO DO NEXT",
        &format!("{start}\n\nAsk it with curl (this demonstration key ends in an hour):\n"),
    );
    let body = format!("{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"{HELLO}\"}}]}}");
    // Not wrapped: it is to be copied.
    for line in [
        format!("curl --cacert {ca} https://{address}/v1/chat/completions \\"),
        format!("  -H 'Authorization: Bearer {key}' \\"),
        format!("  -H 'Content-Type: application/json' -d '{body}'"),
        "\nOr with the openai package for Python:\n".to_owned(),
        "import openai, ssl".to_owned(),
        format!("trust = ssl.create_default_context(cafile=\"{ca}\")"),
        "client = openai.OpenAI(".to_owned(),
        format!("    base_url=\"https://{address}/v1\", http_client=openai.DefaultHttpxClient(verify=trust),"),
        format!("    api_key=\"{key}\")"),
        format!("answer = client.chat.completions.create(model=\"{model}\","),
        format!("    messages=[{{\"role\": \"user\", \"content\": \"{HELLO}\"}}])"),
        "print(answer.choices[0].message.content)".to_owned(),
    ] {
        terminal.out(line);
    }
    terminal.out("\nLog in as the administrator and look around:\n");
    for verb in ["session login admin", "user list", "token list", "audit verify", "key status"] {
        terminal.out(format!("  medlock {verb} --data-dir {data_dir}"));
    }
    terminal.out("\nThe model is a small one, to show that everything around it works: do not rely on its answers.");
}

/// The same for programs.
pub(super) fn as_json(demo: &Demo, answer: &Answer, evidence: &Evidence) -> Value {
    json!({
        "address": demo.address.to_string(),
        "ca": demo.ca,
        "api_key": demo.key.as_str(),
        "administrator": demo.administrator.as_ref().map(|a| json!({
            "username": a.username, "password": a.password.expose(), "totp_secret": a.factor.secret.as_str(),
            "otpauth_url": a.factor.otpauth_url.as_str(), "recovery_codes": a.factor.codes(),
        })),
        "client_sent": evidence.client_sent,
        "model_saw": evidence.model_saw,
        "model_said": evidence.model_said,
        "client_got": answer.text,
        "request": answer.request.as_str(),
        "receipt": answer.receipt,
        "findings": answer.findings,
        "proof": {"index": evidence.proof.index, "size": evidence.proof.size, "root": hex(&evidence.proof.root),
                  "path": evidence.proof.path.iter().map(|h| hex(h)).collect::<Vec<_>>(), "verified": true,
                  "checkpoint": evidence.proof.checkpoint},
        "log": {"intact": true, "entries": evidence.report.size},
    })
}
