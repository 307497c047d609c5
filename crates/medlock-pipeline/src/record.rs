//! The records of one request: `open`, `permit`, a `release` for each window, and `close` (or
//! `denied`, which closes too).

use crate::chat::Chat;
use crate::exchange::{Arrival, Refusal, RefusalCode};
use crate::generate::{Finish, ModelCard, Usage};
use crate::guard::Inspection;
use crate::patients::Patients;
use medlock_audit::{Entry, Holder, HolderRole, Kind, Log, Outcome, Receipt, Unavailable};
use medlock_auth::{Asked, Permit};
use medlock_deid::ProtectedText;
use medlock_domain::{Actor, ClassCounts, HolderId, PhiClasses, Protection, RequestId};
use medlock_keys::digest::Digest;
use zeroize::Zeroizing;

/// Writes the records of one request.
pub(crate) struct Recorder {
    log: Log,
    actor: Actor,
    request: RequestId,
    /// Whose keys the content is sealed under.
    holders: Vec<Holder>,
    patients: Patients,
    receipt: String,
    authorised: u64,
    finish: Option<Finish>,
    said: Option<Said>,
    asked: Option<Asked>,
}

/// What decided, by version and digest.
pub(crate) struct Decided<'a> {
    pub(crate) policy: Digest,
    pub(crate) detector: &'a str,
    pub(crate) rules: Digest,
}

struct Said {
    text: Zeroizing<Vec<u8>>,
    usage: Usage,
    removed: ClassCounts,
}

impl Recorder {
    /// The arrival, durable before the body is parsed.
    pub(crate) async fn open(log: Log, arrival: &Arrival, holders: Vec<Holder>) -> Result<Self, Unavailable> {
        let actor = arrival.principal.actor().clone();
        let entry = Entry::new(Kind::Open, actor.clone())
            .request(arrival.request.clone())
            .outcome(Outcome::Pending)
            .int("bytes", arrival.body.len() as i64)
            .word("from", &arrival.from.0.to_string())
            .under(&holders)
            .content(arrival.body.as_slice());
        let receipt = log.append(entry).await?.id().to_string();
        let (request, patients) = (arrival.request.clone(), Patients::default());
        Ok(Self {
            log,
            actor,
            request,
            holders,
            patients,
            receipt,
            authorised: 0,
            finish: None,
            said: None,
            asked: None,
        })
    }

    /// Whom the request turned out to be about; in the record of what was decided.
    pub(crate) fn about(&mut self, patients: Patients) {
        self.patients = patients;
    }

    /// What policies were asked; in the record of what was decided.
    pub(crate) fn asked(&mut self, asked: Option<Asked>) {
        self.asked = asked;
    }

    /// The patient that the request declares, as records name them.
    pub(crate) fn declared(&self) -> Option<&HolderId> {
        self.holders.iter().find(|holder| holder.role == HolderRole::Patient).map(|holder| &holder.id)
    }

    /// The opaque id of the arrival's record.
    pub(crate) fn receipt(&self) -> &str {
        &self.receipt
    }

    /// What was decided, inspected and found, and what the model is given.
    pub(crate) fn permitted(
        &self,
        permit: &Permit,
        card: &ModelCard,
        safe: &Chat<ProtectedText>,
        report: &Inspection,
        decided: &Decided<'_>,
    ) -> impl Future<Output = Result<Receipt, Unavailable>> + use<> {
        let mut entry = self
            .with_asked(self.entry(Kind::Permit))
            .outcome(Outcome::Ok)
            .word("purpose", permit.purpose().as_str())
            .word("mode", permit.mode().as_str())
            .int("restores", i64::from(permit.may_restore()))
            .word("policies", &permit.policies().join(","))
            .int("policy_epoch", permit.epoch() as i64)
            .digest("policy", decided.policy)
            .word("detector", decided.detector)
            .digest("rules", decided.rules)
            .int("found", i64::from(report.counts.total()))
            .word("found_classes", &report.counts.to_string())
            .content(as_json(safe, &self.patients).to_string());
        let Protection { identified, restored, .. } = permit.protection();
        if identified != PhiClasses::ALL {
            entry = entry.word("identified_classes", &identified.to_string());
        }
        if permit.may_restore() && restored != PhiClasses::ALL {
            entry = entry.word("restored_classes", &restored.to_string());
        }
        entry = self.patients.note(entry);
        if let Some(emergency) = permit.emergency() {
            entry = entry.word("emergency", emergency.as_str());
        }
        if let Some(digest) = card.digest {
            entry = entry.digest("weights", digest);
        }
        for (position, seen) in &report.inspected {
            entry = entry.int(position.as_str(), i64::from(seen.texts));
            if seen.counts.total() > 0 {
                entry = entry.word(position.found(), &seen.counts.to_string());
            }
        }
        let log = self.log.clone();
        async move { log.append(entry).await }
    }

    /// A window of the answer, durable before it is released.
    pub(crate) async fn release(&mut self, content: Zeroizing<Vec<u8>>) -> Result<Receipt, Unavailable> {
        let bytes = content.len() as u64;
        let entry =
            self.entry(Kind::Release).outcome(Outcome::Ok).int("bytes", bytes as i64).content(content.as_slice());
        let receipt = self.log.append(entry).await?;
        self.authorised += bytes;
        Ok(receipt)
    }

    /// How a choice ended; the last one is what the record says.
    pub(crate) fn finish(&mut self, finish: Finish) {
        self.finish = Some(finish);
    }

    /// What the model said, for the closing record.
    pub(crate) fn said(&mut self, text: Zeroizing<Vec<u8>>, usage: Usage, removed: ClassCounts) {
        self.said = Some(Said { text, usage, removed });
    }

    /// The request was refused and nothing was released: this record closes it.
    pub(crate) async fn refused(self, refusal: &Refusal) -> Result<(), Unavailable> {
        let kind = match refusal.code {
            RefusalCode::ClientGone => Kind::Close,
            _ => Kind::Denied,
        };
        let entry = self.entry(kind).outcome(outcome(Some(refusal))).word("code", refusal.code.as_str());
        self.log.append(self.with_said(self.patients.note(self.with_asked(entry)))).await.map(drop)
    }

    /// The end: what was authorised, how much of it was written, and whether the writer got to the
    /// end. When the log fails here the answer is out already, and the missing close says so.
    pub(crate) async fn close(self, refusal: Option<&Refusal>, written: u64, clean: bool) {
        let mut entry = self
            .entry(Kind::Close)
            .outcome(if clean { outcome(refusal) } else { Outcome::Aborted })
            .int("authorised_bytes", self.authorised as i64)
            .int("written_bytes", written as i64)
            .word("closed", if clean { "clean" } else { "early" });
        if let Some(finish) = self.finish {
            entry = entry.word("finish", finish.as_str());
        }
        if let Some(refusal) = refusal {
            entry = entry.word("code", refusal.code.as_str());
        }
        let entry = self.with_said(entry);
        if self.log.append(entry).await.is_err() {
            tracing::error!(request = %self.request, "the closing record could not be written");
        }
    }

    fn with_asked(&self, entry: Entry) -> Entry {
        let Some(asked) = &self.asked else { return entry };
        let entry = asked.numbers().into_iter().fold(entry, |entry, (name, value)| entry.int(name, value));
        asked.words().iter().fold(entry, |entry, (name, value)| entry.word(name, value))
    }

    fn with_said(&self, entry: Entry) -> Entry {
        let Some(Said { text, usage, removed }) = &self.said else { return entry };
        entry
            .int("prompt_tokens", i64::from(usage.prompt_tokens))
            .int("completion_tokens", i64::from(usage.completion_tokens))
            .int("removed", i64::from(removed.total()))
            .word("removed_classes", &removed.to_string())
            .content(text.as_slice())
    }

    fn entry(&self, kind: Kind) -> Entry {
        Entry::new(kind, self.actor.clone()).request(self.request.clone()).under(&self.holders)
    }
}

fn outcome(refusal: Option<&Refusal>) -> Outcome {
    match refusal.map(|r| r.code) {
        None => Outcome::Ok,
        Some(RefusalCode::ClientGone) => Outcome::Aborted,
        Some(
            RefusalCode::Internal
            | RefusalCode::AuditUnavailable
            | RefusalCode::DetectorUnavailable
            | RefusalCode::ModelUnavailable
            | RefusalCode::Capacity { .. },
        ) => Outcome::Failed,
        Some(_) => Outcome::Denied,
    }
}

/// What the model is given, as people read it in a review, and whom the request is about, which it is not given.
fn as_json(chat: &Chat<ProtectedText>, patients: &Patients) -> serde_json::Value {
    let read = |t: &ProtectedText| t.expose().to_string();
    let messages: Vec<serde_json::Value> = chat
        .messages
        .iter()
        .map(|m| {
            let content: Vec<&str> = m.content.iter().map(ProtectedText::expose).collect();
            let mut value = serde_json::json!({"role": m.role.as_str(), "content": content.join("\n")});
            if let Some(name) = &m.name {
                value["name"] = name.expose().into();
            }
            if !m.tool_calls.is_empty() {
                value["tool_calls"] = m
                    .tool_calls
                    .iter()
                    .map(|c| serde_json::json!({"name": c.name.expose(), "arguments": c.arguments.to_value(&read)}))
                    .collect();
            }
            value
        })
        .collect();
    let mut value = serde_json::json!({ "messages": messages, "patients": patients.sealed() });
    if !chat.tools.is_empty() {
        value["tools"] = chat
            .tools
            .iter()
            .map(|t| {
                serde_json::json!({
                    "name": t.name.expose(),
                    "description": t.description.as_ref().map(read),
                    "parameters": t.parameters.as_ref().map(|p| p.to_value(&read)),
                })
            })
            .collect();
    }
    value
}
