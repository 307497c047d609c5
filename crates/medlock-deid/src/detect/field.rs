//! Names and places in the fields of machine formats: components of an HL7 v2 field, the values of
//! keys in JSON.

use medlock_domain::PhiClass;

use super::address;
use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::lexicon::Tags;
use super::place::state_end;
use super::token::{Kind, Tokens};

const COMPONENT: Rule = Rule::new("component", 50, 0.85);
const KEY: Rule = Rule::new("place-key", 50, 0.85);

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    let mut done = 0;
    for i in 0..t.list.len() {
        if t.kind(i) != Some(Kind::Word) || i < done {
            continue;
        }
        if t.is_mark(i + 1, '^') && t.joined(i + 1) {
            done = components(scan, i).unwrap_or(done);
        } else if t.has(i, Cues::CITY_KEY)
            && let Some(first) = value_of(t, i)
        {
            place(scan, first);
        }
    }
}

/// `DOE^JOHN^A` and `SPRINGFIELD^IL^62701`. Gives the first token after it.
fn components(scan: &mut Scan<'_>, i: usize) -> Option<usize> {
    let t = scan.tokens;
    let mut last = i;
    let mut words = vec![i];
    while words.len() < 4 && t.is_mark(last + 1, '^') && t.joined(last + 1) && t.joined(last + 2) {
        last += 2;
        words.push(last);
        if t.kind(last) != Some(Kind::Word) {
            break;
        }
    }
    if let Some(state) = state_end(t, i + 2).filter(|_| words.len() > 2) {
        let zip = address::zip(t, state + 2).filter(|_| t.is_mark(state + 1, '^'))?;
        scan.push(i, zip, PhiClass::Location, COMPONENT);
        return Some(zip + 1);
    }
    words.retain(|w| t.kind(*w) == Some(Kind::Word));
    let name = |w: &usize| t.tags(*w).any(Tags::A_NAME) || !t.tags(*w).any(Tags::ORDINARY);
    let given = |w: &usize| t.tags(*w).any(Tags::FIRST.or_tags(Tags::TOP_FIRST));
    let capital = |w: &usize| t.capital(*w) && (!t.has(*w, Cues::SAFE) || t.at(*w).len() == 1);
    let people = words.len() > 1
        && words.iter().all(capital)
        && words.iter().take(2).all(name)
        && words.iter().take(2).any(given);
    let last = *words.last()?;
    people.then(|| {
        scan.push(i, last, PhiClass::Name, COMPONENT);
        last + 1
    })
}

/// The first token of the value of the key at `i`.
pub(super) fn value_of(t: &Tokens<'_>, i: usize) -> Option<usize> {
    let mut at = i + 1;
    let mut colon = false;
    while at - i < 6 && matches!(t.at(at), ":" | "=" | "\"" | "'" | "[") {
        colon |= matches!(t.at(at), ":" | "=");
        at += 1;
    }
    (colon && t.same_line(at)).then_some(at)
}

fn place(scan: &mut Scan<'_>, first: usize) {
    let t = scan.tokens;
    let word = |i: usize| t.capital(i) && t.kind(i) == Some(Kind::Word) && !t.has(i, Cues::SAFE);
    let mut last = first;
    while last - first < 4 && word(last + 1) && t.same_line(last + 1) {
        last += 1;
    }
    if word(first) {
        scan.push(first, last, PhiClass::Location, KEY);
    }
}
