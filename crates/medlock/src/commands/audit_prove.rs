//! `medlock audit prove`, and checking what it printed.

use super::Context;
use super::audit::{directory, name};
use super::audit_show::line;
use crate::failure::{Doing, Failure};
use medlock_audit::read::StoredEntry;
use medlock_audit::{Checkpoint, Error, Hash, InclusionProof, Published};
use medlock_keys::digest::hex;
use medlock_review::to_json;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn run(
    index: Option<u64>,
    since: Option<&Path>,
    dir: Option<PathBuf>,
    context: &Context,
) -> Result<(), Failure> {
    let (dir, terminal) = (directory(dir, context)?, context.terminal);
    let log = Published::open(&dir, None).doing("reading the published log")?;
    let hashes = |path: &[Hash]| path.iter().map(|hash| hex(hash)).collect::<Vec<_>>();
    if let Some(index) = index {
        let (leaf, proof) = log.inclusion(index).map_err(|e| match e {
            Error::NoSuchEntry { size, .. } => Failure::error(format!(
                "the published checkpoint covers {size} entries, so not entry {index}; new entries are published \
                 every ten seconds while a server runs"
            )),
            other => Failure::error(format!("proving the entry: {other}")),
        })?;
        if terminal.json {
            terminal.json(json!({
                "index": index, "size": proof.size, "root": hex(&proof.root), "path": hashes(&proof.path),
                "checkpoint": proof.checkpoint, "entry": hex(&leaf), "tlog_proof": proof.to_text(&leaf),
            }));
        } else {
            terminal.out(proof.to_text(&leaf).trim_end());
        }
        return Ok(());
    }
    let file = since.ok_or_else(|| Failure::error("name an entry, or a checkpoint with --since"))?;
    let old = fs::read_to_string(file).doing(format!("reading {}", file.display()))?;
    let old = Checkpoint::verify(&old, &name(&dir.join("log.vkey"))?)
        .doing(format!("{} is no checkpoint of this log", file.display()))?;
    let proof = log.consistency(old).map_err(|e| match e {
        Error::Forked { .. } => Failure::denied(format!(
            "the log does NOT begin with the {} entries that {} signs: history has been rewritten since",
            old.size,
            file.display()
        )),
        Error::RolledBack { checkpoint, log } => Failure::denied(format!(
            "{} covers {checkpoint} entries, the published log only {log}: the newest have been removed, or an \
             older copy was put back",
            file.display()
        )),
        other => Failure::error(format!("proving that the log has only grown: {other}")),
    })?;
    if terminal.json {
        terminal.json(json!({
            "old_size": old.size, "old_root": hex(&old.root), "size": proof.size, "root": hex(&proof.root),
            "path": hashes(&proof.path), "checkpoint": proof.checkpoint,
        }));
    } else {
        terminal.out(proof.to_text().trim_end());
    }
    Ok(())
}

/// `audit verify --proof`: one entry, its proof and the log's key; the log itself is not needed.
pub(crate) fn check(dir: Option<PathBuf>, vkey: Option<&Path>, file: &Path, context: &Context) -> Result<(), Failure> {
    let name = match vkey {
        Some(vkey) => name(vkey)?,
        None => name(&directory(dir, context)?.join("log.vkey"))?,
    };
    let text = fs::read_to_string(file).doing(format!("reading {}", file.display()))?;
    let fails = |why: String| Failure::denied(format!("{} does NOT hold: {why}", file.display()));
    let (proof, extra) = InclusionProof::parse(&text, &name).map_err(|e| fails(e.to_string()))?;
    let leaf = extra.ok_or_else(|| fails("it does not carry the entry that it is about".to_owned()))?;
    if !proof.proves(&leaf) {
        return Err(fails("the hashes do not lead from the entry to the signed root".to_owned()));
    }
    let entry = StoredEntry::from_leaf(&leaf).doing("reading the entry")?;
    if entry.index != proof.index {
        return Err(fails("the entry says that it stands elsewhere".to_owned()));
    }
    let terminal = context.terminal;
    if terminal.json {
        terminal.json(json!({
            "holds": true, "origin": name.origin(), "index": proof.index, "size": proof.size, "root": hex(&proof.root),
            "kind": entry.kind.as_str(), "time": entry.time.rfc3339(), "id": entry.receipt_id(),
        }));
        return Ok(());
    }
    terminal.out(format!(
        "{} entry {} is in {}, of {} entries",
        terminal.good("proved"),
        proof.index,
        name.origin(),
        proof.size
    ));
    terminal.out(line(&to_json(&entry), terminal));
    Ok(())
}
