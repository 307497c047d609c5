//! The one place where a reason becomes a status. Codes are those of `docs/ERRORS.md`; nothing in
//! an error repeats what a caller sent.

use crate::quota::Over;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use medlock_auth::AuthFailure;
use medlock_domain::RequestId;
use medlock_pipeline::admin::{AdminError, LoginError};
use medlock_pipeline::{Refusal, RefusalCode};
use serde_json::{Value, json};

/// What this crate itself refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpFault {
    NoSuchRoute,
    NoSuchMethod,
    BodyTooLarge { limit: usize },
    BodyBroken,
    BodyEncoded,
    BadHeader { name: &'static str, expected: &'static str },
    UnknownHeader,
    TooManyAttempts { retry_after_s: u32 },
    TooManyRequests,
    CrossSite,
    OverQuota(Over),
}

/// A refusal on its way to the client. Handlers return it; the front door writes it out, because
/// only there the request's id is known, and records it where nobody else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    pub(crate) retry_after_s: Option<u32>,
    /// SDKs try 5xx, 408, 409 and 429 again by themselves, and would send the PHI again.
    pub(crate) may_retry: bool,
    /// A record of it exists already.
    pub(crate) recorded: bool,
    /// SCIM's word for it.
    pub(crate) scim: Option<&'static str>,
}

impl Fault {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            param: None,
            retry_after_s: None,
            may_retry: matches!(status.as_u16(), 429 | 503),
            recorded: false,
            scim: None,
        }
    }

    fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    fn after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    fn recorded(mut self) -> Self {
        self.recorded = true;
        self
    }

    /// A fault of ours.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the request failed inside the server")
    }

    /// The log cannot be written.
    pub(crate) fn audit_unavailable() -> Self {
        let message =
            "the audit log cannot be written, so nothing is processed; the operator must look at the log's disk";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", message).recorded()
    }

    /// No object of that kind.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }

    /// A parameter of an administrative request is wrong.
    pub(crate) fn invalid(param: &str, expected: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_value", format!("{param} must be {expected}")).param(param)
    }

    /// A body that should be a JSON object and is none.
    pub(crate) fn not_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_json", "the body is not a JSON object, or has a key twice")
    }

    /// What a SCIM client sends is wrong, in its own word.
    pub(crate) fn scim(word: &'static str, message: &str) -> Self {
        Self { scim: Some(word), ..Self::new(StatusCode::BAD_REQUEST, "invalid_value", message) }
    }

    /// Because of what is there already.
    pub(crate) fn conflict(mut self) -> Self {
        self.status = StatusCode::CONFLICT;
        self.recorded()
    }

    /// OpenAI's word for the family of an error.
    fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// OpenAI's shape.
    pub(crate) fn body(&self, request: &RequestId) -> Value {
        json!({
            "error": {"message": self.message, "type": self.kind(), "param": self.param, "code": self.code},
            "request_id": request.as_str(),
        })
    }

    /// The whole answer.
    pub(crate) fn render(&self, request: &RequestId) -> Response {
        let mut response = Response::new(self.body(request).to_string().into());
        *response.status_mut() = self.status;
        self.headers(response.headers_mut());
        response
    }

    /// The whole answer, for a SCIM client (RFC 7644, 3.12).
    pub(crate) fn render_scim(&self) -> Response {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.as_str(),
            "detail": self.message,
        });
        if let Some(word) = self.scim {
            body["scimType"] = word.into();
        }
        let mut response = Response::new(body.to_string().into());
        *response.status_mut() = self.status;
        self.headers(response.headers_mut());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
        response
    }

    fn headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !self.may_retry {
            headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(hyper::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
}

impl IntoResponse for Fault {
    /// Only a carrier: the front door renders it.
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Fault {
    /// A refusal of the guarded path, which has recorded it.
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.code {
            RefusalCode::InvalidJson
            | RefusalCode::InvalidValue
            | RefusalCode::UnsupportedField
            | RefusalCode::UnsupportedValue
            | RefusalCode::ContextLengthExceeded
            | RefusalCode::PurposeRequired
            | RefusalCode::PhiBlockedInput
            | RefusalCode::PhiBlockedOutput
            | RefusalCode::PatientMismatch
            | RefusalCode::ClientGone => StatusCode::BAD_REQUEST,
            RefusalCode::PolicyDenied
            | RefusalCode::PatientScopeRequired
            | RefusalCode::BreakGlassRequired
            | RefusalCode::MfaRequired
            | RefusalCode::PermitEnded => StatusCode::FORBIDDEN,
            RefusalCode::ModelNotFound => StatusCode::NOT_FOUND,
            RefusalCode::AuditUnavailable
            | RefusalCode::DetectorUnavailable
            | RefusalCode::ModelUnavailable
            | RefusalCode::Capacity { .. } => StatusCode::SERVICE_UNAVAILABLE,
            RefusalCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let retry_after_s = match refusal.code {
            RefusalCode::Capacity { retry_after_s } => Some(retry_after_s),
            RefusalCode::ModelUnavailable => Some(2),
            _ => None,
        };
        Self { param: refusal.param, retry_after_s, ..Self::new(status, refusal.code.as_str(), refusal.message) }
            .recorded()
    }
}

impl From<AuthFailure> for Fault {
    /// The caller learns that it is not let in, not why: whether a name or key exists is nobody's
    /// business. What is so is in the log.
    fn from(failure: AuthFailure) -> Self {
        match failure {
            AuthFailure::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "capacity", "credentials cannot be checked right now")
                    .after(5)
            }
            AuthFailure::Throttled => HttpFault::TooManyAttempts { retry_after_s: 60 }.into(),
            AuthFailure::Missing => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_api_key",
                "no credential was sent: use the header Authorization: Bearer",
            ),
            _ => Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "the credential is not valid"),
        }
        .recorded()
    }
}

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        let fault = match error {
            AdminError::Denied => Self::new(StatusCode::FORBIDDEN, "policy_denied", "policy does not allow this"),
            AdminError::MfaRequired => {
                Self::new(StatusCode::FORBIDDEN, "mfa_required", "log in with a second factor to do this")
            }
            AdminError::StepUpRequired => Self::new(
                StatusCode::FORBIDDEN,
                "step_up_required",
                "show your second factor again to do this: POST /admin/v1/step-up",
            ),
            AdminError::ApprovalRequired(_) => Self::new(StatusCode::FORBIDDEN, "approval_required", error.to_string()),
            AdminError::NotFound(what) => Self::not_found(what),
            AdminError::Taken(_) => Self::new(StatusCode::BAD_REQUEST, "invalid_value", error.to_string()),
            AdminError::Refused(why) => Self::new(StatusCode::BAD_REQUEST, "invalid_value", why),
            AdminError::AuditUnavailable => return Self::audit_unavailable(),
            AdminError::Failed => Self::internal(),
        };
        fault.recorded()
    }
}

impl From<LoginError> for Fault {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Refused(failure) => failure.into(),
            LoginError::AuditUnavailable => Self::audit_unavailable(),
        }
    }
}

impl From<HttpFault> for Fault {
    fn from(fault: HttpFault) -> Self {
        use StatusCode as S;
        match fault {
            HttpFault::NoSuchRoute => Self::new(S::NOT_FOUND, "not_found", "no such route"),
            HttpFault::NoSuchMethod => {
                Self::new(S::METHOD_NOT_ALLOWED, "method_not_allowed", "the route does not take this method")
            }
            HttpFault::BodyTooLarge { limit } => Self::new(
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the body is over the limit of {limit} bytes"),
            ),
            HttpFault::BodyBroken => {
                Self::new(S::BAD_REQUEST, "invalid_json", "the body ended before its end, or took too long")
            }
            HttpFault::BodyEncoded => Self::new(S::BAD_REQUEST, "unsupported_value", "compressed bodies are not taken")
                .param("content-encoding"),
            HttpFault::BadHeader { name, expected } => {
                Self::new(S::BAD_REQUEST, "invalid_value", format!("the header {name} must be {expected}")).param(name)
            }
            HttpFault::UnknownHeader => Self::new(
                S::BAD_REQUEST,
                "unsupported_field",
                "of the headers x-medlock-…, a request may have x-medlock-patient, x-medlock-purpose and \
                 x-medlock-protection",
            ),
            HttpFault::TooManyAttempts { retry_after_s } => {
                Self::new(S::TOO_MANY_REQUESTS, "rate_limit_exceeded", "too many failed attempts from this network")
                    .after(retry_after_s)
            }
            HttpFault::OverQuota(Over { retry_after_s, first }) => {
                let what = "more requests than this credential may make now: wait, or ask the administrator";
                let fault = Self::new(S::TOO_MANY_REQUESTS, "rate_limit_exceeded", what).after(retry_after_s);
                // One record tells of it; those that follow are counted.
                if first { fault } else { fault.recorded() }
            }
            HttpFault::CrossSite => Self::new(
                S::FORBIDDEN,
                "cross_site_request",
                "a session cookie is taken from this server's own pages only; programs send Authorization: Bearer",
            ),
            HttpFault::TooManyRequests => {
                Self::new(S::SERVICE_UNAVAILABLE, "capacity", "too many requests are at work; try again").after(1)
            }
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
