//! The pages that people see. They are the same for everybody and hold nothing: what they show, their scripts ask the same
//! API for that programs use. No script or style but our own files runs (CSP), and nothing frames them.

pub(crate) mod sso;

use axum::response::{IntoResponse, Redirect, Response};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const CAPABILITIES: &str = "publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(), \
                            microphone=(), geolocation=()";

/// `GET /`.
pub(crate) async fn home() -> Redirect {
    Redirect::to("/account")
}

/// `GET /login`.
pub(crate) async fn log_in() -> Response {
    page(include_str!("login.html"))
}

/// `GET /account`.
pub(crate) async fn account() -> Response {
    page(include_str!("account.html"))
}

/// `GET /assets/login.js`.
pub(crate) async fn log_in_script() -> Response {
    script(include_str!("login.js"))
}

/// `GET /assets/account.js`.
pub(crate) async fn account_script() -> Response {
    script(include_str!("account.js"))
}

/// `GET /assets/client.js`.
pub(crate) async fn client_script() -> Response {
    script(include_str!("client.js"))
}

/// `GET /assets/style.css`.
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("style.css"))
}

/// `GET /assets/icon.svg`.
pub(crate) async fn icon() -> Response {
    asset("image/svg+xml", include_str!("icon.svg"))
}

fn page(html: &'static str) -> Response {
    let mut response = asset("text/html; charset=utf-8", html);
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("permissions-policy", CAPABILITIES),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn script(text: &'static str) -> Response {
    asset("text/javascript; charset=utf-8", text)
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let resource = HeaderName::from_static("cross-origin-resource-policy");
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind)), (resource, HeaderValue::from_static("same-origin"))];
    (headers, text).into_response()
}
