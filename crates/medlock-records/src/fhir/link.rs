//! Ids and the references to them, renamed so that what belonged together still does.

use crate::error::RecordError;
use crate::value::{is_oid, is_uuid};
use crate::work::Work;

/// What stands for a server's address, which may name an institution or a person's device.
const SERVER: &str = "https://deidentified.invalid/fhir";

/// A reference or a `fullUrl`, renamed. `None` for one that names its target by searching for it
/// (`Patient?identifier=…`).
pub(super) fn reference(old: &str, work: &mut Work<'_>, path: &str) -> Result<Option<String>, RecordError> {
    if let Some(id) = old.strip_prefix("urn:uuid:") {
        return Ok(Some(format!("urn:uuid:{}", shaped(id, work, path, is_uuid)?)));
    }
    if let Some(id) = old.strip_prefix("urn:oid:") {
        return Ok(Some(format!("urn:oid:{}", shaped(id, work, path, is_oid)?)));
    }
    if let Some(id) = old.strip_prefix('#') {
        return Ok(Some(if id.is_empty() { "#".into() } else { format!("#{}", work.link(id, path)?) }));
    }
    let Some((server, kind, id, version)) = parts(old) else { return Ok(None) };
    let mut new = match server {
        "" => String::new(),
        _ => format!("{SERVER}/"),
    };
    new.push_str(&format!("{kind}/{}", work.link(id, path)?));
    if let Some(version) = version {
        new.push_str(&format!("/_history/{}", work.link(version, path)?));
    }
    Ok(Some(new))
}

/// The renamed id, if it has the shape that belongs behind its prefix; any other is given one.
fn shaped(id: &str, work: &mut Work<'_>, path: &str, shape: fn(&str) -> bool) -> Result<String, RecordError> {
    let new = work.link(id, path)?;
    if shape(&new) {
        return Ok(new);
    }
    let number: u64 = new.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default();
    Ok(crate::work::shape_uuid(number))
}

/// The URL of a Bundle's request: `Patient`, `Patient/1`, or a search, which is not kept.
pub(super) fn request(old: &str, work: &mut Work<'_>, path: &str) -> Result<Option<String>, RecordError> {
    if is_type(old)
        || old.strip_prefix('$').is_some_and(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    {
        return Ok(Some(old.to_owned()));
    }
    reference(old, work, path)
}

/// The type of resource that a reference points to, where it says so.
pub(super) fn target(reference: &str) -> Option<&str> {
    parts(reference).map(|(_, kind, _, _)| kind)
}

/// The patient's id in a reference that may point to one.
pub(super) fn patient_id(reference: &str) -> Option<&str> {
    if let Some(id) = reference.strip_prefix("urn:uuid:") {
        return Some(id);
    }
    parts(reference).filter(|(_, kind, _, _)| *kind == "Patient").map(|(_, _, id, _)| id)
}

/// `[server/]Type/id[/_history/version]`.
fn parts(reference: &str) -> Option<(&str, &str, &str, Option<&str>)> {
    let (whole, version) = match reference.split_once("/_history/") {
        Some((whole, version)) => (whole, Some(version).filter(|v| is_id(v))?.into()),
        None => (reference, None),
    };
    let (head, id) = whole.rsplit_once('/')?;
    let (server, kind) = head.rsplit_once('/').unwrap_or(("", head));
    let absolute = server.starts_with("http://") || server.starts_with("https://");
    (is_id(id) && is_type(kind) && (server.is_empty() || absolute)).then_some((server, kind, id, version))
}

fn is_id(s: &str) -> bool {
    (1..=128).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

fn is_type(s: &str) -> bool {
    s.starts_with(|c: char| c.is_ascii_uppercase()) && s.len() <= 40 && s.bytes().all(|b| b.is_ascii_alphabetic())
}
