//! What the front door and the guarded path say to each other about one request. The path runs
//! detached: a client that hangs up ends the work, never the record.

use crate::chat::Chat;
use crate::generate::{Finish, Usage};
use crate::release::Released;
use medlock_auth::Principal;
use medlock_domain::{
    ClassCounts, EmergencyId, NetworkSource, PatientRef, PhiText, ProtectionMode, Purpose, RequestId, Timestamp,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// A request as it arrived: authenticated and within the size limit, not parsed yet.
pub struct Arrival {
    /// Its id.
    pub request: RequestId,
    /// Who asks.
    pub principal: Principal,
    /// The bytes of the body.
    pub body: Zeroizing<Vec<u8>>,
    /// From where.
    pub from: NetworkSource,
    /// Whom the caller says it is about.
    pub patient: Option<PatientRef>,
    /// What the caller says it is for; chosen among what it may.
    pub purpose: Option<Purpose>,
    /// The weakest protection that the caller accepts: it may only tighten.
    pub at_least: Option<ProtectionMode>,
}

/// What parsing makes of the body.
pub struct Parsed {
    /// The request, every text in its place.
    pub chat: Chat<PhiText>,
    /// Whether the answer is wanted piece by piece.
    pub stream: bool,
}

/// Why a request goes no further, in words that carry nobody's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub code: RefusalCode,
    /// For the caller, with what to do about it.
    pub message: String,
    /// The parameter at fault, by its documented name.
    pub param: Option<String>,
}

impl Refusal {
    /// A refusal that no parameter is to blame for.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None }
    }

    /// Names the parameter at fault.
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

/// The published codes of refusals (`docs/ERRORS.md`): none is removed or reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "as_str says it; the meaning is in docs/ERRORS.md")]
pub enum RefusalCode {
    InvalidJson,
    InvalidValue,
    UnsupportedField,
    UnsupportedValue,
    ContextLengthExceeded,
    PurposeRequired,
    PhiBlockedInput,
    PhiBlockedOutput,
    PatientMismatch,
    PolicyDenied,
    PatientScopeRequired,
    BreakGlassRequired,
    MfaRequired,
    ModelNotFound,
    PermitEnded,
    AuditUnavailable,
    DetectorUnavailable,
    ModelUnavailable,
    Capacity { retry_after_s: u32 },
    ClientGone,
    Internal,
}

impl RefusalCode {
    /// The code in error bodies and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidValue => "invalid_value",
            Self::UnsupportedField => "unsupported_field",
            Self::UnsupportedValue => "unsupported_value",
            Self::ContextLengthExceeded => "context_length_exceeded",
            Self::PurposeRequired => "purpose_required",
            Self::PhiBlockedInput => "phi_blocked_input",
            Self::PhiBlockedOutput => "phi_blocked_output",
            Self::PatientMismatch => "patient_mismatch",
            Self::PolicyDenied => "policy_denied",
            Self::PatientScopeRequired => "patient_scope_required",
            Self::BreakGlassRequired => "break_glass_required",
            Self::MfaRequired => "mfa_required",
            Self::ModelNotFound => "model_not_found",
            Self::PermitEnded => "permit_ended",
            Self::AuditUnavailable => "audit_unavailable",
            Self::DetectorUnavailable => "detector_unavailable",
            Self::ModelUnavailable => "model_unavailable",
            Self::Capacity { .. } => "capacity",
            Self::ClientGone => "client_gone",
            Self::Internal => "internal_error",
        }
    }
}

/// What is known before the first piece of the answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// The opaque id of the request's record.
    pub receipt: String,
    /// What was found in the request, by class.
    pub findings: ClassCounts,
    /// How it was protected.
    pub mode: ProtectionMode,
    /// Whether the texts are about the patient that the caller declared, if any was: `same`, `other`, or
    /// `not_found` when they name none.
    pub patient: Option<&'static str>,
    /// The emergency access that it was permitted under, and until when it holds at most.
    pub emergency: Option<(EmergencyId, Timestamp)>,
}

/// One step of the answer.
#[derive(Debug)]
pub enum Event {
    /// More of a choice.
    Text {
        /// Which choice.
        choice: u32,
        /// Recorded, so free to go.
        text: Released,
    },
    /// A whole call of a tool.
    ToolCall {
        /// Which choice.
        choice: u32,
        /// The function.
        name: Released,
        /// JSON text.
        arguments: Released,
    },
    /// A choice has ended.
    Done {
        /// Which choice.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// All choices have ended.
    End {
        /// Tokens.
        usage: Usage,
        /// Identifiers that the model said and the filter took out, by class.
        removed: ClassCounts,
    },
    /// It broke off.
    Failed(Refusal),
}

/// One request on its way along the guarded path.
pub struct Exchange {
    /// Comes once: the request was let in, or why not.
    pub head: oneshot::Receiver<Result<Head, Refusal>>,
    /// The answer. Dropping it ends the work.
    pub events: mpsc::Receiver<Event>,
    /// To be held by whatever writes the answer, until it has.
    pub delivery: Delivery,
}

/// Says, when it is dropped, how much of the answer was handed to the socket and whether all of it
/// was.
#[derive(Debug)]
pub struct Delivery {
    tally: Arc<Tally>,
    _dropped: oneshot::Sender<std::convert::Infallible>,
}

#[derive(Debug, Default)]
struct Tally {
    bytes: AtomicU64,
    clean: AtomicBool,
}

impl Delivery {
    pub(crate) fn new() -> (Self, Delivered) {
        let tally = Arc::new(Tally::default());
        let (tx, rx) = oneshot::channel();
        (Self { tally: tally.clone(), _dropped: tx }, Delivered { tally, dropped: rx })
    }

    /// So many more bytes of answer text went to the socket.
    pub fn wrote(&self, bytes: usize) {
        self.tally.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The answer was written to its end.
    pub fn finished(&self) {
        self.tally.clean.store(true, Ordering::Relaxed);
    }
}

/// The other end of a [`Delivery`].
pub(crate) struct Delivered {
    tally: Arc<Tally>,
    dropped: oneshot::Receiver<std::convert::Infallible>,
}

impl Delivered {
    /// Waits until the writer is done or gone: (bytes written, all of it).
    pub(crate) async fn report(self) -> (u64, bool) {
        let _closed = self.dropped.await;
        (self.tally.bytes.load(Ordering::Relaxed), self.tally.clean.load(Ordering::Relaxed))
    }
}
