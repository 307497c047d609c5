//! Ages over 89, the only ones that identify (45 CFR 164.514(b)(2)(i)(C)).

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::lexicon::Tags;
use super::token::{Case, Kind, Tokens};

const AGE: Rule = Rule::new("age", 82, 0.93);

pub(super) fn produce(scan: &mut Scan<'_>) {
    for i in 0..scan.tokens.list.len() {
        match scan.tokens.list[i].kind {
            Kind::Number if old(scan.tokens, i) => digits(scan, i),
            Kind::Mixed => mixed(scan, i),
            Kind::Word if scan.tokens.has(i, Cues::NINETY) || scan.tokens.is_word(i, "hundred") => spelled(scan, i),
            _ => {}
        }
    }
}

fn old(t: &Tokens<'_>, i: usize) -> bool {
    t.number(i).is_some_and(|(n, _)| (90..=125).contains(&n))
        && !(t.joined(i) && i > 0 && (t.is_mark(i - 1, '.') || t.is_mark(i - 1, '/')))
}

fn digits(scan: &mut Scan<'_>, i: usize) {
    if says_age_after(scan.tokens, i + 1) || says_age_before(scan.tokens, i) {
        scan.push(i, i, PhiClass::Age, AGE);
    }
}

/// `-year-old`, ` years of age`, ` y/o`, ` yo`, ` F`.
fn says_age_after(t: &Tokens<'_>, at: usize) -> bool {
    let skip = |j: usize| if t.is_mark(j, '-') { j + 1 } else { j };
    let j = skip(at);
    if !t.same_line(j) {
        return false;
    }
    if t.has(j, Cues::YEARS) {
        let mut k = j + 1;
        while t.is_mark(k, '/') || t.is_mark(k, '.') || t.is_mark(k, '-') {
            k += 1;
        }
        let word = t.at(k).to_ascii_lowercase();
        let male_or_female = t.has(k, Cues::PERSON);
        return t.same_line(k)
            && (matches!(word.as_str(), "old" | "o" | "young")
                || male_or_female
                || word == "of" && t.is_word(k + 1, "age"));
    }
    let sex = matches!(t.at(j), "F" | "M") && j == at && !t.joined(j) && !t.joined(j + 1);
    t.is_word(j, "yo")
        || t.is_word(j, "yoa")
        || sex
        || t.has(j, Cues::PERSON)
            && j == at
            && !t.has(j, Cues::NAMED)
            && ["male", "female", "man", "woman", "gentleman", "lady"].iter().any(|w| t.is_word(j, w))
}

/// `Age: 93`, `aged 93`, `at the age of 93`, `turned 94`.
fn says_age_before(t: &Tokens<'_>, i: usize) -> bool {
    if t.is_mark(i + 1, '%') || t.has(i + 1, Cues::MEASURE) && !t.has(i + 1, Cues::YEARS) || t.is_mark(i + 1, '/') {
        return false;
    }
    if says_who(t, i) {
        return true;
    }
    (1..=4)
        .map_while(|k| i.checked_sub(k))
        .take_while(|j| *j + 1 == i || t.same_line(*j + 1))
        .find_map(|j| {
            let word = t.at(j).to_ascii_lowercase();
            match word.as_str() {
                "age" | "âge" | "aged" | "ages" | "turned" | "turning" | "turns" | "edad" => Some(true),
                ":" | "=" | "|" | "of" | "is" | "was" | "\"" | "to" | "(" | "at" | "now" => None,
                _ => Some(false),
            }
        })
        .unwrap_or(false)
}

/// `I am 93.`, `she is 97,`, `Gonzalez is 93 and well`, `his wife is 91.`
fn says_who(t: &Tokens<'_>, i: usize) -> bool {
    let Some(verb) = i.checked_sub(1).filter(|_| t.same_line(i)) else { return false };
    let be = ["am", "is", "was", "m", "s"].iter().any(|w| t.is_word(verb, w));
    let who = verb.checked_sub(1 + usize::from(t.joined(verb)));
    let named = |w: usize| t.capital(w) && t.tags(w).any(Tags::A_NAME) && !t.tags(w).any(Tags::ORDINARY);
    let person = who.is_some_and(|w| {
        ["i", "he", "she", "patient", "who"].iter().any(|p| t.is_word(w, p)) || t.has(w, Cues::KIN) || named(w)
    });
    let ends = t.get(i + 1).is_none() || matches!(t.at(i + 1), "." | "," | ";" | "!" | "?" | "and" | "now" | "but");
    be && person && ends && !(t.joined(i + 1) && t.joined(i + 2))
}

/// `97yo`, `93F`, `91y`.
fn mixed(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let s = t.at(i);
    let number = s.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, tail) = s.split_at(number);
    let tail_says = matches!(tail, "F" | "M" | "f" | "m") && t.list[i].case != Case::None && !t.joined(i + 1)
        || ["yo", "y", "yr", "yrs", "yof", "yom", "year", "years"].iter().any(|w| tail.eq_ignore_ascii_case(w));
    let in_range = digits.len() <= 3 && digits.parse::<u32>().is_ok_and(|n| (90..=125).contains(&n));
    if in_range && tail_says && !(t.joined(i) && i > 0) {
        let start = t.list[i].start as usize;
        scan.push_bytes(start, start + number, PhiClass::Age, AGE);
    }
}

/// `ninety-four-year-old`, `one hundred and two years old`.
fn spelled(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let unit = |j: usize| {
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"].iter().any(|w| t.is_word(j, w))
    };
    let first =
        if t.is_word(i, "hundred") && i > 0 && (t.is_word(i - 1, "one") || t.is_word(i - 1, "a")) { i - 1 } else { i };
    let mut last = i;
    for _ in 0..2 {
        let dash = usize::from(t.is_mark(last + 1, '-') || t.is_word(last + 1, "and"));
        if unit(last + 1 + dash) {
            last += 1 + dash;
            break;
        }
    }
    if says_age_after(t, last + 1) || says_age_before(t, first) {
        scan.push(first, last, PhiClass::Age, AGE);
    }
}
