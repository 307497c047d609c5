//! Names by their shape: each word gets a stand-in of its own, so that `Maria Gonzalez`, `GONZALEZ,
//! MARIA`, `Ms. Gonzalez` and `Maria` stay one person. Titles, particles and punctuation stay;
//! initials are those of the stand-in.

use medlock_domain::PhiClass;

use super::{Desk, TRIES, pools};
use crate::deidentify::fold::{Case, fold, titled};
use crate::deidentify::vault::VaultError;
use crate::values::is_title;

/// Words that belong to a name but are nobody's.
pub(in crate::deidentify) const PARTICLES: [&str; 27] = [
    "van", "von", "der", "den", "de", "la", "las", "los", "le", "du", "des", "del", "da", "dos", "das", "di", "el",
    "al", "bin", "ibn", "ben", "bint", "y", "e", "und", "and", "or",
];
const MORE_TITLES: [&str; 34] = [
    "sra", "srta", "señor", "señora", "herr", "frau", "mme", "mlle", "fr", "sister", "brother", "father", "mother",
    "capt", "captain", "lt", "sgt", "col", "maj", "gen", "judge", "hon", "dds", "dmd", "dpm", "dvm", "pharmd", "psyd",
    "facp", "facs", "lcsw", "lpn", "aprn", "fnp",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Given,
    Family,
    Initial,
    /// Stays as it is.
    Fixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gender {
    Female,
    Male,
    Untold,
}

struct Word<'t> {
    text: &'t str,
    /// What stands before it.
    gap: &'t str,
    lower: String,
    role: Role,
}

/// How a name with initials is kept whole.
pub(in crate::deidentify) const PHRASE: &str = "\u{1}";
/// How the initial of a name is kept, before it and the surname.
pub(in crate::deidentify) const INITIAL: &str = "\u{2}";
/// How another way of writing a word is kept, before it: `McDonald` of somebody met as `MCDONALD`.
pub(in crate::deidentify) const SPELLING: &str = "\u{3}";

pub(super) fn stand_in<D: Desk>(desk: &mut D, value: &str) -> Result<Option<String>, VaultError> {
    let (mut list, rest) = words(value);
    roles(&mut list);
    if list.iter().all(|w| w.role == Role::Fixed) {
        return Ok(None);
    }
    let gender = gender(&list);
    let family = list.iter().filter(|w| w.role == Role::Family).map(|w| fold(w.text)).next();
    let mut done: Vec<String> = vec![String::new(); list.len()];
    // Whole words first: an initial is that of the word it stands for.
    for (word, new) in list.iter().zip(&mut done).filter(|(w, _)| matches!(w.role, Role::Given | Role::Family)) {
        let hint = match (&family, word.role) {
            (Some(f), Role::Given) => desk.known(PhiClass::Name, &initial_key(&word.lower, f))?,
            _ => None,
        };
        let Some(stand_in) = one(desk, word, gender, hint.as_deref().map(String::as_str))? else { return Ok(None) };
        if let (Some(f), Role::Given) = (&family, word.role) {
            initial(desk, word.text, f, Some(&stand_in))?;
        }
        *new = stand_in;
    }
    for (word, new) in list.iter().zip(&mut done) {
        match word.role {
            Role::Fixed => word.text.clone_into(new),
            Role::Initial => {
                let of = family.as_deref().map_or("", String::as_str);
                *new = Case::of(word.text).write(&initial(desk, word.text, of, None)?);
            }
            _ => {}
        }
    }
    let mut out = String::with_capacity(value.len() + 32);
    for (word, new) in list.iter().zip(&done) {
        out.push_str(word.gap);
        out.push_str(new);
    }
    out.push_str(rest);
    let particle = |w: &Word<'_>| w.role == Role::Fixed && PARTICLES.contains(&w.lower.as_str());
    if list.iter().any(|w| w.role == Role::Initial || particle(w))
        && list.iter().any(|w| matches!(w.role, Role::Given | Role::Family))
    {
        desk.keep(PhiClass::Name, &format!("{PHRASE}{}", value.to_lowercase()), value, &out)?;
    }
    Ok(Some(out))
}

/// Runs of letters and digits with apostrophes in them, what stands before each, and what is left.
fn words(value: &str) -> (Vec<Word<'_>>, &str) {
    let part = |c: char| c.is_alphanumeric() || crate::values::is_invisible(c) || is_mark(c);
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(start) = value[at..].find(|c: char| c.is_alphanumeric()).map(|i| at + i) {
        let mut end = start;
        for (i, c) in value[start..].char_indices() {
            let next = value[start + i + c.len_utf8()..].chars().next().is_some_and(char::is_alphabetic);
            if part(c) || matches!(c, '\'' | '’' | 'ʼ') && next {
                end = start + i + c.len_utf8();
            } else {
                break;
            }
        }
        // A genitive is no part of the name.
        let text = &value[start..end];
        let text = ["'s", "’s", "'S", "’S"]
            .iter()
            .find_map(|s| text.strip_suffix(s))
            .filter(|t| !t.is_empty())
            .unwrap_or(text);
        let lower = text.to_lowercase();
        out.push(Word { text, gap: &value[at..start], lower, role: Role::Fixed });
        at = start + text.len();
    }
    (out, &value[at..])
}

/// A mark over the letter before it.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

fn roles(list: &mut [Word<'_>]) {
    let n = list.len();
    let genitive = |w: &Word<'_>| matches!(w.lower.as_str(), "s") && w.gap.ends_with(['\'', '’']);
    for i in 0..n {
        let w = &list[i];
        let title = is_title(&w.lower) || MORE_TITLES.contains(&w.lower.as_str()) || genitive(w);
        // `Dr. Do` and `Miss Sir` are people; so is a title that stands alone.
        let lone = list
            .iter()
            .enumerate()
            .all(|(j, o)| j == i || is_title(&o.lower) || MORE_TITLES.contains(&o.lower.as_str()));
        let particle = PARTICLES.contains(&w.lower.as_str()) && i + 1 < n && (i > 0 || Case::of(w.text) == Case::Lower);
        let single = w.text.chars().filter(|c| c.is_alphabetic()).count() == 1 && w.text.chars().count() <= 2;
        list[i].role = if title && !(lone && n > 1 && i + 1 == n) || particle {
            Role::Fixed
        } else if single {
            Role::Initial
        } else {
            Role::Family
        };
    }
    let comma = list.iter().skip(1).position(|w| w.role != Role::Fixed && w.gap.contains(',')).map(|i| i + 1);
    let full: Vec<usize> = (0..n).filter(|i| list[*i].role == Role::Family).collect();
    let initials = list.iter().any(|w| w.role == Role::Initial);
    let titled = list.iter().any(|w| is_title(&w.lower) || MORE_TITLES.contains(&w.lower.as_str()));
    match (comma, full[..].split_last()) {
        (Some(comma), _) => full.iter().filter(|i| **i >= comma).for_each(|i| list[*i].role = Role::Given),
        (None, Some((last, rest))) => {
            let told = told(&list[*last].lower) != Gender::Untold;
            if rest.is_empty() && !titled && !initials && told {
                list[*last].role = Role::Given;
            }
            // `Anna-Maria Lopez-Ruiz`: what a hyphen joins belongs together.
            let mut first = *last;
            while first > 0 && list[first].gap == "-" {
                first -= 1;
            }
            rest.iter().filter(|i| **i < first).for_each(|i| list[*i].role = Role::Given);
        }
        _ => {}
    }
}

fn gender(list: &[Word<'_>]) -> Gender {
    for w in list {
        match w.lower.as_str() {
            "mr" | "sir" | "herr" | "brother" | "father" => return Gender::Male,
            "mrs" | "ms" | "miss" | "sra" | "srta" | "señora" | "frau" | "mme" | "mlle" | "sister" | "mother" => {
                return Gender::Female;
            }
            _ => {}
        }
    }
    list.iter()
        .filter(|w| w.role == Role::Given)
        .map(|w| told(&w.lower))
        .find(|g| *g != Gender::Untold)
        .unwrap_or(Gender::Untold)
}

fn told(lower: &str) -> Gender {
    let has = |list: &str| list.split_whitespace().any(|w| w.eq_ignore_ascii_case(lower));
    match (has(pools::WOMEN) || has(pools::FEMALE), has(pools::MEN) || has(pools::MALE)) {
        (true, false) => Gender::Female,
        (false, true) => Gender::Male,
        _ => Gender::Untold,
    }
}

/// The stand-in for one word.
fn one<D: Desk>(
    desk: &mut D,
    word: &Word<'_>,
    gender: Gender,
    initial: Option<&str>,
) -> Result<Option<String>, VaultError> {
    let key = fold(word.text);
    let case = Case::of(word.text);
    let spelling = case == Case::Title && titled(word.text) != word.text;
    let known = match desk.known(PhiClass::Name, &key)? {
        Some(known) => known,
        None => {
            let Some(drawn) = draw(desk, word, gender, initial, &key)? else { return Ok(None) };
            desk.keep(PhiClass::Name, &key, word.text, &drawn)?
        }
    };
    if spelling {
        desk.keep(PhiClass::Name, &format!("{SPELLING}{}", word.text), word.text, &known)?;
    }
    Ok(Some(case.write(&known)))
}

fn draw<D: Desk>(
    desk: &mut D,
    word: &Word<'_>,
    gender: Gender,
    initial: Option<&str>,
    key: &str,
) -> Result<Option<String>, VaultError> {
    for attempt in 0..TRIES {
        let mut drawn = match (word.role, gender) {
            (Role::Given, Gender::Female) => desk.word(pools::FEMALE)?.to_owned(),
            (Role::Given, Gender::Male) => desk.word(pools::MALE)?.to_owned(),
            (Role::Given, Gender::Untold) => desk.word(pools::EITHER)?.to_owned(),
            _ => format!("{}{}", desk.word(pools::HEADS)?, desk.word(pools::TAILS)?),
        };
        // The lists are short: from here on names of two.
        if attempt >= TRIES / 2 && word.role == Role::Given {
            drawn.push_str(&desk.word(pools::HEADS)?.to_lowercase());
        }
        let fits = initial.is_none_or(|i| attempt >= TRIES / 2 || drawn.starts_with(i));
        if fits && fold(&drawn).as_str() != key && desk.is_free(&drawn)? {
            return Ok(Some(drawn));
        }
    }
    Ok(None)
}

fn initial_key(word: &str, family: &str) -> String {
    let first: String = word.chars().take(1).collect();
    format!("{INITIAL}{first} {family}")
}

/// The letter that stands for the first of `word` in a name with this surname: that of `stand_in`
/// where there is one.
fn initial<D: Desk>(desk: &mut D, word: &str, family: &str, stand_in: Option<&str>) -> Result<String, VaultError> {
    let key = initial_key(&word.to_lowercase(), family);
    if let Some(known) = desk.known(PhiClass::Name, &key)? {
        return Ok(known.to_string());
    }
    let first: String = word.chars().take(1).flat_map(char::to_uppercase).collect();
    let new = match stand_in {
        Some(s) => s.chars().take(1).flat_map(char::to_uppercase).collect(),
        // One of the other letters.
        None => {
            let (letter, next) = (desk.letter()?, desk.below(25)?);
            let taken = first.starts_with(letter);
            if taken {
                char::from(b'A' + (letter as u8 - b'A' + 1 + next as u8) % 26).to_string()
            } else {
                letter.to_string()
            }
        }
    };
    Ok(desk.keep(PhiClass::Name, &key, &first, &new)?.to_string())
}
