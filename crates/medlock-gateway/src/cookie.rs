//! A session in a browser: a cookie that no script reads, no other site sends and no other host sets (RFC 6265bis,
//! `__Host-`; `SameSite=Strict`). What a request does with one, it must do from a page of this server's own.

use crate::credential::{Malformed, plain};
use hyper::header::{COOKIE, HeaderValue};
use hyper::{HeaderMap, Method};
use medlock_keys::password::Secret;

const NAME: &str = "__Host-medlock";
/// What a browser keeps while it is at the identity provider. From there it comes back across sites: `Lax`.
const SSO: &str = "__Host-medlock-sso";

/// The session's token, where one is sent.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, Malformed> {
    named(headers, NAME)
}

/// What the browser kept while it was at the identity provider.
pub(crate) fn sso(headers: &HeaderMap) -> Result<Option<&str>, Malformed> {
    named(headers, SSO)
}

fn named<'h>(headers: &'h HeaderMap, wanted: &str) -> Result<Option<&'h str>, Malformed> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        let pairs = header.to_str().map_err(|_| Malformed)?.split(';');
        for (name, value) in pairs.filter_map(|pair| pair.trim().split_once('=')) {
            if name == wanted && found.replace(plain(value)?).is_some() {
                return Err(Malformed);
            }
        }
    }
    Ok(found)
}

/// Whether a page of this server sent it. Browsers tell, and no script can tell otherwise (Fetch Metadata); what does not
/// tell is refused.
pub(crate) fn same_origin(headers: &HeaderMap) -> bool {
    site(headers).is_some_and(|site| site == "same-origin")
}

/// Whether a request that brings the cookie may have what it asks for.
pub(crate) fn usable(method: &Method, headers: &HeaderMap) -> bool {
    // Reading is left to what browsers keep from other sites: they may have it sent, and do not get the answer.
    let reading = method == Method::GET && site(headers).is_none_or(|site| site == "none");
    reading || same_origin(headers)
}

fn site(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get("sec-fetch-site")
}

/// The header that gives it to the browser.
pub(crate) fn give(token: &Secret) -> Option<HeaderValue> {
    set(NAME, token, "SameSite=Strict")
}

/// The header that has a browser keep something while it is at the identity provider.
pub(crate) fn give_for_sso(secret: &Secret) -> Option<HeaderValue> {
    set(SSO, secret, "SameSite=Lax; Max-Age=300")
}

fn set(name: &str, value: &Secret, rest: &str) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::from_str(&format!("{name}={}; Path=/; Secure; HttpOnly; {rest}", value.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// And the one that has it forget that.
pub(crate) fn take_back_from_sso() -> HeaderValue {
    HeaderValue::from_static("__Host-medlock-sso=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// The header that takes it back.
pub(crate) fn take_back() -> HeaderValue {
    HeaderValue::from_static("__Host-medlock=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_one_cookie_counts_and_only_once() {
        for (cookies, expected) in [
            (&[][..], Ok(None)),
            (&["a=b; __Host-medlock=ses-x; c=d"], Ok(Some("ses-x"))),
            (&["a=b", "__Host-medlock=ses-x"], Ok(Some("ses-x"))),
            (&["__host-medlock=ses-x; medlock=ses-y; x__Host-medlock=ses-z"], Ok(None)),
            (&["__Host-medlock=ses-x; __Host-medlock=ses-x"], Err(Malformed)),
            (&["__Host-medlock=ses-x", "__Host-medlock=ses-y"], Err(Malformed)),
            (&["__Host-medlock=\"ses-x\""], Err(Malformed)),
            (&["__Host-medlock="], Err(Malformed)),
        ] {
            let pairs: Vec<_> = cookies.iter().map(|c| ("cookie", *c)).collect();
            assert_eq!(token(&headers(&pairs)), expected, "{cookies:?}");
        }
    }

    #[test]
    fn another_site_neither_changes_nor_reads() {
        for (site, get, post) in [
            (None, true, false),
            (Some("same-origin"), true, true),
            (Some("none"), true, false),
            (Some("same-site"), false, false),
            (Some("cross-site"), false, false),
            (Some("Same-Origin"), false, false),
        ] {
            let pairs: Vec<_> = site.into_iter().map(|s| ("sec-fetch-site", s)).collect();
            let headers = headers(&pairs);
            assert_eq!((usable(&Method::GET, &headers), usable(&Method::POST, &headers)), (get, post), "{site:?}");
        }
    }
}
