//! Towns, counties and whatever smaller than a state is named: from lists, and from what stands
//! beside them. A state alone is no identifier (45 CFR 164.514(b)(2)(i)(B)).

use medlock_domain::PhiClass;

use super::address;
use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::lexicon::Tags;
use super::token::{Case, Gap, LowerCase, Tokens};

const TOWN_STATE: Rule = Rule::new("town-state", 58, 0.93);
const TOWN: Rule = Rule::new("town", 46, 0.8);
const COUNTY: Rule = Rule::new("county", 50, 0.85);
const LIVES: Rule = Rule::new("residence", 48, 0.8);
const STATE_ZIP: Rule = Rule::new("state-zip", 57, 0.93);
const LISTED: Rule = Rule::new("hospital-list", 54, 0.9);
const ACRONYM: Rule = Rule::new("institution", 44, 0.65);

const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND \
    OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR VI GU";

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    let mut done = 0;
    for i in 0..t.list.len() {
        let token = t.list[i];
        if i < done || !matches!(token.case, Case::Init | Case::Upper) || token.kind != super::token::Kind::Word {
            if token.case == Case::Lower && t.has(i, Cues::LIVES) {
                residence(scan, i);
            }
            continue;
        }
        if t.has(i, Cues::LIVES) {
            residence(scan, i);
        }
        if let Some(last) = phrase(t, i, Tags::HOSPITAL) {
            scan.push(i, last, PhiClass::Location, LISTED);
            done = last + 1;
        } else if let Some(last) = town_state(scan, i) {
            done = last + 1;
        } else if let Some(last) = phrase(t, i, Tags::CITY_PHRASE) {
            let last = last + usize::from(t.is_word(last + 1, "city") && t.capital(last + 1) && t.same_line(last + 1));
            if town_like(t, i, last) || !all_common(t, i, last) && in_prose(t, i) {
                scan.push(i, last, PhiClass::Location, TOWN);
                done = last + 1;
            }
        } else if t.tags(i).any(Tags::CITY) && town_like(t, i, i) {
            scan.push(i, i, PhiClass::Location, TOWN);
        } else {
            institution(scan, i);
        }
        if t.is_word(i, "county") && i > 0 && t.capital(i - 1) && t.same_line(i) {
            let first = if i > 1 && t.capital(i - 2) && t.same_line(i - 1) && t.tags(i - 1).any(Tags::COMMON) {
                i - 2
            } else {
                i - 1
            };
            if !t.has(first, Cues::FACILITY_PART.or(Cues::SAFE)) {
                scan.push(first, i, PhiClass::Location, COUNTY);
            }
        }
        if let (Some(end), true) = (state_end(t, i), t.same_line(i + 1))
            && let Some(last) =
                address::zip(t, end + 1 + usize::from(t.is_mark(end + 1, ',') || t.is_mark(end + 1, '.')))
        {
            scan.push(i, last, PhiClass::Location, STATE_ZIP);
        }
    }
}

/// The last token of the state at `i`: `TN`, `Texas`, `New York`.
pub(super) fn state_end(t: &Tokens<'_>, i: usize) -> Option<usize> {
    let s = t.at(i);
    if s.len() == 2 && t.get(i)?.case == Case::Upper {
        return STATES.split(' ').any(|x| x == s).then_some(i);
    }
    if !t.capital(i) || s.len() < 4 && !t.tags(i).any(Tags::STARTS_PHRASE) {
        return None;
    }
    if t.tags(i).any(Tags::STATE) {
        return Some(i);
    }
    phrase(t, i, Tags::STATE)
}

/// The last token of the longest listed phrase that begins at `i`.
pub(super) fn phrase(t: &Tokens<'_>, i: usize, tags: Tags) -> Option<usize> {
    if !t.tags(i).any(Tags::STARTS_PHRASE) {
        return None;
    }
    let mut low = LowerCase::default();
    let mut key = low.of(t.at(i)).to_owned();
    let mut found = None;
    let (mut at, mut words) = (i, 1);
    while words < 5 {
        let dot = usize::from(
            t.is_mark(at + 1, '.') && t.joined(at + 1) && t.at(at).len() <= 3
                || t.is_mark(at + 1, '-') && t.joined(at + 1),
        );
        at += 1 + dot;
        let Some(next) = t.get(at) else { break };
        if next.kind != super::token::Kind::Word || next.gap == Gap::Line {
            break;
        }
        key.push(' ');
        key.push_str(low.of(t.at(at)));
        words += 1;
        if t.lexicon().tags(&key).any(tags) {
            found = Some(at).filter(|_| t.capital(at)).or(found);
        }
    }
    found
}

/// `Springfield, IL 62701`, `San Francisco, CA`: capitals, a comma, a state.
fn town_state(scan: &mut Scan<'_>, i: usize) -> Option<usize> {
    let t = scan.tokens;
    let mut at = i;
    let mut words = 0;
    while words < 4 && t.capital(at) && (at == i || t.same_line(at)) {
        words += 1;
        if t.is_mark(at + 1, ',')
            && t.same_line(at + 2)
            && let Some(end) = state_end(t, at + 2)
        {
            let abbreviated = t.at(at + 2).len() == 2;
            // All of it, where the state may be a credential as well: `Lloyd Ames, MD`.
            let listed = t.tags(i).any(Tags::CITY) && (at == i || !t.has(at + 2, Cues::CREDENTIAL))
                || phrase(t, i, Tags::CITY_PHRASE).is_some();
            let code = address::zip(t, end + 1 + usize::from(t.is_mark(end + 1, ',')));
            // `Smith, MD` is somebody; `Baltimore, MD` is not.
            let doubtful =
                t.has(at + 2, Cues::CREDENTIAL) || matches!(t.at(at + 2), "OR" | "IN" | "ME" | "OK" | "HI" | "ID");
            if t.has(i, Cues::TITLE)
                || doubtful && !listed && code.is_none()
                || !abbreviated && !listed && code.is_none()
            {
                return None;
            }
            let last = code.unwrap_or(end);
            scan.push(i, last, PhiClass::Location, TOWN_STATE);
            return Some(last);
        }
        at += 1;
        if t.is_mark(at, '.') && t.joined(at) && t.at(at - 1).len() <= 3 || t.is_mark(at, '-') && t.joined(at) {
            at += 1;
        }
    }
    None
}

fn all_common(t: &Tokens<'_>, i: usize, last: usize) -> bool {
    (i..=last).all(|j| t.tags(j).any(Tags::SMALL) || t.has(j, Cues::SAFE))
}

/// Whether the words beside a listed town say that a place is meant.
fn town_like(t: &Tokens<'_>, i: usize, last: usize) -> bool {
    let tags = t.tags(i);
    if (t.has(i, Cues::SAFE.or(Cues::EPONYM).or(Cues::NOT_CITY)) || tags.any(Tags::STATE)) && i == last {
        return false;
    }
    let before = |k: usize| i.checked_sub(k).filter(|_| t.same_line(i)).map(|j| t.cues(j)).unwrap_or_default();
    let preposition =
        before(1).any(Cues::PLACE_PREP) || before(1).any(Cues::DIRECTION) && before(2).any(Cues::PLACE_PREP);
    let facility = t.same_line(last + 1)
        && (t.has(last + 1, Cues::FACILITY)
            || t.is_word(last + 1, "area")
            || t.is_word(last + 1, "va")
            || t.is_word(last + 1, "downtown"));
    let common = tags.any(Tags::COMMON.or_tags(Tags::MEDICAL)) && i == last;
    let mixed = t.get(i).is_some_and(|x| x.case == Case::Init);
    let lived = before(1).any(Cues::LIVES) || before(2).any(Cues::LIVES);
    let place = preposition || facility || lived;
    place && !common && (mixed || before(2).any(Cues::LIVES)) && !t.has(last + 1, Cues::CONDITION)
}

/// Whether the token stands inside a sentence in ordinary case.
fn in_prose(t: &Tokens<'_>, i: usize) -> bool {
    i > 0
        && t.same_line(i)
        && t.get(i - 1).is_some_and(|x| x.case == Case::Lower)
        && t.get(i).is_some_and(|x| x.case == Case::Init)
}

/// `lives in Osawatomie`: any capitalised words after the verb and its preposition.
fn residence(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let mut at = i + 1;
    while at - i < 4
        && t.same_line(at)
        && (t.has(at, Cues::PLACE_PREP) || matches!(t.at(at), "the" | "back" | "alone" | "with"))
    {
        at += 1;
    }
    if at == i + 1 || !t.has(at - 1, Cues::PLACE_PREP) {
        return;
    }
    let first = at;
    while at - first < 4 && t.capital(at) && t.same_line(at) && !t.has(at, Cues::SAFE.or(Cues::TITLE)) {
        at += 1;
        if t.is_mark(at, '.') && t.joined(at) && t.at(at - 1).len() <= 3 {
            at += 1;
        }
    }
    if at > first && state_end(t, first).is_none_or(|end| end + 1 < at) {
        scan.push(first, at - 1, PhiClass::Location, LIVES);
    }
}

/// `seen at UCSF`, `evaluated at Cedars-Sinai`: after a word of care and a preposition, capitals that
/// are no known abbreviation, or a name that is no ordinary word.
fn institution(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    if i == 0 || !t.same_line(i) {
        return;
    }
    let placed = ["at", "from", "to"].iter().any(|w| t.is_word(i - 1, w));
    let care = t.is_word(i - 1, "at") || (2..=5).map_while(|k| i.checked_sub(k)).any(|j| t.has(j, Cues::ADMIT));
    let plain = !t.has(i, Cues::SAFE.or(Cues::MEASURE).or(Cues::FACILITY_PART))
        && (3..=6).contains(&t.at(i).len())
        && !t.tags(i).any(Tags::COMMON.or_tags(Tags::MEDICAL).or_tags(Tags::DRUG));
    let line_is_lower = t.get(i - usize::from(i > 0)).is_some_and(|x| x.case == Case::Lower);
    if !placed || !care || !line_is_lower || t.has(i, Cues::SAFE.or(Cues::TITLE)) {
        return;
    }
    if t.get(i).is_some_and(|x| x.case == Case::Init) {
        let proper = |j: usize| t.get(j).is_some_and(|x| x.case == Case::Init) && !t.has(j, Cues::SAFE.or(Cues::TITLE));
        let second =
            |j: usize| t.same_line(j) && (t.is_mark(j, '-') && t.joined(j) || t.is_mark(j, '&')) && proper(j + 1);
        let ordinary = t.tags(i).any(Tags::COMMON.or_tags(Tags::MEDICAL).or_tags(Tags::DRUG))
            || t.has(i, Cues::FACILITY_PART.or(Cues::FACILITY));
        if second(i + 1) {
            scan.push(i, i + 2, PhiClass::Location, ACRONYM);
        } else if !ordinary {
            scan.push(i, i, PhiClass::Location, ACRONYM);
        }
    } else if plain {
        // `NYU Langone`
        let more = t.same_line(i + 1)
            && t.get(i + 1).is_some_and(|x| x.case == Case::Init)
            && !t.has(i + 1, Cues::SAFE.or(Cues::FACILITY));
        scan.push(i, i + usize::from(more), PhiClass::Location, ACRONYM);
    }
}
