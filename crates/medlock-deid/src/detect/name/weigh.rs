//! Whether capitalised words are a name: a small linear weighing of what the lists say of the words
//! and of what stands around them. A name in the lists speaks for, an ordinary word against; a word
//! that no list knows, capitalised inside a sentence, is more likely somebody's than not.

use super::super::cue::Cues;
use super::super::lexicon::Tags;
use super::super::token::{Case, Gap, Kind, Tokens};
use super::Line;

/// From this weight on it is one.
pub(super) const ENOUGH: i32 = 3;

pub(super) fn score(t: &Tokens<'_>, first: usize, last: usize, line: Line) -> i32 {
    let words: Vec<usize> = (first..=last).filter(|i| t.kind(*i) == Some(Kind::Word)).collect();
    let mut score = 0;
    let mut named = 0;
    let mut initials = 0;
    for &i in &words {
        if t.get(i).is_some_and(|x| x.case == Case::Single) {
            initials += 1;
            continue;
        }
        let (weight, name) = word(t, i, words.len() == 1, line);
        score += weight;
        named += i32::from(name);
    }
    if named == 0 {
        return -9;
    }
    let tags = t.tags(words[0]);
    let given = tags.any(Tags::TOP_FIRST) || tags.any(Tags::FIRST) && !tags.any(Tags::SMALL);
    if named >= 2 {
        score += 1 + i32::from(given);
    }
    if initials > 0 && words.len() > 1 && (given || t.get(words[0]).is_some_and(|x| x.case == Case::Single)) {
        score += 2;
    }
    score + left(t, first, words.len(), line) + right(t, last, words[words.len() - 1])
}

/// What a word weighs, and whether it can be a name at all.
fn word(t: &Tokens<'_>, i: usize, alone: bool, line: Line) -> (i32, bool) {
    let tags = t.tags(i);
    let cues = t.cues(i);
    let for_it = [(Tags::TOP_FIRST, 3), (Tags::FIRST, 2), (Tags::TOP_SURNAME, 2), (Tags::SURNAME, 1)];
    let against = [(Tags::SMALL, 3), (Tags::MEDIUM, 2), (Tags::MEDICAL, 2), (Tags::DRUG, 2), (Tags::HUGE, 1)];
    let weight =
        |list: &[(Tags, i32)]| list.iter().filter(|(tag, _)| tags.any(*tag)).map(|(_, w)| *w).max().unwrap_or(0);
    let (name, mut ordinary) = (weight(&for_it), weight(&against));
    let top = tags.any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME));
    if top && ordinary > 0 {
        ordinary -= 1;
    }
    if cues.any(Cues::EPONYM) {
        ordinary += 2;
    }
    if cues.any(Cues::FACILITY.or(Cues::FACILITY_PART).or(Cues::CONDITION)) {
        ordinary += 2;
    }
    let upper = t.get(i).is_some_and(|x| x.case == Case::Upper);
    if upper && (!top || t.at(i).len() <= 3) && (alone || tags.any(Tags::ORDINARY) || !line.prose()) {
        ordinary += if line.prose() && t.at(i).len() <= 5 { 5 } else { 2 };
    }
    let unlisted = ordinary == 0 && name < 2 && t.at(i).len() > 2;
    (if unlisted { 2 } else { name - ordinary }, name > 0 || unlisted)
}

fn left(t: &Tokens<'_>, first: usize, words: usize, line: Line) -> i32 {
    let starts_line = first == 0 || t.get(first).is_some_and(|x| x.gap == Gap::Line);
    let starts_sentence =
        starts_line || matches!(t.at(first - 1), "." | "?" | "!" | "\u{2022}" | "\"" | "*" | ":" | ";");
    let mut score = 0;
    if !starts_line {
        let cues = t.cues(first - 1);
        if cues.any(Cues::BY) {
            score += 2;
        }
        if cues.any(Cues::KIN.or(Cues::PERSON))
            || t.is_mark(first - 1, ',') && first > 1 && t.has(first - 2, Cues::KIN.or(Cues::PERSON))
        {
            score += 2;
        }
        if ["like", "referencing", "regarding"].iter().any(|w| t.is_word(first - 1, w)) {
            score += 1;
        }
        if t.joined(first) && !t.is_mark(first - 1, '(') && !t.is_mark(first - 1, '"') && !t.is_mark(first - 1, '/') {
            score -= 3; // inside another word or code
        }
    }
    if starts_sentence && words == 1 {
        score -= 2;
    } else if line.prose() && !starts_sentence {
        score += 1;
    }
    score
}

fn right(t: &Tokens<'_>, last: usize, last_word: usize) -> i32 {
    let possessive = t.is_mark(last + 1, '\'') && t.joined(last + 1) && t.is_word(last + 2, "s");
    let next = if possessive { last + 3 } else { last + 1 };
    let mut score = 0;
    if t.same_line(next) {
        let cues = t.cues(next);
        if cues.any(Cues::CONDITION) {
            score -= 6;
        }
        if cues.any(Cues::ENDS_NAME) && !possessive {
            score += 2;
        }
        if cues.any(Cues::MEASURE) || t.kind(next) == Some(Kind::Number) && t.has(next + 1, Cues::MEASURE) {
            score -= 5;
        }
        let credential = next + usize::from(t.is_mark(next, ','));
        if t.has(credential, Cues::CREDENTIAL) && t.capital(credential) {
            score += 4;
        }
        if t.is_mark(next, ',') && t.number(next + 1).is_some_and(|(n, _)| n < 120) {
            score += 2;
        }
        if t.is_mark(next, '-') && t.joined(next) && t.joined(next + 1) {
            score -= 2; // the head of a compound
        }
        if t.joined(next) && t.is_mark(next, '/') {
            score -= 1;
        }
    }
    if possessive && t.has(last_word, Cues::EPONYM) {
        score -= 4;
    }
    score
}

/// Whether what was weighed as somebody's name rather names a place.
pub(super) fn more_a_place(t: &Tokens<'_>, first: usize, last: usize) -> bool {
    let tags = t.tags(first);
    let listed = tags.any(Tags::CITY) && !tags.any(Tags::TOP_FIRST);
    let placed = first > 0 && t.has(first - 1, Cues::PLACE_PREP);
    placed && (listed || last == first && !tags.any(Tags::A_NAME))
}
