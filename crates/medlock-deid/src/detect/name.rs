//! People's names: after a title, a field name, a kin word or "named", and wherever capitalised
//! words weigh more as a name than as anything else.

mod run;
mod weigh;

use medlock_domain::PhiClass;

use self::run::{Grip, extent};
use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::lexicon::Tags;
use super::token::{Case, Gap, Kind, Tokens};

const TITLE: Rule = Rule::new("name-title", 53, 0.95);
const FIELD: Rule = Rule::new("name-field", 53, 0.93);
const NAMED: Rule = Rule::new("name-named", 52, 0.92);
const KIN: Rule = Rule::new("name-kin", 51, 0.9);
const INITIALS: Rule = Rule::new("name-initials", 45, 0.75);
const WEIGHED: Rule = Rule::new("name-weighed", 45, 0.75);
const OF_PLACE: Rule = Rule::new("place-of-person", 43, 0.7);

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    let mut done = 0;
    let mut line = Line::default();
    for i in 0..t.list.len() {
        let token = t.list[i];
        if token.gap == Gap::Line || i == 0 {
            line = Line::read(t, i);
        }
        if token.kind != Kind::Word {
            continue;
        }
        let found = announced(t, i).or_else(|| (i >= done).then(|| weighed(t, i, line)).flatten());
        if let Some((first, last, class, rule)) = found {
            scan.push(first, last, class, rule);
            done = done.max(last + 1);
            if rule.name == TITLE.name {
                place_of(scan, last);
            }
        }
    }
}

/// How a line is written.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// Words in lower case.
    lower: u16,
    /// Words with a capital at the start.
    capital: u16,
}

impl Line {
    fn read(t: &Tokens<'_>, start: usize) -> Self {
        let mut line = Self::default();
        let words = t.list[start..].iter().enumerate().take_while(|(k, x)| *k == 0 || x.gap != Gap::Line).take(400);
        for (_, x) in words {
            match x.case {
                Case::Lower => line.lower += 1,
                Case::Init | Case::Upper => line.capital += 1,
                _ => {}
            }
        }
        line
    }

    fn prose(self) -> bool {
        self.lower >= 3 && self.lower >= self.capital
    }
}

type Found = (usize, usize, PhiClass, Rule);

/// A name that the word at `i` announces.
fn announced(t: &Tokens<'_>, i: usize) -> Option<Found> {
    let cues = t.cues(i);
    let found = |last: Option<usize>, first: usize, rule: Rule| last.map(|last| (first, last, PhiClass::Name, rule));
    if cues.any(Cues::TITLE) && !(t.is_word(i, "ms") && t.get(i)?.case == Case::Upper) {
        let first = i + 1 + usize::from(t.is_mark(i + 1, '.') && t.joined(i + 1));
        let grip = if t.is_word(i, "nurse")
            || t.is_word(i, "doctor")
            || t.is_word(i, "judge")
            || t.is_word(i, "officer")
            || t.get(i)?.case == Case::Lower
        {
            Grip::Middling
        } else {
            Grip::Firm
        };
        if let Some(hit) = found(extent(t, first, grip), first, TITLE) {
            return Some(hit);
        }
    }
    if cues.any(Cues::FIELD.or(Cues::NAMED))
        && let Some(first) = field_value(t, i)
    {
        let doubtful = [
            "family",
            "given",
            "re",
            "from",
            "to",
            "cc",
            "by",
            "next",
            "contact",
            "emergency",
            "reviewed",
            "student",
            "attn",
            "attention",
            "name",
        ]
        .iter()
        .any(|w| t.is_word(i, w));
        let grip = if doubtful { Grip::Loose } else { Grip::Middling };
        if let Some(hit) = found(extent(t, first, grip), first, FIELD) {
            return Some(hit);
        }
    }
    if cues.any(Cues::NAMED) {
        let mut first = i + 1;
        while first - i < 4
            && t.same_line(first)
            && (matches!(t.at(first), "is" | "was" | ":" | "," | "\"" | "as" | "'") || t.is_word(first, "IS"))
        {
            first += 1;
        }
        if t.same_line(first)
            && let Some(hit) = found(extent(t, first, Grip::Lower), first, NAMED)
        {
            return Some(hit);
        }
    }
    if cues.any(Cues::KIN.or(Cues::PERSON).or(Cues::BY)) && !t.has(i + 1, Cues::PERSON) {
        let first = i
            + 1
            + usize::from(
                t.is_mark(i + 1, ',')
                    || t.is_word(i + 1, "is")
                    || t.is_mark(i + 1, '(')
                    || t.is_mark(i + 1, '-') && !t.joined(i + 1),
            );
        if t.same_line(first) && t.capital(first) {
            return found(extent(t, first, Grip::Loose), first, KIN);
        }
        let (first, second) = (t.tags(i + 1), t.tags(i + 2));
        let listed = first.any(Tags::TOP_FIRST)
            && !first.any(Tags::SMALL)
            && (!first.any(Tags::ORDINARY) || second.any(Tags::TOP_SURNAME) && t.same_line(i + 2));
        if listed && t.same_line(i + 1) {
            return found(extent(t, i + 1, Grip::Lower), i + 1, KIN);
        }
    }
    initials(t, i)
}

/// The first token of the value of the field whose name ends at `i`: behind a colon, a pipe, or an
/// equals sign; on the next line if need be.
fn field_value(t: &Tokens<'_>, i: usize) -> Option<usize> {
    let mut at = i + 1;
    let mut marked = false;
    for _ in 0..5 {
        match t.at(at) {
            ":" | "=" | "|" | "\t" => marked = true,
            "\"" | "'" | "*" | "(" | ")" | "/" | "[" => {}
            _ if !marked
                && (t.is_word(at, "name") || t.is_word(at, "name(s)") || t.is_word(at, "by") || t.is_word(at, "s")) => {
            }
            _ => break,
        }
        at += 1;
    }
    let close = t.get(at).is_some_and(|x| x.gap != Gap::Line) || t.get(at + 1).is_some();
    (marked && close && t.kind(at) == Some(Kind::Word)).then_some(at)
}

/// `J.D.` or `M.K.` where a person is meant: after a word for one.
fn initials(t: &Tokens<'_>, i: usize) -> Option<Found> {
    if t.get(i)?.case != Case::Single
        || !t.is_mark(i + 1, '.')
        || t.get(i + 2)?.case != Case::Single
        || !t.joined(i + 2)
        || !t.is_mark(i + 3, '.')
    {
        return None;
    }
    let before = i > 0
        && t.same_line(i)
        && (t.has(i - 1, Cues::KIN.or(Cues::PERSON).or(Cues::NAMED).or(Cues::BY)) || t.is_mark(i - 1, ','));
    let joint =
        t.capital(i + 4) && t.same_line(i + 4) && t.tags(i + 4).any(Tags::A_NAME) && !t.tags(i + 4).any(Tags::COMMON);
    match (before, joint) {
        (_, true) => Some((i, i + 4, PhiClass::Name, INITIALS)),
        (true, _) => Some((i, i + 3, PhiClass::Name, INITIALS)),
        _ => None,
    }
}

/// The capitalised words that begin at `i`, weighed.
fn weighed(t: &Tokens<'_>, i: usize, line: Line) -> Option<Found> {
    let token = t.get(i)?;
    if !matches!(token.case, Case::Init | Case::Upper | Case::Single)
        || token.cues.any(Cues::SAFE.or(Cues::TITLE)) && token.case != Case::Single && !run::named_for_a_month(t, i)
    {
        return None;
    }
    let last = run::plain(t, i);
    if last == i && t.tags(i).any(Tags::STATE) && !t.tags(i).any(Tags::TOP_FIRST) {
        return None; // a state alone identifies nobody
    }
    let score = weigh::score(t, i, last, line);
    if score < weigh::ENOUGH {
        return None;
    }
    let class = if weigh::more_a_place(t, i, last) { PhiClass::Location } else { PhiClass::Name };
    Some((i, last, class, WEIGHED))
}

/// `Dr. Beath of Gibson Island`.
fn place_of(scan: &mut Scan<'_>, person: usize) {
    let t = scan.tokens;
    let mut of = person + 1;
    // `Dr. Beath, MD, of X`
    while of - person < 5 && (t.is_mark(of, ',') || t.has(of, Cues::CREDENTIAL)) {
        of += 1;
    }
    let first = of + 1;
    let place = |j: usize| {
        t.same_line(j)
            && t.capital(j)
            && !t.has(j, Cues::SAFE.or(Cues::TITLE))
            && t.get(j).is_some_and(|x| x.case != Case::Single)
    };
    if !(t.is_word(of, "of") || t.is_word(of, "in") || t.is_word(of, "from"))
        || !place(first)
        || t.tags(first).any(Tags::MEDICAL) && !t.tags(first).any(Tags::CITY)
    {
        return;
    }
    let mut last = first;
    while last - first < 4 && (place(last + 1) || t.is_mark(last + 1, '-') && t.joined(last + 1) && place(last + 2)) {
        last += 1;
    }
    scan.push(first, last, PhiClass::Location, OF_PLACE);
}
