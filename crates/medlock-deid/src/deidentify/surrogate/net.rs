//! Addresses of the network, in the ranges that are kept for documentation.

use super::{Desk, number, pools};
use crate::deidentify::vault::VaultError;

/// Of RFC 2606.
const HOSTS: [&str; 3] = ["example.org", "example.com", "example.net"];

/// Somebody at a host for documentation.
pub(super) fn email(desk: &mut impl Desk, like: &str) -> Result<String, VaultError> {
    let local = like.split('@').next().unwrap_or("");
    let joint = ['.', '_', '-'].into_iter().find(|c| local.contains(*c));
    let given = desk.word(pools::EITHER)?.to_lowercase();
    let family = format!("{}{}", desk.word(pools::HEADS)?, desk.word(pools::TAILS)?).to_lowercase();
    let mut out = match joint {
        Some(j) => format!("{given}{j}{family}"),
        None => format!("{}{family}", &given[..1]),
    };
    for c in local.chars().rev().take_while(char::is_ascii_digit) {
        out.push(if c == '0' { '0' } else { desk.digit()? });
    }
    out.push('@');
    out.push_str(HOSTS[desk.below(HOSTS.len())?]);
    Ok(if like.chars().any(char::is_lowercase) { out } else { out.to_uppercase() })
}

/// A host for documentation, with a path of the same shape.
pub(super) fn url(desk: &mut impl Desk, like: &str) -> Result<String, VaultError> {
    let (scheme, rest) = match like.split_once("://") {
        Some((s, r)) if s.bytes().all(|b| b.is_ascii_alphanumeric()) => (format!("{s}://"), r),
        _ => (String::new(), like),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let www = if rest.get(..4).is_some_and(|w| w.eq_ignore_ascii_case("www.")) { "www." } else { "" };
    let host = format!("{}{}.{}", desk.word(pools::HEADS)?, desk.word(pools::PLACES)?, HOSTS[desk.below(3)?]);
    let path = number::pattern(desk, &rest[end..])?;
    Ok(format!("{scheme}{www}{}{path}", host.to_lowercase()))
}

/// RFC 5737, RFC 3849; other hardware addresses by their pattern. Port and prefix stay.
pub(super) fn ip(desk: &mut impl Desk, like: &str) -> Result<String, VaultError> {
    let v4 = like.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(like.len());
    if like[..v4].split('.').filter(|p| !p.is_empty()).count() == 4 {
        let net = ["192.0.2", "198.51.100", "203.0.113"][desk.below(3)?];
        return Ok(format!("{net}.{}{}", 1 + desk.below(254)?, &like[v4..]));
    }
    let v6 = like.find(|c: char| !c.is_ascii_hexdigit() && c != ':').unwrap_or(like.len());
    let groups = like[..v6].split(':').filter(|g| !g.is_empty()).count();
    let long = like[..v6].split(':').any(|g| g.len() > 2) || like[..v6].contains("::");
    if !long || groups < 2 {
        return number::pattern(desk, like);
    }
    let short = like[..v6].contains("::");
    let upper = like[..v6].chars().any(|c| c.is_ascii_uppercase());
    let mut parts = vec!["2001".to_owned(), if short { "db8" } else { "0db8" }.to_owned()];
    for _ in 2..groups.max(3) {
        parts.push(format!("{:x}", 0x1000 + desk.below(0xf000)?));
    }
    let last = parts.pop().unwrap_or_default();
    let out = format!("{}{}{last}", parts.join(":"), if short { "::" } else { ":" });
    Ok(format!("{}{}", if upper { out.to_uppercase() } else { out }, &like[v6..]))
}
