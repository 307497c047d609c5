//! Places that are on no map. States stay: they are no identifiers (45 CFR 164.514(b)(2)(i)(B)).

use medlock_domain::PhiClass;

use super::{Desk, PHRASE, number, pools, whole};
use crate::deidentify::fold::Case;
use crate::deidentify::place::{FACILITIES, STREETS, Segment, segments, words};
use crate::deidentify::vault::VaultError;

/// Beginnings of ZIP codes that the Postal Service has not assigned.
const NO_ZIP: [&str; 12] = ["213", "269", "343", "345", "348", "353", "419", "428", "429", "517", "518", "519"];

pub(super) fn stand_in<D: Desk>(desk: &mut D, value: &str) -> Result<Option<String>, VaultError> {
    let mut out = String::with_capacity(value.len() + 16);
    for segment in segments(value) {
        let new = match segment {
            Segment::Gap(t) | Segment::State(t) => Some(t.to_owned()),
            Segment::Zip(t) => whole(desk, PhiClass::Location, t, zip)?,
            Segment::Street(t) => whole(desk, PhiClass::Location, t, street)?,
            Segment::Facility(t) => whole(desk, PhiClass::Location, t, facility)?,
            Segment::City(t) => whole(desk, PhiClass::Location, t, city)?,
        };
        match new {
            Some(new) => out.push_str(&new),
            None => return Ok(None),
        }
    }
    if segments(value).len() > 1 {
        desk.keep(PhiClass::Location, &format!("{PHRASE}{}", value.to_lowercase()), value, &out)?;
    }
    Ok(Some(out))
}

fn zip<D: Desk>(desk: &mut D, like: &str) -> Result<String, VaultError> {
    let mut out = NO_ZIP[desk.below(NO_ZIP.len())?].to_owned();
    for c in like.chars().skip(3) {
        out.push(if c.is_ascii_digit() { desk.digit()? } else { c });
    }
    Ok(out)
}

fn coined<D: Desk>(desk: &mut D) -> Result<String, VaultError> {
    Ok(format!("{}{}", desk.word(pools::HEADS)?, desk.word(pools::PLACES)?))
}

/// `1420 Oakwood Avenue`: another number, another name, the same kind of street. What has no name
/// (`Apt 12B`, `P.O. Box 12`) gets other figures.
fn street<D: Desk>(desk: &mut D, like: &str) -> Result<String, VaultError> {
    let lower: Vec<String> = words(like).map(str::to_lowercase).collect();
    // Behind the first word, the last that names a kind of street.
    let at = lower.iter().enumerate().skip(1).rev().find(|(_, w)| STREETS.contains(&w.as_str())).map(|(i, _)| i);
    let Some(kind) = at else { return figures(desk, like) };
    let list: Vec<&str> = words(like).collect();
    let house = usize::from(list[0].chars().any(char::is_numeric));
    if house == kind {
        return figures(desk, like);
    }
    let offset = |w: &str| w.as_ptr() as usize - like.as_ptr() as usize;
    let (from, to) = (offset(list[house]), offset(list[kind]));
    let name = Case::of(list[house]).write(&coined(desk)?);
    let (before, after) = (figures(desk, &like[..from])?, figures(desk, &like[to..])?);
    Ok(format!("{before}{name} {after}"))
}

/// Other figures, and other letters beside figures: `12B`. Words without figures stay only where
/// they are of the post's own.
fn figures<D: Desk>(desk: &mut D, like: &str) -> Result<String, VaultError> {
    const OWN: [&str; 24] = [
        "apt",
        "apartment",
        "unit",
        "suite",
        "ste",
        "room",
        "rm",
        "floor",
        "fl",
        "bldg",
        "building",
        "box",
        "lot",
        "bed",
        "p",
        "o",
        "po",
        "post",
        "office",
        "north",
        "south",
        "east",
        "west",
        "th",
    ];
    let mut out = String::with_capacity(like.len());
    let mut rest = like;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|d: char| d.is_alphanumeric() != c.is_alphanumeric()).unwrap_or(rest.len());
        let run = &rest[..end];
        let lower = run.to_lowercase();
        let own = OWN.contains(&lower.as_str()) || STREETS.contains(&lower.as_str());
        if !c.is_alphanumeric() || own {
            out.push_str(run);
        } else if run.chars().any(char::is_numeric) || run.chars().count() == 1 {
            out.push_str(&number::pattern(desk, run)?);
        } else {
            out.push_str(&Case::of(run).write(&coined(desk)?));
        }
        rest = &rest[end..];
    }
    Ok(out)
}

/// `St. Mary's Medical Center`: another name, the words of its kind as they are.
fn facility<D: Desk>(desk: &mut D, like: &str) -> Result<String, VaultError> {
    let is_kind = |w: &str| FACILITIES.contains(&w.to_lowercase().as_str());
    let list: Vec<&str> = words(like).collect();
    let kind = list.iter().rposition(|w| !is_kind(w)).map_or(0, |i| i + 1);
    let name = Case::of(list.first().copied().unwrap_or("")).write(&coined(desk)?);
    match list.get(kind) {
        // `University of Springfield`.
        None => {
            let first = list.iter().position(|w| !is_kind(w)).unwrap_or(0);
            let at = list[first].as_ptr() as usize - like.as_ptr() as usize;
            let head = if first > 0 { &like[..at] } else { "" };
            Ok(format!("{head}{name}"))
        }
        Some(word) => {
            let at = word.as_ptr() as usize - like.as_ptr() as usize;
            Ok(format!("{name} {}", &like[at..]))
        }
    }
}

fn city<D: Desk>(desk: &mut D, like: &str) -> Result<String, VaultError> {
    let name = coined(desk)?;
    Ok(Case::of(like).write(&name))
}
