//! One request along the guarded path.

use crate::chat::{Chat, Position};
use crate::content_keys::ContentKeys;
use crate::exchange::{Arrival, Delivered, Delivery, Event, Exchange, Head, Parsed, Refusal, RefusalCode};
use crate::generate::{Finish, GenerateError, Generator, ModelCard, Piece, Usage};
use crate::outlet::Outlet;
use crate::patients::{self, Agreement, OnOtherPatient, Patients};
use crate::record::{Decided, Recorder};
use crate::relationships::{Relationships, relation};
use crate::release::Window;
use futures_util::FutureExt;
use medlock_audit::Log;
use medlock_auth::{Ask, Auth, ChatAction, DenyCode, Permit, Principal};
use medlock_deid::{BlockedOutput, Detector, NotProtected, OnLeak, ProtectedText, Searched, Surrogates, protect_all};
use medlock_domain::{ClassCounts, PatientRef, PhiClass, PhiText};
use medlock_keys::digest::{Digest, hmac_sha256, sha256};
use medlock_model::{Asker, Times};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::RuntimeFlavor;
use tokio::sync::{mpsc, oneshot, watch};

/// A client that takes nothing for so long has gone away.
const STALLED: Duration = Duration::from_secs(30);
/// Texts longer than this in all are searched off the async threads.
const LARGE: usize = 32 << 10;

/// The guarded path. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    auth: Auth,
    log: Log,
    generator: Arc<dyn Generator>,
    detector: &'static Detector,
    /// The digest of everything that the detector decides by.
    rules: OnceLock<Digest>,
    keys: ContentKeys,
    relationships: Option<Arc<dyn Relationships>>,
    safe: Rules,
    /// What askers are told apart by; of this process alone.
    askers: [u8; 32],
    /// Requests under way.
    running: watch::Sender<usize>,
}

/// What the operator decided.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// When the model says an identifier that is not the request's.
    pub on_leak: OnLeak,
    /// When the texts name another patient than the one declared.
    pub on_other_patient: OnOtherPatient,
}

/// Whether requests can be served, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The audit log can be written.
    pub audit: bool,
    /// A verified model answers.
    pub model: bool,
}

impl Guard {
    /// Puts the parts together.
    pub fn new(
        auth: Auth,
        log: Log,
        generator: Arc<dyn Generator>,
        detector: &'static Detector,
        keys: ContentKeys,
        relationships: Option<Arc<dyn Relationships>>,
        safe: Rules,
    ) -> Self {
        let (rules, running) = (OnceLock::new(), watch::Sender::new(0));
        let askers = medlock_keys::random::bytes();
        Self(Arc::new(Inner { auth, log, generator, detector, rules, keys, relationships, safe, askers, running }))
    }

    /// Whether requests can be served.
    pub fn ready(&self) -> Readiness {
        Readiness { audit: self.0.log.healthy(), model: self.0.generator.ready() }
    }

    /// Requests that wait for the model, requests that are being answered, and engines that are up, where there are any.
    pub fn load(&self) -> Option<(usize, usize, usize)> {
        self.0.generator.load()
    }

    /// The models that `principal` may use for something.
    pub fn models(&self, principal: &Principal) -> Vec<ModelCard> {
        let may = |card: &ModelCard| self.0.auth.may_use(principal, &card.name, card.local);
        self.0.generator.models().into_iter().filter(may).collect()
    }

    /// Waits until every request under way has its closing record. To be called at a stop, after the
    /// front door has closed and before the log is.
    pub async fn idle(&self) {
        let mut running = self.0.running.subscribe();
        let _the_sender_lives_in_self = running.wait_for(|n| *n == 0).await;
    }

    /// Sets a request on its way. `parse` is called after the arrival has been recorded.
    pub fn start(
        &self,
        arrival: Arrival,
        parse: impl FnOnce(&[u8]) -> Result<Parsed, Refusal> + Send + 'static,
    ) -> Exchange {
        let (head_tx, head) = oneshot::channel();
        let (events_tx, events) = mpsc::channel(4);
        let (delivery, delivered) = Delivery::new();
        let running = Running::one(self.0.clone());
        tokio::spawn(async move { running.0.drive(arrival, parse, head_tx, events_tx, delivered).await });
        Exchange { head, events, delivery }
    }
}

/// One request under way, counted until it is dropped, whatever ends it.
struct Running(Arc<Inner>);

impl Running {
    fn one(inner: Arc<Inner>) -> Self {
        inner.running.send_modify(|n| *n += 1);
        Self(inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.send_modify(|n| *n -= 1);
    }
}

/// What the way of a request shares between its steps.
struct Way {
    recorder: Recorder,
    events: mpsc::Sender<Event>,
    /// Taken when the first answer goes out.
    head: Option<oneshot::Sender<Result<Head, Refusal>>>,
}

impl Inner {
    async fn drive(
        &self,
        arrival: Arrival,
        parse: impl FnOnce(&[u8]) -> Result<Parsed, Refusal>,
        head: oneshot::Sender<Result<Head, Refusal>>,
        events: mpsc::Sender<Event>,
        delivered: Delivered,
    ) {
        // A crash before this leaves nothing but, at most, a random id for a declared patient. A crash after it leaves an
        // open record without a close, which says that a request came and how long it was.
        let Some(recorder) = self.open(&arrival).await else {
            let _gone = head.send(Err(audit_unavailable()));
            return;
        };
        let mut way = Way { recorder, events, head: Some(head) };
        let passed = AssertUnwindSafe(self.pass(arrival, parse, &mut way)).catch_unwind().await;
        let refusal = match passed {
            Ok(Ok(())) => None,
            Ok(Err(refusal)) => Some(refusal),
            Err(_panic) => Some(Refusal::new(RefusalCode::Internal, "the request failed inside the server")),
        };
        let Way { recorder, events, head } = way;
        match (refusal, head) {
            // Refused before anything was released: the record first, then the answer.
            (Some(refusal), Some(head)) => {
                let refusal = match recorder.refused(&refusal).await {
                    Ok(()) => refusal,
                    Err(_) => audit_unavailable(),
                };
                let _gone = head.send(Err(refusal));
            }
            (refusal, _) => {
                if let Some(refusal) = &refusal {
                    let _gone = tokio::time::timeout(STALLED, events.send(Event::Failed(refusal.clone()))).await;
                }
                drop(events);
                let (written, clean) = delivered.report().await;
                recorder.close(refusal.as_ref(), written, clean).await;
            }
        }
    }

    /// The arrival's record, sealed under the keys of those whom it concerns. `None` when it could not be made.
    async fn open(&self, arrival: &Arrival) -> Option<Recorder> {
        let holders = self.keys.of(arrival.principal.user(), arrival.patient.as_ref(), self.auth.now()).await;
        let holders = holders.inspect_err(|e| tracing::error!(error = %e, "no key to seal a record under")).ok()?;
        Recorder::open(self.log.clone(), arrival, holders).await.ok()
    }

    async fn pass(
        &self,
        arrival: Arrival,
        parse: impl FnOnce(&[u8]) -> Result<Parsed, Refusal>,
        way: &mut Way,
    ) -> Result<(), Refusal> {
        let Parsed { chat, stream } = parse(&arrival.body)?;
        let (permit, card) = self.permit(&arrival, &mut way.recorder, &chat).await?;
        let declared = arrival.patient.clone();
        let asker = self.asker(&arrival);
        drop(arrival);
        let (sampling_n, json) = (chat.sampling.n, chat.response_format.is_some());
        let guarded = protect(self.detector, chat, &permit).await?;
        let patients = Patients::of(declared, guarded.patients, &self.keys, self.auth.now()).await.map_err(|e| {
            tracing::error!(error = %e, "no id for a patient");
            audit_unavailable()
        })?;
        let agreement = patients.agreement();
        way.recorder.about(patients);
        if agreement == Some(Agreement::Other) && self.safe.on_other_patient == OnOtherPatient::Deny {
            return Err(Refusal::new(
                RefusalCode::PatientMismatch,
                "the request names another patient than the x-medlock-patient header, which policy denies",
            ));
        }
        let rules = self.rules.get_or_init(|| sha256(&self.detector.rule_bytes().collect::<Vec<_>>()));
        let decided = Decided { policy: self.auth.policy_digest(), detector: self.detector.version(), rules: *rules };
        let recorded = way.recorder.permitted(&permit, &card, &guarded.safe, &guarded.report, &decided);
        let pieces = if card.local {
            // The record is ahead of everything that can be released, in the same queue: waiting
            // for it here would only add a commit to the time to first token.
            let (recorded, pieces) = tokio::join!(recorded, self.generator.generate(guarded.safe, asker));
            recorded.map_err(|_| audit_unavailable())?;
            pieces
        } else {
            recorded.await.map_err(|_| audit_unavailable())?;
            self.generator.generate(guarded.safe, asker).await
        };
        let pieces = pieces.map_err(|e| generate_refusal(&e))?;
        let outlet =
            Outlet::new(self.detector, &guarded.surrogates, self.safe.on_leak, permit.may_restore(), json, sampling_n);
        let head = Head {
            receipt: way.recorder.receipt().to_string(),
            findings: guarded.report.counts,
            mode: permit.mode(),
            patient: agreement.map(Agreement::as_str),
            emergency: permit.emergency().map(|id| (id.clone(), permit.deadline())),
        };
        Answer { inner: self, way, permit, outlet, stream, usage: Usage::default(), head: Some(head) }.run(pieces).await
    }

    /// On whose behalf it is generated: requests of one principal about one patient (or about nobody in particular) may share
    /// a context, and no others. From what was authenticated and declared, never from a text.
    fn asker(&self, arrival: &Arrival) -> Asker {
        let number = |what: &[u8], of: &str| {
            let mac = hmac_sha256(&self.askers, &[what, &(of.len() as u64).to_be_bytes(), of.as_bytes()]);
            u64::from_be_bytes(std::array::from_fn(|i| mac[i]))
        };
        let who = arrival.principal.actor().to_string();
        let patient = arrival.patient.as_ref().map(PatientRef::canonical).unwrap_or_default();
        let scope = number(b"scope", &format!("{who} {patient}"));
        Asker { owner: number(b"owner", &who), scope: Some(scope) }
    }

    async fn permit(
        &self,
        arrival: &Arrival,
        recorder: &mut Recorder,
        chat: &Chat<PhiText>,
    ) -> Result<(Permit, ModelCard), Refusal> {
        let not_found = || {
            Refusal::new(RefusalCode::ModelNotFound, "no model of that name can be used with this credential")
                .param("model")
        };
        let card = self.generator.models().into_iter().find(|c| c.name == chat.model).ok_or_else(not_found)?;
        let ask = Ask {
            action: ChatAction::Chat,
            model: card.name.clone(),
            model_local: card.local,
            purpose: arrival.purpose,
            at_least: arrival.at_least,
            patient: recorder.declared().cloned(),
            relation: relation(self.relationships.as_deref(), &self.auth, &arrival.principal, arrival.patient.as_ref())
                .await,
        };
        recorder.asked(self.auth.asked(&arrival.principal, &ask));
        let permit = self.auth.authorize(&arrival.principal, &ask).map_err(|denied| match denied.code {
            DenyCode::ModelNotAllowed => not_found(),
            DenyCode::MfaRequired => {
                Refusal::new(RefusalCode::MfaRequired, "log in with a second factor to do this")
            }
            DenyCode::PatientScopeRequired => Refusal::new(
                RefusalCode::PatientScopeRequired,
                "declare with the x-medlock-patient header a patient whom you treat; in an emergency, declare that \
                 (POST /admin/v1/break-glass)",
            ),
            DenyCode::BreakGlassRequired => Refusal::new(
                RefusalCode::BreakGlassRequired,
                "the purpose emergency needs emergency access that covers this patient: POST /admin/v1/break-glass, or \
                 `medlock break-glass open`",
            ),
            DenyCode::PurposeRequired => Refusal::new(
                RefusalCode::PurposeRequired,
                "say what the request is for: set the x-medlock-purpose header to one of the purposes of this credential",
            ),
            _ => Refusal::new(RefusalCode::PolicyDenied, "policy does not allow this request"),
        })?;
        Ok((permit, card))
    }
}

/// A request with its texts protected.
struct Guarded {
    safe: Chat<ProtectedText>,
    surrogates: Surrogates,
    report: Inspection,
    /// The patients whose record numbers were found, each once, in order.
    patients: Vec<PatientRef>,
}

/// What was looked at and what was found: counts only.
#[derive(Default)]
pub(crate) struct Inspection {
    pub(crate) counts: ClassCounts,
    pub(crate) inspected: Vec<(Position, Seen)>,
}

/// What was looked at in one position.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) texts: u32,
    pub(crate) counts: ClassCounts,
}

impl Inspection {
    /// Takes in a text that was searched: without the proof that it was, nothing is counted.
    fn take(&mut self, position: Position, searched: &Searched) {
        self.counts.merge(searched.counts());
        let at = self.inspected.iter().position(|(p, _)| *p == position).unwrap_or_else(|| {
            self.inspected.push((position, Seen::default()));
            self.inspected.len() - 1
        });
        let seen = &mut self.inspected[at].1;
        seen.texts += 1;
        seen.counts.merge(searched.counts());
    }
}

async fn protect(detector: &'static Detector, chat: Chat<PhiText>, permit: &Permit) -> Result<Guarded, Refusal> {
    let protection = permit.protection();
    let texts = chat.texts();
    let large = texts.iter().map(|t| t.text.expose().len()).sum::<usize>() > LARGE;
    let work = move || {
        let positions: Vec<Position> = texts.iter().map(|placed| placed.position).collect();
        let inputs = texts
            .into_iter()
            .map(|placed| medlock_deid::Input { cue: placed.key, text: placed.text, name: placed.name })
            .collect();
        let protected =
            protect_all(detector, protection, inputs, &mut medlock_keys::random::fill).map_err(|e| match e {
                NotProtected::Blocked(counts) => Refusal::new(
                    RefusalCode::PhiBlockedInput,
                    format!("the request holds identifiers, which policy blocks: {counts}"),
                ),
                NotProtected::Unsearched(_) => unsearched(),
            })?;
        let lost = || Refusal::new(RefusalCode::Internal, "protection lost a text; nothing was passed on");
        if protected.searched.len() != positions.len() {
            return Err(lost());
        }
        let mut report = Inspection::default();
        positions.into_iter().zip(&protected.searched).for_each(|(position, searched)| report.take(position, searched));
        let numbered = protected.findings.iter().flatten().any(|f| f.class == PhiClass::Mrn);
        // Protecting took the texts; those that it was given are needed rarely.
        let patients = if numbered { patients::found(&chat.texts(), &protected.findings) } else { Vec::new() };
        let safe = chat.rebuild(protected.texts).ok_or_else(lost)?;
        Ok(Guarded { safe, surrogates: protected.surrogates, report, patients })
    };
    if !large && !detector.is_fallible() {
        return work();
    }
    let failed = |_| Err(Refusal::new(RefusalCode::Internal, "protection failed; nothing was passed on"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
}

/// The answer while it is made.
struct Answer<'a> {
    inner: &'a Inner,
    way: &'a mut Way,
    permit: Permit,
    outlet: Outlet,
    stream: bool,
    usage: Usage,
    head: Option<Head>,
}

impl Answer<'_> {
    async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) -> Result<(), Refusal> {
        let result = self.pieces(&mut pieces).await;
        // Whatever happened, what the model said belongs in the sealed record.
        self.way.recorder.said(self.outlet.said(), self.usage, self.outlet.removed().clone());
        result
    }

    async fn pieces(&mut self, pieces: &mut mpsc::Receiver<Piece>) -> Result<(), Refusal> {
        let mut open: Vec<bool> = Vec::new();
        while let Some(piece) = self.next(pieces).await? {
            let at = match &piece {
                Piece::Text { choice, .. } | Piece::ToolCall { choice, .. } | Piece::Done { choice, .. } => *choice,
                Piece::Failed(error) => return Err(generate_refusal(error)),
            };
            if open.len() <= at as usize {
                open.resize(at as usize + 1, true);
            }
            if !open[at as usize] {
                continue; // blocked already
            }
            match self.step(piece).await {
                Ok(ended) => open[at as usize] = !ended,
                Err(Stop::Blocked(class)) if self.head.is_some() && !self.stream => {
                    return Err(Refusal::new(
                        RefusalCode::PhiBlockedOutput,
                        format!("the answer held an identifier that was not the request's: {class}"),
                    ));
                }
                Err(Stop::Blocked(_)) => {
                    self.outlet.shut(at);
                    open[at as usize] = false;
                    self.way.recorder.finish(Finish::ContentFilter);
                    self.send(Event::Done { choice: at, finish: Finish::ContentFilter }).await?;
                }
                Err(Stop::Refused(refusal)) => return Err(refusal),
            }
        }
        if open.is_empty() || open.contains(&true) {
            return Err(generate_refusal(&GenerateError::Down)); // it ended without a word
        }
        self.send(Event::End { usage: self.usage, removed: self.outlet.removed().clone() }).await
    }

    /// The next piece, or an end to it when nobody listens any more.
    async fn next(&mut self, pieces: &mut mpsc::Receiver<Piece>) -> Result<Option<Piece>, Refusal> {
        tokio::select! {
            biased;
            () = self.way.events.closed() => Err(gone()),
            piece = pieces.recv() => Ok(piece),
        }
    }

    /// Takes one piece; whether it was its choice's last.
    async fn step(&mut self, piece: Piece) -> Result<bool, Stop> {
        match piece {
            Piece::Text { choice, text } => {
                self.searching(|outlet| outlet.push(choice, text))?;
                if self.stream {
                    self.release(choice).await?;
                }
                Ok(false)
            }
            Piece::ToolCall { choice, name, arguments } => {
                let named = self.permit.restore_tools().iter().any(|t| t == name.expose_unfiltered());
                let name = self.searching(|outlet| outlet.tool_name(&name))?;
                let arguments = self.searching(|outlet| outlet.tool_arguments(&arguments, named))?;
                let name = self.recorded(name).await?;
                let arguments = self.recorded(arguments).await?;
                self.send(Event::ToolCall { choice, name, arguments }).await?;
                Ok(false)
            }
            Piece::Done { choice, finish, usage } => {
                self.usage.prompt_tokens = self.usage.prompt_tokens.max(usage.prompt_tokens);
                self.usage.cached_tokens = self.usage.cached_tokens.max(usage.cached_tokens);
                self.usage.times = match choice {
                    0 => Times { rest: self.usage.times.rest + usage.times.rest, ..usage.times },
                    _ => Times { rest: self.usage.times.rest + usage.times.rest, ..self.usage.times },
                };
                self.usage.completion_tokens += usage.completion_tokens;
                self.searching(|outlet| outlet.finish(choice))?;
                self.release(choice).await?;
                self.way.recorder.finish(finish);
                self.send(Event::Done { choice, finish }).await?;
                Ok(true)
            }
            Piece::Failed(error) => Err(Stop::Refused(generate_refusal(&error))),
        }
    }

    /// Filters. A recognizer takes its time, which other requests on this thread must not wait for.
    fn searching<T>(
        &mut self,
        filter: impl FnOnce(&mut Outlet) -> Result<T, BlockedOutput>,
    ) -> Result<T, BlockedOutput> {
        let many = tokio::runtime::Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        if self.inner.detector.is_fallible() && many {
            return tokio::task::block_in_place(|| filter(&mut self.outlet));
        }
        filter(&mut self.outlet)
    }

    /// Records what is ready of a choice and lets it go.
    async fn release(&mut self, choice: u32) -> Result<(), Refusal> {
        let window = self.outlet.take(choice);
        if window.is_empty() {
            return Ok(());
        }
        let text = self.recorded(window).await?;
        self.send(Event::Text { choice, text }).await
    }

    /// The permit must still hold, and the record must be durable, before text is released.
    async fn recorded(&mut self, window: Window) -> Result<crate::Released, Refusal> {
        self.inner.auth.check(&self.permit).map_err(|_| {
            Refusal::new(
                RefusalCode::PermitEnded,
                "the permit for this request has ended (session, credential or policy changed)",
            )
        })?;
        let receipt = self.way.recorder.release(window.content()).await.map_err(|_| audit_unavailable())?;
        window
            .release(&receipt)
            .ok_or_else(|| Refusal::new(RefusalCode::Internal, "a record did not match its text; nothing was released"))
    }

    async fn send(&mut self, event: Event) -> Result<(), Refusal> {
        if let (Some(head), Some(tx)) = (self.head.take(), self.way.head.take()) {
            tx.send(Ok(head)).map_err(|_| gone())?;
        }
        match tokio::time::timeout(STALLED, self.way.events.send(event)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(gone()),
        }
    }
}

/// Why a step of the answer could not be taken.
enum Stop {
    /// The filter blocked the choice, for an identifier of this class; others may go on.
    Blocked(PhiClass),
    Refused(Refusal),
}

impl From<BlockedOutput> for Stop {
    fn from(blocked: BlockedOutput) -> Self {
        match blocked {
            BlockedOutput::Identifier(class) => Stop::Blocked(class),
            BlockedOutput::Unsearched(_) => Stop::Refused(unsearched()),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

fn gone() -> Refusal {
    Refusal::new(RefusalCode::ClientGone, "the client went away")
}

fn unsearched() -> Refusal {
    Refusal::new(
        RefusalCode::DetectorUnavailable,
        "the text could not be searched for identifiers, so nothing is processed; the operator must look at the recognizer",
    )
}

fn audit_unavailable() -> Refusal {
    Refusal::new(
        RefusalCode::AuditUnavailable,
        "the audit log cannot be written, so nothing is processed; the operator must look at the log's disk",
    )
}

fn generate_refusal(error: &GenerateError) -> Refusal {
    let code = match error {
        GenerateError::NoSuchModel => RefusalCode::ModelNotFound,
        GenerateError::ContextLength { .. } => RefusalCode::ContextLengthExceeded,
        GenerateError::Unsupported(param) | GenerateError::Dishonoured(param, _) => {
            return Refusal::new(RefusalCode::UnsupportedValue, error.to_string()).param(*param);
        }
        GenerateError::Busy(s) => RefusalCode::Capacity { retry_after_s: *s },
        GenerateError::Down => RefusalCode::ModelUnavailable,
    };
    Refusal::new(code, error.to_string())
}
