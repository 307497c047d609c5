//! Institutions: capitalised words around a word such as "Hospital" or "Clinic", unless all of them
//! are the generic kind ("Pain Clinic", "Medical Center").

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::lexicon::Tags;
use super::token::{Case, Gap, Kind, Tokens};

const FACILITY: Rule = Rule::new("facility", 56, 0.88);
const HEAD: Rule = Rule::new("facility-name", 47, 0.75);

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    for i in 0..t.list.len() {
        if t.has(i, Cues::FACILITY) || t.has(i, Cues::FACILITY_TAIL) && part(t, i) && !part(t, i + 1) {
            around(scan, i);
        } else if starts_saint(t, i) {
            saint(scan, i);
        }
    }
}

/// Whether token `i` may be part of an institution's name.
fn part(t: &Tokens<'_>, i: usize) -> bool {
    t.capital(i) && t.get(i).is_some_and(|x| x.kind == Kind::Word)
}

fn around(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let capital = part(t, i);
    let Some(first) = left_end(t, i) else { return };
    let mut last = i;
    let kind = Cues::FACILITY.or(Cues::FACILITY_PART).or(Cues::FACILITY_TAIL);
    while last - i < 8 {
        let and = 1 + usize::from(t.is_mark(last + 1, '&') || t.is_word(last + 1, "and") || t.is_mark(last + 1, ','));
        let next = last + and;
        if !part(t, next)
            || !t.same_line(next)
            || !t.same_line(last + 1)
            || !t.has(next, kind)
            || t.has(next, Cues::PLACE_PREP)
        {
            break;
        }
        last += and;
    }
    // A generic word is enough of a name when it stands among others, not alone.
    let own = (first..i).any(|j| part(t, j) && names_something(t, j));
    // `Nursing Home`, `Day Surgery`: two words that make one of the kind.
    let pair = part(t, i - 1) && t.has(i - 1, Cues::FACILITY.or(Cues::FACILITY_PART));
    let tail_only = !(pair || t.has(i, Cues::FACILITY));
    let placed = first > 0 && t.same_line(first) && placed(t, first);
    let alone = !t.same_line(first) && t.get(last + 1).is_none_or(|x| x.gap == Gap::Line);
    let words = (first..=last).filter(|j| part(t, *j)).count();
    let enough = match (own, tail_only) {
        (true, false) => true,
        (true, true) => placed || alone || first > 0 && t.is_mark(first - 1, ':'),
        // Generic words that stand where an institution stands: `treated at Central Clinic`.
        (false, false) => capital && words >= 2 && (placed || alone && words >= 3),
        (false, true) => capital && words >= 2 && placed && !t.is_word(i, "care") && !t.is_word(i, "health"),
    };
    if !enough {
        return;
    }
    // In lower case (`the Chicago downtown clinic`) only a place in front makes it one institution.
    if !capital
        && !(first..i).any(|j| {
            t.tags(j).any(Tags::CITY.or_tags(Tags::CITY_PHRASE).or_tags(Tags::STATE).or_tags(Tags::STARTS_PHRASE))
                && !t.tags(j).any(Tags::SMALL)
        })
    {
        return;
    }
    // `Mayo Clinic in Rochester`, `University of X`: the town belongs to it.
    let of = last + 1;
    let joined_town = t.same_line(of)
        && part(t, of)
        && (t.tags(of).any(Tags::CITY) || super::place::phrase(t, of, Tags::CITY_PHRASE).is_some());
    if joined_town && capital {
        last = super::place::phrase(t, of, Tags::CITY_PHRASE).unwrap_or(of);
    } else if (t.is_word(of, "of")
        || t.is_word(of, "at") && capital
        || t.is_word(of, "in") && capital && t.tags(of + 1).any(Tags::CITY.or_tags(Tags::STARTS_PHRASE)))
        && part(t, of + 1)
        && t.same_line(of + 1)
        && !t.has(of + 1, Cues::SAFE)
    {
        last = of + 1;
        while last - of < 4 && part(t, last + 1) && t.same_line(last + 1) && !t.has(last + 1, Cues::SAFE) {
            last += 1;
        }
    }
    scan.push(first, last, PhiClass::Location, FACILITY);
}

/// Whether a preposition of place stands in front of the words that begin at `first`.
fn placed(t: &Tokens<'_>, first: usize) -> bool {
    let article = usize::from(["the", "our", "a"].iter().any(|w| t.is_word(first - 1, w)));
    first > article && ["at", "to", "from", "in"].iter().any(|w| t.is_word(first - 1 - article, w))
}

/// Walks left from the facility word over what belongs to the name.
fn left_end(t: &Tokens<'_>, i: usize) -> Option<usize> {
    let mut first = i;
    let mut words = 0;
    let mut at = i;
    while at > 0 && words < 6 && i - at < 14 && t.same_line(at) {
        let j = at - 1;
        let little = matches!(t.at(j), "of" | "the" | "and" | "for" | "&" | "de" | "la" | "del");
        let joint = t.get(j).is_some_and(|x| x.kind == Kind::Mark)
            && matches!(t.at(j), "-" | "'" | "." | "&")
            && (t.joined(j) || t.is_mark(j, '&'))
            && (!t.is_mark(j, '.')
                || j > 0 && t.at(j - 1).len() <= 3 && !t.has(j - 1, Cues::TITLE) | t.has(j - 1, Cues::STREET));
        let possessive = t.is_word(j, "s") && t.joined(j) && j > 0 && t.is_mark(j - 1, '\'');
        let titled = t.has(j, Cues::TITLE) && !t.has(j, Cues::STREET);
        if part(t, j) && !titled && !sentence_word(t, j) {
            first = j;
            words += 1;
        } else if !(possessive || joint || little && j > 0 && part(t, j - 1) || at == i && lower_kind(t, j)) {
            break;
        }
        at = j;
    }
    (first < i).then_some(first)
}

/// The word between a place and "clinic" in `Chicago downtown clinic`.
fn lower_kind(t: &Tokens<'_>, j: usize) -> bool {
    let kinds = [
        "downtown",
        "university",
        "general",
        "medical",
        "city",
        "community",
        "regional",
        "memorial",
        "health",
        "outpatient",
    ];
    kinds.contains(&t.at(j))
}

/// A capital that is there because a sentence or a field begins.
fn sentence_word(t: &Tokens<'_>, j: usize) -> bool {
    let begins =
        !t.same_line(j) || j == 0 || matches!(t.at(j - 1), "." | ":" | ";" | "\u{2022}" | "*" | "(" | "\"" | "?" | "!");
    let generic = t.has(j, Cues::NOT_FACILITY);
    generic
        || begins
            && t.tags(j).any(Tags::SMALL)
            && t.get(j).is_some_and(|x| x.case == Case::Init)
            && !t.tags(j).any(Tags::CITY.or_tags(Tags::TOP_SURNAME).or_tags(Tags::TOP_FIRST).or_tags(Tags::STATE))
            && (t.has(j, Cues::SAFE) || t.has(j, Cues::ADMIT))
}

/// Whether a capitalised word is more than a kind of institution.
fn names_something(t: &Tokens<'_>, j: usize) -> bool {
    if t.has(j, Cues::FACILITY.or(Cues::SAFE)) || t.get(j).is_some_and(|x| x.case == Case::Single) {
        return false;
    }
    let generic = t.has(j, Cues::FACILITY_PART);
    let named = t.tags(j).any(Tags::TOP_FIRST.or_tags(Tags::CITY).or_tags(Tags::STATE)) && !t.tags(j).any(Tags::SMALL);
    let medical = t.tags(j).any(Tags::MEDICAL) && !named && t.tags(j).any(Tags::ORDINARY);
    let denominational = [
        "presbyterian",
        "methodist",
        "baptist",
        "lutheran",
        "city",
        "memorial",
        "county",
        "va",
        "university",
        "regional",
        "veterans",
    ]
    .iter()
    .any(|w| t.is_word(j, w));
    !generic && !medical || generic && denominational || named
}

/// `St. Vincent's`, `Mt. Sinai`, `Mount Sinai`, `Cedars-Sinai`.
fn starts_saint(t: &Tokens<'_>, i: usize) -> bool {
    let word = t.at(i);
    matches!(word, "St" | "Mt" | "Ft" | "ST" | "MT" | "Saint" | "Mount")
        && !t.has(i.wrapping_sub(1), Cues::STREET)
        && !t.joined(i)
}

fn saint(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let name = i + 1 + usize::from(t.is_mark(i + 1, '.'));
    if !part(t, name) || !t.same_line(name) || t.get(name).is_some_and(|x| x.case == Case::Single) {
        return;
    }
    // A street's number in front makes it a street, which the address rule takes.
    if i > 0
        && t.same_line(i)
        && t.capital(i - 1)
        && (1..4).any(|k| i.checked_sub(k).is_some_and(|j| t.kind(j) == Some(Kind::Number)))
    {
        return;
    }
    let mut last = name;
    while last - name < 3 && t.joined(last + 1) && t.is_mark(last + 1, '-') && part(t, last + 2) {
        last += 2;
    }
    if t.is_mark(last + 1, '\'') && t.joined(last + 1) && t.is_word(last + 2, "s") && t.joined(last + 2) {
        last += 2;
    }
    scan.push(i, last, PhiClass::Location, HEAD);
}
