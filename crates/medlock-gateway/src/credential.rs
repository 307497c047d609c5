//! What a caller shows at the door.

use crate::cookie;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};
use medlock_auth::{Credential, is_signed};
use medlock_keys::password::Secret;

/// Longer than any credential of ours.
const MAX: usize = 256;
/// Longer than a signed token in earnest.
const MAX_SIGNED: usize = 8 << 10;

/// A credential that cannot be one of ours. Not looked up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// In what a credential came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A header that a program sets.
    Header,
    /// A cookie, which a browser sends by itself.
    Cookie,
}

/// Takes the credential out of the headers: `Authorization: Bearer`, or `x-api-key`, or both when
/// they say the same (some clients send both), or a browser's cookie. Two that differ are nobody.
pub(crate) fn from_headers(headers: &HeaderMap) -> Result<(Credential, Carrier), Malformed> {
    let bearer = single(headers, AUTHORIZATION.as_str())?.map(bearer).transpose()?;
    let key = single(headers, "x-api-key")?.map(token).transpose()?;
    let cookie = cookie::token(headers)?;
    let given = |text: &str, carrier| (Credential::from_bearer(Secret::new(text.to_string())), carrier);
    match (bearer.or(key), cookie) {
        _ if bearer.is_some() && key.is_some() && bearer != key => Err(Malformed),
        (Some(_), Some(_)) => Err(Malformed),
        (Some(text), None) => Ok(given(text, Carrier::Header)),
        (None, Some(text)) => Ok(given(text, Carrier::Cookie)),
        (None, None) => Ok((Credential::None, Carrier::Header)),
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h HeaderValue>, Malformed> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (one, None) => Ok(one),
        _ => Err(Malformed),
    }
}

fn bearer(value: &HeaderValue) -> Result<&str, Malformed> {
    let text = value.to_str().map_err(|_| Malformed)?;
    let (scheme, rest) = text.split_once(' ').ok_or(Malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") { plain(rest.trim_matches(' ')) } else { Err(Malformed) }
}

fn token(value: &HeaderValue) -> Result<&str, Malformed> {
    plain(value.to_str().map_err(|_| Malformed)?)
}

pub(crate) fn plain(text: &str) -> Result<&str, Malformed> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    let most = if is_signed(text) { MAX_SIGNED } else { MAX };
    if (1..=most).contains(&text.len()) && text.bytes().all(ok) { Ok(text) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> &'static str {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        match from_headers(&headers) {
            Ok((Credential::None, _)) => "none",
            Ok((Credential::ApiKey(_), _)) => "key",
            Ok((Credential::Token(_) | Credential::Certificate(_), _)) => "signed",
            Ok((Credential::Session(_), Carrier::Header)) => "session",
            Ok((Credential::Session(_), Carrier::Cookie)) => "browser",
            Err(Malformed) => "malformed",
        }
    }

    #[test]
    fn credentials_are_taken_from_either_header_and_never_guessed() {
        for (pairs, expected) in [
            (&[][..], "none"),
            (&[("authorization", "Bearer sk-medlock-a_b")], "key"),
            (&[("authorization", "bearer  ses-abc")], "session"),
            (&[("x-api-key", "sk-medlock-a_b")], "key"),
            (&[("authorization", "Bearer sk-medlock-a"), ("x-api-key", "sk-medlock-a")], "key"),
            (&[("authorization", "Bearer sk-medlock-a"), ("x-api-key", "sk-medlock-b")], "malformed"),
            (&[("authorization", "Bearer sk-medlock-a"), ("authorization", "Bearer sk-medlock-a")], "malformed"),
            (&[("authorization", "Basic dTpw")], "malformed"),
            (&[("authorization", "Bearer")], "malformed"),
            (&[("authorization", "Bearer ")], "malformed"),
            (&[("authorization", "Bearer ' OR '1'='1")], "malformed"),
            (&[("x-api-key", "")], "malformed"),
            (&[("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")], "signed"),
            (&[("cookie", "__Host-medlock=ses-abc")], "browser"),
            (&[("cookie", "__Host-medlock=ses-abc"), ("x-api-key", "ses-abc")], "malformed"),
        ] {
            assert_eq!(read(pairs), expected, "{pairs:?}");
        }
    }
}
