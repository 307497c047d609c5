#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

/// status, code, x-should-retry: false, Retry-After
fn shown(fault: impl Into<Fault>) -> String {
    let id = RequestId::from_random([7; 16]);
    let fault: Fault = fault.into();
    let response = fault.render(&id);
    let headers = response.headers();
    let text = |name: &str| headers.get(name).map_or("-", |v| v.to_str().unwrap()).to_string();
    format!(
        "{} {} {} retry={} after={}",
        response.status().as_u16(),
        fault.kind(),
        fault.code,
        text("x-should-retry"),
        text("retry-after")
    )
}

#[test]
fn every_refusal_has_its_published_status() {
    use RefusalCode as C;
    let golden = [
        (C::InvalidJson, "400 invalid_request_error invalid_json retry=false after=-"),
        (C::InvalidValue, "400 invalid_request_error invalid_value retry=false after=-"),
        (C::UnsupportedField, "400 invalid_request_error unsupported_field retry=false after=-"),
        (C::UnsupportedValue, "400 invalid_request_error unsupported_value retry=false after=-"),
        (C::ContextLengthExceeded, "400 invalid_request_error context_length_exceeded retry=false after=-"),
        (C::PurposeRequired, "400 invalid_request_error purpose_required retry=false after=-"),
        (C::PatientScopeRequired, "403 permission_error patient_scope_required retry=false after=-"),
        (C::BreakGlassRequired, "403 permission_error break_glass_required retry=false after=-"),
        (C::PatientMismatch, "400 invalid_request_error patient_mismatch retry=false after=-"),
        (C::PhiBlockedInput, "400 invalid_request_error phi_blocked_input retry=false after=-"),
        (C::PhiBlockedOutput, "400 invalid_request_error phi_blocked_output retry=false after=-"),
        (C::PolicyDenied, "403 permission_error policy_denied retry=false after=-"),
        (C::MfaRequired, "403 permission_error mfa_required retry=false after=-"),
        (C::PermitEnded, "403 permission_error permit_ended retry=false after=-"),
        (C::ModelNotFound, "404 invalid_request_error model_not_found retry=false after=-"),
        (C::AuditUnavailable, "503 server_error audit_unavailable retry=- after=-"),
        (C::DetectorUnavailable, "503 server_error detector_unavailable retry=- after=-"),
        (C::ModelUnavailable, "503 server_error model_unavailable retry=- after=2"),
        (C::Capacity { retry_after_s: 9 }, "503 server_error capacity retry=- after=9"),
        (C::ClientGone, "400 invalid_request_error client_gone retry=false after=-"),
        (C::Internal, "500 server_error internal_error retry=false after=-"),
    ];
    for (code, expected) in golden {
        assert_eq!(shown(Refusal::new(code, "m")), expected);
    }
}

#[test]
fn every_fault_of_http_has_its_published_status() {
    use HttpFault as H;
    for (fault, expected) in [
        (H::NoSuchRoute, "404 invalid_request_error not_found retry=false after=-"),
        (H::NoSuchMethod, "405 invalid_request_error method_not_allowed retry=false after=-"),
        (H::BodyTooLarge { limit: 1 }, "413 invalid_request_error body_too_large retry=false after=-"),
        (H::BodyBroken, "400 invalid_request_error invalid_json retry=false after=-"),
        (H::BodyEncoded, "400 invalid_request_error unsupported_value retry=false after=-"),
        (H::BadHeader { name: "x", expected: "y" }, "400 invalid_request_error invalid_value retry=false after=-"),
        (H::TooManyAttempts { retry_after_s: 3 }, "429 rate_limit_error rate_limit_exceeded retry=- after=3"),
        (H::TooManyRequests, "503 server_error capacity retry=- after=1"),
    ] {
        assert_eq!(shown(fault), expected);
    }
}

#[test]
fn who_is_not_let_in_does_not_learn_why() {
    let unknown = Fault::from(AuthFailure::Unknown);
    for failure in [AuthFailure::Expired, AuthFailure::Revoked, AuthFailure::Disabled, AuthFailure::Locked] {
        assert_eq!(Fault::from(failure), unknown);
    }
    assert_eq!(shown(AuthFailure::Unknown), "401 authentication_error invalid_api_key retry=false after=-");
    assert_eq!(shown(AuthFailure::Missing), "401 authentication_error invalid_api_key retry=false after=-");
    assert_eq!(shown(AuthFailure::Unavailable), "503 server_error capacity retry=- after=5");
    assert_eq!(shown(AuthFailure::Throttled), "429 rate_limit_error rate_limit_exceeded retry=- after=60");
}

#[test]
fn the_shape_is_the_one_that_sdks_read() {
    let fault: Fault = Refusal::new(RefusalCode::InvalidValue, "n must be less").param("n").into();
    let id = RequestId::from_random([7; 16]);
    assert_eq!(
        fault.body(&id),
        json!({
            "error": {"message": "n must be less", "type": "invalid_request_error", "param": "n", "code": "invalid_value"},
            "request_id": id.as_str(),
        })
    );
}
