//! What the audit log says about one request: read back out of the sealed content with the reading
//! key, and proven to be in the log. Nothing here is remembered from the time of the request.

use crate::failure::{Doing, Failure};
use crate::layout::Layout;
use medlock_audit::medium::Disk;
use medlock_audit::read::{Reader, StoredEntry, open_content};
use medlock_audit::verify::{Report, verify_log};
use medlock_audit::{Checkpoint, Entry, InclusionProof, Kind, Log, LogName};
use medlock_domain::{Actor, RequestId};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::keyring::load_reading_key;
use medlock_pipeline::ContentKeys;
use serde_json::Value;
use std::time::Duration;

/// What is known of the request afterwards.
pub(super) struct Evidence {
    /// Its records, in order.
    pub(super) entries: Vec<StoredEntry>,
    /// The user's words as they arrived.
    pub(super) client_sent: String,
    /// The messages that the model was given.
    pub(super) model_saw: String,
    /// What it said, before filter and restoring.
    pub(super) model_said: String,
    /// Shows that the first record is in the log, and is checked already.
    pub(super) proof: InclusionProof,
    /// The whole log, checked.
    pub(super) report: Report,
    pub(super) name: LogName,
}

/// Gathers it. That content was read is recorded first.
pub(super) async fn gather(
    layout: &Layout,
    log: &Log,
    keys: &ContentKeys,
    request: &RequestId,
) -> Result<Evidence, Failure> {
    let entries = closed(layout, request).await?;
    let read = Entry::new(Kind::ContentRead, Actor::LocalOperator).request(request.clone()).word("with", "quickstart");
    log.append(read).await.doing("recording that content is read")?;
    let key = load_reading_key(&layout.reading_key()).doing("opening the reading key")?;
    let content = async |kind| content(&entries, kind, &key, keys).await;
    let (received, model_saw) = (content(Kind::Open).await?, content(Kind::Permit).await?);
    let model_said = content(Kind::Close).await?;
    let vkey = std::fs::read_to_string(layout.audit().join("log.vkey")).doing("reading log.vkey")?;
    let name = LogName::parse(&vkey).doing("reading log.vkey")?;
    let first = entries.first().ok_or_else(|| Failure::error("the request left no record"))?;
    let proof = prove(log, first, &name)?;
    let report = verify_log(&Disk::at(&layout.audit()), &name, None).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::denied(format!("the audit log is not intact:\n{}", lines.join("\n")))
    })?;
    let (client_sent, model_saw) = (messages(&received), messages(&model_saw));
    Ok(Evidence { client_sent, model_saw, model_said, proof, report, name, entries })
}

/// The request's records, once its last one is there: it is written after the answer has gone out.
async fn closed(layout: &Layout, request: &RequestId) -> Result<Vec<StoredEntry>, Failure> {
    for _ in 0..100 {
        let reader = Reader::open(&layout.audit()).doing("reading the log")?;
        let entries: Result<Vec<_>, _> =
            reader.filter(|e| e.as_ref().map_or(true, |e| e.request.as_ref() == Some(request))).collect();
        let entries = entries.doing("reading the log")?;
        if entries.iter().any(|e| e.kind == Kind::Close) {
            return Ok(entries);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure::error("the request's record was not closed in time"))
}

async fn content(entries: &[StoredEntry], kind: Kind, key: &ReadingKey, keys: &ContentKeys) -> Result<String, Failure> {
    let entry = entries.iter().find(|e| e.kind == kind && e.content.is_some());
    let entry = entry.ok_or_else(|| Failure::error(format!("the request has no {kind} record with content")))?;
    let share = keys.share(entry).await.doing("reading the keys of the content")?;
    let opened = open_content(entry, key, &share).doing(format!("opening the content of entry {}", entry.index))?;
    Ok(String::from_utf8_lossy(&opened).into_owned())
}

/// A proof that is not only made but checked: leaf to root, and the root's signature.
fn prove(log: &Log, entry: &StoredEntry, name: &LogName) -> Result<InclusionProof, Failure> {
    let proof = log.inclusion_proof(entry.index).doing("proving the record")?;
    let signed = Checkpoint::verify(&proof.checkpoint, name).doing("checking the checkpoint's signature")?;
    if !proof.proves(entry.leaf()) || signed.root != proof.root || signed.size != proof.size {
        return Err(Failure::denied("the inclusion proof does not hold"));
    }
    Ok(proof)
}

/// The user's words among the messages that the model was given.
fn messages(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let said = value["messages"].as_array().into_iter().flatten().filter(|m| m["role"] == "user");
    said.filter_map(|m| m["content"].as_str()).collect::<Vec<_>>().join("\n")
}
