//! HTTPS to those whom the settings name, and to nobody else.

use reqwest::{Certificate, ClientBuilder};
use std::time::Duration;

/// A client that trusts the certificates in `pem` only, whatever proxies the environment names, and goes nowhere that
/// it was not sent.
pub(crate) fn trusting(pem: &[u8], time: Duration) -> reqwest::Result<ClientBuilder> {
    let roots = Certificate::from_pem_bundle(pem)?;
    let builder = reqwest::Client::builder().tls_certs_only(roots).https_only(true).no_proxy();
    Ok(builder.redirect(reqwest::redirect::Policy::none()).timeout(time))
}

/// The cause at the bottom says more than the error at the top.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
