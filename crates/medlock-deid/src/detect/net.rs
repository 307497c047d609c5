//! Addresses on networks: e-mail, URL, IP and MAC.

use std::net::Ipv6Addr;

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::token::Kind;

const EMAIL: Rule = Rule::new("email", 100, 0.99);
const URL: Rule = Rule::new("url", 98, 0.97);
const IP: Rule = Rule::new("ip", 96, 0.95);
const MAC: Rule = Rule::new("mac", 96, 0.95);

/// Longest address looked at; a longer one is cut there and still found.
const LONGEST: usize = 2048;

/// Domains that a name without `www` or a scheme may end in.
const TOP: [&str; 40] = [
    "com", "org", "net", "edu", "gov", "mil", "info", "biz", "health", "care", "clinic", "hospital", "doctor", "io",
    "app", "dev", "ai", "co", "us", "uk", "ca", "au", "nz", "ie", "eu", "de", "fr", "es", "nl", "ch", "se", "jp", "cn",
    "br", "mx", "test", "example", "local", "link", "online",
];

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    let mut done = 0; // nothing before this byte is looked at again, so that the scan stays linear
    for i in 0..t.list.len() {
        let token = t.list[i];
        let at = token.start as usize;
        if at < done {
            continue;
        }
        let end = match token.kind {
            Kind::Mark if t.text[at..].starts_with('@') => email(scan, at, done),
            Kind::Word if token.cues.any(Cues::URL) => url(scan, at),
            Kind::Mark if t.text[at..].starts_with('.') => bare_domain(scan, i, done),
            Kind::Mark if t.text[at..].starts_with(':') => colons(scan, i, done),
            Kind::Number => ipv4(scan, i),
            _ => None,
        };
        done = end.unwrap_or(done);
    }
}

fn email(scan: &mut Scan<'_>, at: usize, done: usize) -> Option<usize> {
    let text = scan.tokens.text;
    let local = |c: char| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let floor = at.saturating_sub(64).max(done);
    let mut start = at;
    for (off, c) in text[..at].char_indices().rev() {
        if off < floor || !local(c) {
            break;
        }
        start = off;
    }
    // A quote, bracket or label in front is not part of the mailbox.
    start += text[start..at].find(|c: char| c.is_alphanumeric() || c == '_').unwrap_or(at - start);
    let after = &text[at + 1..];
    let host = after.find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '.')).unwrap_or(after.len()).min(255);
    let host = super::floor(after, host);
    let host = after[..host].trim_end_matches(['.', '-']);
    if start == at || host.is_empty() || !host.contains('.') && host.len() < 3 {
        return None;
    }
    let end = at + 1 + host.len();
    scan.push_bytes(start, end, PhiClass::Email, EMAIL);
    Some(end)
}

fn url(scan: &mut Scan<'_>, at: usize) -> Option<usize> {
    let text = scan.tokens.text;
    let rest = &text[at..];
    let head = rest.find(|c: char| !c.is_ascii_alphabetic())?;
    let scheme = rest[head..].starts_with("://");
    if !(scheme || rest[head..].starts_with('.') && head == 3) {
        return None;
    }
    let end = at + url_len(rest);
    let least = head + if scheme { 3 } else { 1 };
    if end <= at + least {
        return None;
    }
    scan.push_bytes(at, end, PhiClass::Url, URL);
    Some(end)
}

/// How long the URL at the start of `rest` is, without the punctuation of the sentence around it.
fn url_len(rest: &str) -> usize {
    let stop = |c: char| c.is_whitespace() || "<>\"'`{}[]|\\^".contains(c);
    let end = rest.char_indices().find(|(i, c)| stop(*c) || *i >= LONGEST).map_or(rest.len(), |(i, _)| i);
    let mut body = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']);
    while body.ends_with(')') && !body.contains('(') {
        body = body[..body.len() - 1].trim_end_matches(['.', ',', ';', ':', '!', '?']);
    }
    body.len()
}

/// `portal.example.org/x`: labels joined by dots, the last one a known top domain.
fn bare_domain(scan: &mut Scan<'_>, dot: usize, done: usize) -> Option<usize> {
    let t = scan.tokens;
    if dot == 0 || !t.joined(dot) || !t.joined(dot + 1) || t.kind(dot + 1)? == Kind::Mark {
        return None;
    }
    let mut first = dot - 1;
    let label = |i: usize| t.kind(i).is_some_and(|k| k != Kind::Mark) || t.is_mark(i, '-');
    if !label(first) {
        return None;
    }
    while first > 0 && dot - first < 12 && t.joined(first) && label(first - 1) {
        first -= 1;
    }
    let mut last = dot + 1;
    while last - dot < 24
        && t.joined(last + 1)
        && (t.is_mark(last + 1, '.') || t.is_mark(last + 1, '-'))
        && t.joined(last + 2)
        && t.kind(last + 2) != Some(Kind::Mark)
    {
        last += 2;
    }
    let top = t.at(last);
    let start = t.list[first].start as usize;
    let lower = top.bytes().all(|b| b.is_ascii_lowercase());
    if start < done || !lower || !TOP.contains(&top) || t.between(first, dot - 1).len() < 2 {
        return None;
    }
    // Two letters are as well a word: then something more must speak for an address.
    let more = t.text.as_bytes().get(t.list[last].end as usize) == Some(&b'/');
    if top.len() == 2 && !more && last - dot < 2 && !matches!(top, "io" | "ai" | "uk" | "eu") {
        return None;
    }
    let mut end = t.list[last].end as usize;
    if more || t.text[end..].starts_with(':') && t.text[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end = (start + url_len(&t.text[start..])).max(end);
    }
    scan.push_bytes(start, end, PhiClass::Url, URL);
    Some(end)
}

fn ipv4(scan: &mut Scan<'_>, i: usize) -> Option<usize> {
    let t = scan.tokens;
    let octet = |j: usize| t.number(j).is_some_and(|(n, len)| n < 256 && len <= 3);
    let dotted = (0..3).all(|k| {
        octet(i + 2 * k) && t.joined(i + 2 * k + 1) && t.is_mark(i + 2 * k + 1, '.') && t.joined(i + 2 * k + 2)
    });
    if !dotted || !octet(i + 6) {
        return None;
    }
    let goes_on = t.joined(i + 7) && t.is_mark(i + 7, '.') && t.joined(i + 8) && t.kind(i + 8) == Some(Kind::Number);
    let part = i > 0 && t.joined(i) && (t.is_mark(i - 1, '.') || t.kind(i - 1) == Some(Kind::Word));
    let version = i > 0 && t.has(i - 1, Cues::CODE);
    if goes_on || part || version {
        return None;
    }
    let mut last = i + 6;
    if t.joined(last + 1)
        && (t.is_mark(last + 1, '/') || t.is_mark(last + 1, ':'))
        && t.joined(last + 2)
        && t.number(last + 2).is_some()
    {
        last += 2;
    }
    scan.push(i, last, PhiClass::Ip, IP);
    t.get(last).map(|x| x.end as usize)
}

/// IPv6 and MAC: the chunk around a colon.
fn colons(scan: &mut Scan<'_>, i: usize, done: usize) -> Option<usize> {
    let text = scan.tokens.text;
    let at = scan.tokens.list[i].start as usize;
    let part = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    let bytes = text.as_bytes();
    let mut start = at;
    while start > done && at - start < 5 && part(bytes[start - 1]) {
        start -= 1;
    }
    if start > 0 && bytes[start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let mut end = at;
    while end < bytes.len() && end - start < 46 && part(bytes[end]) {
        end += 1;
    }
    if bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let chunk = text[start..end].trim_end_matches('.');
    let chunk = if chunk.ends_with("::") { chunk } else { chunk.trim_end_matches(':') };
    let end = start + chunk.len();
    let pairs = chunk.split(':');
    if chunk.len() == 17
        && pairs.clone().count() == 6
        && pairs.clone().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        scan.push_bytes(start, end, PhiClass::Device, MAC);
        return Some(end);
    }
    if chunk.len() > 3 && chunk.bytes().any(|b| b.is_ascii_hexdigit()) && chunk.parse::<Ipv6Addr>().is_ok() {
        scan.push_bytes(start, end, PhiClass::Ip, IP);
        return Some(end);
    }
    None
}
