//! How far a name reaches.

use super::super::cue::Cues;
use super::super::lexicon::Tags;
use super::super::token::{Case, Kind, Tokens};

/// How surely the words in front announce a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grip {
    /// `Mr.`: whatever follows in capitals is one.
    Firm,
    /// `Patient:`: unless it is an ordinary word.
    Middling,
    /// `Re:`, `daughter`: when the words speak for it themselves.
    Loose,
    /// `named`: as middling, and in lower case when listed.
    Lower,
}

const MOST_WORDS: usize = 5;

/// No word of a name in the middle of a text.
const NEVER: Cues = Cues::SAFE.or(Cues::CREDENTIAL).or(Cues::MONTH).or(Cues::WEEKDAY).or(Cues::TITLE);

/// The last token of the name that begins at `first`, if one does.
pub(super) fn extent(t: &Tokens<'_>, first: usize, grip: Grip) -> Option<usize> {
    let token = t.get(first).filter(|x| x.kind == Kind::Word)?;
    let begins = match token.case {
        Case::Single => opening_initial(t, first),
        Case::Init | Case::Upper => begins_name(t, first, grip),
        Case::Lower => lower_begins(t, first, grip),
        Case::None => token.end - token.start >= 6 && grip != Grip::Loose,
        Case::Odd => grip == Grip::Firm,
    };
    if !begins {
        return None;
    }
    let lower = token.case == Case::Lower;
    let mut last = first;
    let mut words = 1;
    if token.case == Case::Single && t.is_mark(first + 1, '.') {
        last += 1;
    }
    while words < MOST_WORDS {
        let Some(next) = following(t, last, lower, words, true) else { break };
        last = next;
        words += 1;
    }
    Some(with_first_name_after_comma(t, first, last).unwrap_or(last))
}

/// `V. Eikleberry`, and `J.` on its own after a title.
fn opening_initial(t: &Tokens<'_>, i: usize) -> bool {
    let next = i + 1 + usize::from(t.is_mark(i + 1, '.'));
    t.same_line(next) && t.capital(next) && !t.has(next, NEVER) || t.is_mark(i + 1, '.') && t.joined(i + 1)
}

fn begins_name(t: &Tokens<'_>, i: usize, grip: Grip) -> bool {
    let tags = t.tags(i);
    let cues = t.cues(i);
    let top = tags.any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME));
    let ordinary = tags.any(Tags::COMMON.or_tags(Tags::MEDICAL).or_tags(Tags::DRUG));
    let acronym = t.get(i).is_some_and(|x| x.case == Case::Upper) && t.at(i).len() <= 3 && !top;
    if comma_form(t, i) {
        return true;
    }
    if t.has(i + 1, Cues::CONDITION) && grip != Grip::Firm {
        return false;
    }
    match grip {
        Grip::Firm => {
            !cues.any(Cues::CREDENTIAL)
                && (!cues.any(Cues::SAFE) || top && t.get(i).is_some_and(|x| x.case == Case::Init))
        }
        Grip::Middling | Grip::Lower => !cues.any(NEVER.or(Cues::FIELD)) && (!ordinary || top) && !acronym,
        Grip::Loose => {
            !cues.any(NEVER.or(Cues::EPONYM).or(Cues::FIELD).or(Cues::FACILITY).or(Cues::FACILITY_PART))
                && !acronym
                && (!ordinary || top && name_goes_on(t, i))
                || cues.any(Cues::EPONYM) && top && name_goes_on(t, i)
        }
    }
}

/// `Long, Zarrah`, `Van-Dyke, Freedom`: a word, a comma and a first name.
fn comma_form(t: &Tokens<'_>, i: usize) -> bool {
    let last = if t.is_mark(i + 1, '-') && t.joined(i + 1) && t.capital(i + 2) { i + 2 } else { i };
    let never = Cues::CREDENTIAL.or(Cues::TITLE).or(Cues::PERSON).or(Cues::KIN).or(Cues::FACILITY);
    t.get(i).is_some_and(|x| x.case == Case::Init)
        && !t.has(i, never)
        && t.at(i).len() >= 2
        && !(last == i && t.has(i, NEVER))
        && with_first_name_after_comma(t, i, last).is_some()
}

/// `August Klingensmith`: a first name that is a month's too.
pub(super) fn named_for_a_month(t: &Tokens<'_>, i: usize) -> bool {
    let next = t.tags(i + 1);
    t.has(i, Cues::MONTH)
        && t.tags(i).any(Tags::TOP_FIRST)
        && t.same_line(i + 1)
        && t.get(i + 1).is_some_and(|x| x.case == Case::Init)
        && next.any(Tags::A_NAME)
        && !next.any(Tags::ORDINARY)
        && !t.has(i + 1, NEVER)
}

/// Whether a second word or an initial follows.
fn name_goes_on(t: &Tokens<'_>, i: usize) -> bool {
    let next = i + 1 + usize::from(t.is_mark(i + 1, ','));
    t.same_line(next) && t.capital(next) && !t.has(next, NEVER)
        || t.tags(i).any(Tags::TOP_FIRST) && !t.tags(i).any(Tags::SMALL)
}

fn lower_begins(t: &Tokens<'_>, i: usize, grip: Grip) -> bool {
    let tags = t.tags(i);
    let top = tags.any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME));
    let rare = tags.any(Tags::A_NAME) && !tags.any(Tags::ORDINARY);
    match grip {
        _ if particle(t, i) => true,
        Grip::Lower => {
            (rare || top && !tags.any(Tags::SMALL) || tags.any(Tags::TOP_FIRST) && t.tags(i + 1).any(Tags::A_NAME))
                && !t.has(i, NEVER)
        }
        Grip::Middling => {
            (rare
                || top
                    && !t.has(i, NEVER)
                    && (!tags.any(Tags::SMALL) || tags.any(Tags::TOP_SURNAME) && t.is_mark(i - 1, '.')))
                && !t.has(i, Cues::SAFE.or(Cues::FIELD))
        }
        _ => false,
    }
}

/// The last token of the next word of a name whose last token is `last`.
///
/// `announced`: something in front says that this is a name, so that more may belong to it.
fn following(t: &Tokens<'_>, last: usize, lower: bool, words: usize, announced: bool) -> Option<usize> {
    let next = last + 1;
    // St.John
    if t.is_mark(next, '.') && t.joined(next) && t.is_word(last, "st") && t.joined(next + 1) && t.capital(next + 1) {
        return Some(next + 1);
    }
    // Hyphen and period: Smith-Jones, J. Smith, Jr.
    if t.is_mark(next, '-') && t.joined(next) && t.joined(next + 1) && t.capital(next + 1) {
        return Some(next + 1);
    }
    if t.is_mark(next, ',') && t.has(next + 1, Cues::SUFFIX) && t.capital(next + 1) && !t.is_word(next + 1, "phd") {
        return Some(next + 1);
    }
    let token = t.get(next).filter(|x| x.kind == Kind::Word)?;
    if !t.same_line(next) || t.joined(next) && !t.is_mark(last, '.') {
        return None;
    }
    match token.case {
        Case::Single => {
            let dot = t.is_mark(next + 1, '.') && t.joined(next + 1);
            let end_or_more =
                dot || t.get(next + 1).is_none_or(|x| {
                    x.kind == Kind::Mark
                        || x.case == Case::Init
                        || x.case == Case::Upper
                        || x.gap == super::super::token::Gap::Line
                }) || t.at(next) != "A" && t.at(next) != "I";
            end_or_more.then_some(next + usize::from(dot))
        }
        Case::Init | Case::Upper | Case::None => {
            let tags = t.tags(next);
            let never = token.cues.any(NEVER.or(Cues::FACILITY).or(Cues::CONDITION)) && !token.cues.any(Cues::SUFFIX)
                || token.cues.any(Cues::ENDS_NAME);
            let name = tags.any(Tags::A_NAME);
            let common = tags.any(Tags::SMALL) && !tags.any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME))
                || tags.any(Tags::ORDINARY) && !name;
            let upper_mix = token.case == Case::Upper && t.get(last).is_some_and(|x| x.case == Case::Init);
            let suffix = token.cues.any(Cues::SUFFIX);
            let given = t.tags(last).any(Tags::FIRST.or_tags(Tags::TOP_FIRST))
                && !t.tags(last).any(Tags::SMALL)
                && t.kind(last) == Some(Kind::Word);
            let initial = t.is_mark(last, '.') || t.get(last).is_some_and(|x| x.case == Case::Single);
            let init = token.case == Case::Init
                && !token.cues.any(Cues::CREDENTIAL.or(Cues::TITLE).or(Cues::ENDS_NAME))
                && t.at(next).len() >= 4;
            // `Sarah White`, `K. June`: a surname although the word is another thing as well.
            let surname =
                init && words <= 2 && (given || initial) && tags.any(Tags::TOP_SURNAME.or_tags(Tags::TOP_FIRST));
            // `Rivan Busing`, `Abrahim F. Blind`, `Carolyn Hire is`: an ordinary word in a surname's place.
            let in_place = init
                && words <= 2
                && !token.cues.any(NEVER.or(Cues::FIELD).or(Cues::FACILITY).or(Cues::CONDITION))
                && (announced && (words == 1 || initial) && !tags.any(Tags::MEDICAL)
                    || given
                        && t.tags(last).any(Tags::TOP_FIRST)
                        && t.same_line(next + 1)
                        && t.has(next + 1, Cues::ENDS_NAME));
            if surname || in_place {
                return Some(next);
            }
            let ends = never || common || upper_mix || words >= 3 && tags.any(Tags::COMMON);
            (suffix || !ends).then_some(next)
        }
        Case::Lower if particle(t, next) => Some(next),
        Case::Lower if lower && words < 3 => {
            let tags = t.tags(next);
            let name = tags.any(Tags::A_NAME) && !tags.any(Tags::ORDINARY)
                || tags.any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME)) && !token.cues.any(NEVER) && words == 1;
            name.then_some(next)
        }
        _ => None,
    }
}

/// `van` in `van Gogh`, `van der` in `van der Berg`.
fn particle(t: &Tokens<'_>, i: usize) -> bool {
    let one = |j: usize| t.has(j, Cues::PARTICLE) && t.at(j).len() > 1 && t.same_line(j + 1);
    one(i) && (t.capital(i + 1) || one(i + 1) && t.capital(i + 2))
}

/// `Digiuseppe, Georgios`: the first name behind the comma.
fn with_first_name_after_comma(t: &Tokens<'_>, first: usize, last: usize) -> Option<usize> {
    let next = last + 2;
    if last - first > 3
        || super::super::verdict::abbreviation(t, first)
        || !t.is_mark(last + 1, ',')
        || !t.same_line(next)
        || !t.capital(next)
        || t.kind(next) != Some(Kind::Word)
    {
        return None;
    }
    let tags = t.tags(next);
    let given = tags.any(Tags::FIRST.or_tags(Tags::TOP_FIRST))
        && (!tags.any(Tags::COMMON.or_tags(Tags::MEDICAL)) || tags.any(Tags::TOP_FIRST));
    let unlisted = !tags.any(Tags::ORDINARY) && !tags.any(Tags::CITY.or_tags(Tags::STATE)) && t.at(next).len() > 2;
    let number_cue = Cues::ID.or(Cues::MRN).or(Cues::SSN).or(Cues::PHONE).or(Cues::FAX).or(Cues::DATE_CUE);
    if t.has(next, NEVER.or(Cues::FIELD).or(number_cue))
        || super::super::place::state_end(t, next).is_some()
        || !(given || unlisted)
    {
        return None;
    }
    let middle = following(t, next, false, 1, true)
        .filter(|m| t.get(*m).is_some_and(|x| x.case == Case::Single || x.kind == Kind::Mark || x.case == Case::Init));
    Some(middle.unwrap_or(next))
}

/// The run of capitalised words that begins at `i`, by shape alone, cut before what is never a name.
pub(super) fn plain(t: &Tokens<'_>, i: usize) -> usize {
    let mut last = i;
    if t.get(i).is_some_and(|x| x.case == Case::Single) && t.is_mark(i + 1, '.') {
        last += 1;
    }
    let mut words = 1;
    while words < MOST_WORDS {
        let Some(next) = following(t, last, false, words, false) else { break };
        last = next;
        words += 1;
    }
    if words == 1 && t.get(i).is_some_and(|x| x.case == Case::Init) {
        let tags = t.tags(i);
        let given = t.tags(i + 2).any(Tags::FIRST.or_tags(Tags::TOP_FIRST)) && !t.tags(i + 2).any(Tags::COMMON);
        if !tags.any(Tags::ORDINARY)
            || (tags.any(Tags::TOP_SURNAME) || given) && !tags.any(Tags::SMALL.or_tags(Tags::MEDICAL))
        {
            last = with_first_name_after_comma(t, i, last).unwrap_or(last);
        }
    }
    last
}
