//! What the tagger says, beside the rules: its findings become candidates of a class, and what a rule
//! only guessed is dropped where the tagger is sure that it is nobody's.

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::lexicon::Tags;
use super::number::line_cue;
use super::place::state_end;
use super::tagger::{Kind, Opinion, Tagged, Tagger};
use super::token::{self, Tokens};
use crate::placeholder;

const TAGGER: Rule = Rule::new("tagger", 54, 0.5);
/// A rule that guesses gives way when the tagger is so sure of every token of it.
const GUESS: Veto = Veto { below: 48, distance: 3.0 };
/// A rule that has something to go by, when the tagger is surer yet.
const CLUE: Veto = Veto { below: 60, distance: 8.0 };

/// What the tagger has to be sure by to take several ordinary words for a name, and for a place.
const ORDINARY_NAME: f32 = 4.0;
const ORDINARY_PLACE: f32 = 1.0;
/// The same for a short word in capitals, which is an abbreviation more often than not.
const CAPITALS: f32 = 5.0;
/// The same for two small numbers as a date, a bare number as an age, letters as a number.
const BARE: f32 = 4.0;

/// What it takes to take a plain number for an identifier that nothing beside it announces: most are
/// measurements.
const MEASURED: f32 = 8.0;
/// No identifier is one token longer than this.
const LONGEST_ID: usize = 48;
/// What a number can be sure of that nothing beside it explains.
const UNSAID: f32 = 0.6;

/// Candidates under a priority are dropped at a distance.
struct Veto {
    below: u8,
    distance: f32,
}

/// Adds what is tagged and drops what is not believed.
pub(super) fn hear(scan: &mut Scan<'_>, tagger: &Tagger, opinion: &Opinion) {
    let t = scan.tokens;
    scan.candidates.retain(|c| {
        if c.rule.priority >= CLUE.below || !matches!(c.class, PhiClass::Name | PhiClass::Location) {
            return true;
        }
        let at = t.list.partition_point(|x| (x.start as usize) < c.start);
        let words = t.list[at..].iter().zip(&opinion.distance[at..]).take_while(|(x, _)| (x.start as usize) < c.end);
        let nearest = words.filter(|(x, _)| x.kind != token::Kind::Mark).map(|(_, d)| *d).fold(f32::MAX, f32::min);
        !(c.rule.priority < GUESS.below && nearest > GUESS.distance || nearest > CLUE.distance)
    });
    for tagged in opinion.tagged.iter().map(|tagged| trimmed(t, *tagged)).flat_map(|tagged| apart(t, tagged)) {
        if let Some((first, last, class)) = identifies(t, &tagged) {
            // A number that no word announces is more surely a number than one of this class.
            let unsaid = matches!(tagged.kind, Kind::Id | Kind::Phone) && !said(t, first);
            let most = if unsaid { UNSAID } else { 1.0 };
            let rule = Rule { confidence: tagger.confidence(tagged.margin).min(most), ..TAGGER };
            scan.push(first, last, class, rule);
        }
    }
}

/// Without what stands beside the identifier and is none: `ALS, Sally T.`, `; maria@example.org`.
fn trimmed(t: &Tokens<'_>, tagged: Tagged) -> Tagged {
    let Tagged { mut first, mut last, kind, .. } = tagged;
    while first < last && matches!(t.at(first), ";" | "," | ":" | "." | "|" | "\"" | "'") {
        first += 1;
    }
    while first < last && matches!(t.at(last), ";" | "," | ":" | "|" | "\"") {
        last -= 1;
    }
    if kind == Kind::Name && last > first + 1 && t.is_mark(first + 1, ',') && abbreviation(t, first) {
        first += 2;
    }
    // `ucla medical center`: without capitals the end of an institution's name is a word like others.
    let lower = |i: usize| t.get(i).is_some_and(|x| x.case == token::Case::Lower);
    while kind == Kind::Location
        && lower(last)
        && lower(last + 1)
        && t.same_line(last + 1)
        && t.has(last + 1, Cues::FACILITY)
    {
        last += 1;
    }
    Tagged { first, last, ..tagged }
}

/// `555-010-4477 or 555-010-4478` are two: numbers end where a word stands between spaces.
fn apart(t: &Tokens<'_>, tagged: Tagged) -> Vec<Tagged> {
    if !matches!(tagged.kind, Kind::Phone | Kind::Net) {
        return vec![tagged];
    }
    let between = |i: usize| {
        t.get(i)
            .is_some_and(|x| x.kind == token::Kind::Word && x.case == token::Case::Lower && x.gap != token::Gap::None)
            && !t.joined(i + 1)
            && !t.at(i).starts_with(['x', 'e'])
    };
    let mut out = Vec::new();
    let mut first = tagged.first;
    for i in (tagged.first..=tagged.last).filter(|i| between(*i)) {
        if i > first {
            out.push(Tagged { first, last: i - 1, ..tagged });
        }
        first = i + 1;
    }
    if first <= tagged.last {
        out.push(Tagged { first, ..tagged });
    }
    out
}

fn said(t: &Tokens<'_>, first: usize) -> bool {
    (0..=10).map_while(|k| first.checked_sub(k)).any(|i| t.has(i, Cues::NUMBERED))
}

/// What of a tagged stretch is an identifier in the law's sense, and of which class.
fn identifies(t: &Tokens<'_>, tagged: &Tagged) -> Option<(usize, usize, PhiClass)> {
    let Tagged { first, last, kind, margin } = *tagged;
    let sure = margin > BARE;
    let class = match kind {
        Kind::Name | Kind::Location if !believed(t, tagged) => return None,
        // A state alone identifies nobody: 164.514(b)(2)(i)(B).
        Kind::Name if state_end(t, first) == Some(last) && !t.tags(first).any(Tags::TOP_FIRST) => return None,
        Kind::Name => PhiClass::Name,
        Kind::Location if state_end(t, first).is_some_and(|end| end >= last) && !zip_after(t, last) => return None,
        Kind::Location => PhiClass::Location,
        // Neither does a year: (C).
        Kind::Date
            if first == last && t.number(first).is_some_and(|(n, len)| len == 4 && (1850..2100).contains(&n)) =>
        {
            return None;
        }
        Kind::Date => {
            let month = (first..=last).any(|i| t.has(i, Cues::MONTH));
            let numbers =
                (first..=last).filter(|i| matches!(t.kind(*i), Some(token::Kind::Number | token::Kind::Mixed)));
            let telling = match numbers.count() {
                0 => month && last > first,
                1 | 2 => {
                    month
                        || margin > if scale(t, first, last) { MEASURED } else { BARE }
                        || t.between(first, last).len() >= 6
                }
                _ => true,
            };
            telling.then_some(PhiClass::Date)?
        }
        // Nor an age under 90.
        Kind::Age => {
            let over = (first..=last).any(|i| {
                t.number(i).is_some_and(|(n, _)| (90..=130).contains(&n))
                    || t.has(i, Cues::NINETY)
                    || leading(t.at(i)) >= Some(90)
            });
            let said = |i: usize| t.has(i, Cues::OLD.or(Cues::YEARS).or(Cues::PERSON));
            let around = t.kind(last) == Some(token::Kind::Mixed)
                || (1..=3).any(|k| first.checked_sub(k).is_some_and(said) || said(last + k));
            (over && around).then_some(PhiClass::Age)?
        }
        // Five digits alone are a ZIP code sooner than a telephone.
        Kind::Phone
            if first == last && t.number(first).is_some_and(|(_, len)| len == 5) && line_cue(t, first).is_none() =>
        {
            PhiClass::Location
        }
        Kind::Phone => line_cue(t, first).unwrap_or(PhiClass::Phone),
        Kind::Net => {
            let text = t.between(first, last);
            if text.contains('@') {
                PhiClass::Email
            } else if text.contains("//") || text.bytes().any(|b| b.is_ascii_alphabetic()) && !text.contains("::") {
                PhiClass::Url
            } else {
                PhiClass::Ip
            }
        }
        Kind::Id => {
            // A number has a digit; a word alone is none.
            let some = t.between(first, last).bytes().any(|b| b.is_ascii_digit());
            let word = sure && (first..=last).any(|i| t.kind(i) == Some(token::Kind::Word));
            let measured = first == last && t.kind(first) == Some(token::Kind::Number) && !said(t, first);
            if measured && margin < MEASURED {
                return None;
            }
            // What is longer is encoded: for the filter's check of opaque text.
            let encoded = t.between(first, last).len() > LONGEST_ID && first == last;
            ((some || word) && !encoded && !stand_in(t, first, last)).then(|| number_class(t, first))?
        }
    };
    // `Mannerheimintie 12,`: so does the number of the house behind a street.
    let house = class == PhiClass::Location
        && t.number(last + 1).is_some_and(|(n, len)| len <= 4 && !(1850..2100).contains(&n));
    let ends =
        || t.get(last + 2).is_none_or(|x| x.gap == token::Gap::Line || matches!(t.at(last + 2), "," | "." | ";" | "|"));
    if house && t.same_line(last + 1) && t.kind(last) == Some(token::Kind::Word) && ends() {
        return Some((first, last + 1, class));
    }
    // `Yewmere, ME`: the state goes with the town.
    let state = state_end(t, last + 2)
        .filter(|_| class == PhiClass::Location || class == PhiClass::Name && !t.has(last + 2, Cues::CREDENTIAL))
        .filter(|_| t.is_mark(last + 1, ',') && t.same_line(last + 2));
    Some(match state {
        Some(end) if t.capital(last + 2) && t.at(end).len() == 2 => (first, end, PhiClass::Location),
        _ => (first, last, class),
    })
}

/// `7/10`, `2-4`: a score or a range sooner than a day of a month.
fn scale(t: &Tokens<'_>, first: usize, last: usize) -> bool {
    let (Some((a, _)), Some((b, _))) = (t.number(first), t.number(last)) else { return false };
    last == first + 2 && a <= b && (t.is_mark(first + 1, '-') || matches!(b, 4 | 5 | 6 | 10))
}

/// Whether the words of a name or place are not rather something that lists know.
fn believed(t: &Tokens<'_>, tagged: &Tagged) -> bool {
    // `json_schema` is a program's word.
    let linked = |i: usize| t.is_mark(i, '_') && t.joined(i);
    if tagged.kind == Kind::Name && (tagged.first..=tagged.last + 1).any(linked) {
        return false;
    }
    let words = || (tagged.first..=tagged.last).filter(|i| t.kind(*i) == Some(token::Kind::Word));
    let alone = words().count() == 1;
    let need = if words().all(|i| ordinary(t, i, tagged.kind)) {
        match tagged.kind {
            _ if alone => return false,
            Kind::Name => ORDINARY_NAME,
            _ => ORDINARY_PLACE,
        }
    } else if alone && words().all(|i| abbreviation(t, i)) {
        CAPITALS
    } else {
        f32::MIN
    };
    tagged.margin > need
}

/// A word of the language, of medicine or of forms, and of nobody's and no town's that is well known.
fn ordinary(t: &Tokens<'_>, i: usize, kind: Kind) -> bool {
    let tags = t.tags(i);
    let known = if kind == Kind::Location { Tags::TOP_SURNAME.or_tags(Tags::CITY) } else { Tags::TOP_SURNAME };
    let announces = Cues::STRONG.or(Cues::CODE).or(Cues::SAFE).or(Cues::CONDITION);
    t.has(i, announces) && !tags.any(Tags::TOP_FIRST)
        || tags.any(Tags::ORDINARY) && !tags.any(Tags::TOP_FIRST.or_tags(known))
}

/// `GERD` in a line that is not all in capitals.
pub(super) fn abbreviation(t: &Tokens<'_>, i: usize) -> bool {
    let upper = |j: usize| t.get(j).is_some_and(|x| x.case == token::Case::Upper);
    let written_so = (1..=4).any(|k| {
        let beside = |j: usize| t.get(j).is_some_and(|x| matches!(x.case, token::Case::Lower | token::Case::Init));
        i.checked_sub(k).is_some_and(beside) || beside(i + k)
    });
    upper(i) && t.at(i).len() <= 5 && written_so && !t.tags(i).any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME))
}

/// `[MRN-3]`, `<name_2>`: what stands for an identifier is none.
fn stand_in(t: &Tokens<'_>, mut first: usize, mut last: usize) -> bool {
    let (start, end) = (first.saturating_sub(6), last + 6);
    while first > start && t.joined(first) {
        first -= 1;
    }
    while last < end && t.joined(last + 1) {
        last += 1;
    }
    placeholder::resembling(t.between(first, last)).iter().any(|(_, number)| *number < 1000)
}

fn leading(s: &str) -> Option<u32> {
    let digits = s.bytes().take_while(u8::is_ascii_digit).count();
    s.get(..digits.min(4))?.parse().ok()
}

fn zip_after(t: &Tokens<'_>, last: usize) -> bool {
    t.number(last).is_some_and(|(_, len)| len == 5) || t.tags(last) == Tags::NONE && t.number(last).is_some()
}

/// The class that the nearest word on the left of a number says it is of.
fn number_class(t: &Tokens<'_>, first: usize) -> PhiClass {
    const SAYS: [(Cues, PhiClass); 8] = [
        (Cues::SSN, PhiClass::Ssn),
        (Cues::MRN, PhiClass::Mrn),
        (Cues::VEHICLE, PhiClass::Vehicle),
        (Cues::DEVICE, PhiClass::Device),
        (Cues::LICENSE, PhiClass::License),
        (Cues::PLAN, PhiClass::HealthPlan),
        (Cues::ACCOUNT, PhiClass::Account),
        (Cues::ZIP, PhiClass::Location),
    ];
    let said = |i: usize| SAYS.iter().find(|(cue, _)| t.has(i, *cue)).map(|(_, class)| *class);
    (0..=10).map_while(|k| first.checked_sub(k)).find_map(said).unwrap_or(PhiClass::Id)
}
