//! Numbers whose shape says what they are: telephone, social security, cards, and the ones with
//! check digits; and, last, what is too long or too mixed to be a measurement.

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::check;
use super::cue::Cues;
use super::run::{chunk, count, groups, starts_chunk};
use super::token::{Case, Kind, Tokens};

const PHONE: Rule = Rule::new("phone", 70, 0.9);
const PHONE_CUE: Rule = Rule::new("phone-cue", 84, 0.97);
const SSN: Rule = Rule::new("ssn", 80, 0.95);
const CARD: Rule = Rule::new("card", 79, 0.97);
const IBAN: Rule = Rule::new("iban", 95, 0.99);
const NPI: Rule = Rule::new("npi", 72, 0.9);
const DEA: Rule = Rule::new("dea", 78, 0.95);
const VIN: Rule = Rule::new("vin", 78, 0.97);
const MBI: Rule = Rule::new("mbi", 78, 0.97);
const UUID: Rule = Rule::new("uuid", 94, 0.95);
const UDI: Rule = Rule::new("udi", 94, 0.97);
const LOOSE: Rule = Rule::new("loose-number", 30, 0.5);

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    let mut phone_until = 0;
    for i in 0..t.list.len() {
        match t.list[i].kind {
            Kind::Mark => {
                if t.is_mark(i, '(') && i >= phone_until {
                    udi(scan, i);
                    phone_until = phone(scan, i, i).unwrap_or(phone_until);
                } else if t.is_mark(i, '+') && t.joined(i + 1) {
                    phone_until = phone(scan, i, i + 1).unwrap_or(phone_until);
                }
            }
            Kind::Number if starts_chunk(t, i) => {
                if i >= phone_until {
                    phone_until = phone(scan, i, i).unwrap_or(phone_until);
                }
                grouped(scan, i);
                whole(scan, i);
            }
            Kind::Mixed | Kind::Word if starts_chunk(t, i) => whole(scan, i),
            _ => {}
        }
    }
}

/// The nearest telephone or fax cue in the eight tokens before `i`.
pub(super) fn line_cue(t: &Tokens<'_>, i: usize) -> Option<PhiClass> {
    (1..=8).map_while(|k| i.checked_sub(k)).find_map(|j| {
        let cues = t.cues(j);
        if cues.any(Cues::FAX) {
            Some(PhiClass::Fax)
        } else if cues.any(Cues::PHONE) {
            Some(PhiClass::Phone)
        } else {
            None
        }
    })
}

/// A telephone number whose digits begin at `at` (`first` may be the plus or bracket before them).
/// Gives the first token after it.
fn phone(scan: &mut Scan<'_>, first: usize, at: usize) -> Option<usize> {
    let t = scan.tokens;
    let international = at > first;
    let cue = line_cue(t, first);
    let g = groups(t, at, if international { 7 } else { 5 })?;
    let total = g.digits.len();
    // The longest beginning of the groups that is a number of its own.
    let (groups_used, sure) = match g.lens.as_slice() {
        _ if international && (8..=15).contains(&total) => (g.lens.len(), true),
        [1, 3, 3, 4, ..] if g.digits.starts_with('1') => (4, true),
        [3, 3, 4, ..] => (3, g.separators != " " || t.is_mark(at, '(')),
        [2, 2, 2, 2, 2] if g.digits.starts_with('0') => (5, true),
        [3, 4] | [3, 4, _] if cue.is_some() && g.separators.starts_with(['-', '.', ' ']) => (2, true),
        [3, 7] if t.is_mark(at, '(') => (2, true),
        [10 | 11, ..] if cue.is_some() => (1, true),
        [n, ..]
            if cue.is_some()
                && g.separators != "."
                && g.separators != "/"
                && (9..=13).contains(&total)
                && *n <= 5
                && g.lens.iter().all(|l| *l >= 2) =>
        {
            (g.lens.len(), true)
        }
        _ => return None,
    };
    if !sure && cue.is_none() && t.has(g.last + 1, Cues::MEASURE) {
        return None;
    }
    let mut last = nth_number(t, at, groups_used)?;
    // Extension.
    let mut ext = last + 1;
    if t.is_mark(ext, ',') {
        ext += 1;
    }
    if t.is_word(ext, "x") || t.is_word(ext, "ext") || t.is_word(ext, "extension") {
        ext += 1;
        if t.is_mark(ext, '.') {
            ext += 1;
        }
        if t.same_line(ext) && t.number(ext).is_some_and(|(_, len)| len <= 6) {
            last = ext;
        }
    } else if t.kind(ext) == Some(Kind::Mixed)
        && t.at(ext).starts_with(['x', 'X'])
        && t.at(ext)[1..].bytes().all(|b| b.is_ascii_digit())
    {
        last = ext;
    }
    let rule = if cue.is_some() { PHONE_CUE } else { PHONE };
    scan.push(first, last, cue.unwrap_or(PhiClass::Phone), rule);
    Some(last + 1)
}

/// The token that holds the `n`th number from `at` on.
fn nth_number(t: &Tokens<'_>, at: usize, n: usize) -> Option<usize> {
    (at..at + 4 * n + 2).filter(|j| t.kind(*j) == Some(Kind::Number)).nth(n - 1)
}

/// Social security and card numbers in groups.
fn grouped(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let Some(g) = groups(t, i, 4) else { return };
    let one_separator = g.separators.len() == 1 && g.separators != "/";
    match g.lens.as_slice() {
        [3, 2, 4, ..] if one_separator && check::ssn(&g.digits[..9]) => {
            if let Some(last) = nth_number(t, i, 3) {
                scan.push(i, last, PhiClass::Ssn, SSN);
            }
        }
        [4, 4, 4, 4] | [4, 6, 5] if check::card(&g.digits) => scan.push(i, g.last, PhiClass::Account, CARD),
        [4, 6, 5, _] if check::card(&g.digits[..15]) => {
            if let Some(last) = nth_number(t, i, 3) {
                scan.push(i, last, PhiClass::Account, CARD);
            }
        }
        _ => {}
    }
}

/// What a chunk taken as a whole can be.
fn whole(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let last = chunk(t, i, "-_/.");
    if t.kind(i) == Some(Kind::Word) && last == i {
        if t.at(i).len() == 2 {
            iban(scan, i, i);
        }
        return;
    }
    let text = t.between(i, last);
    if text.len() > 64 {
        return;
    }
    let (digits, letters) = count(text);
    if digits == 0 {
        return;
    }
    let bare: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if letters > 0 && iban(scan, i, last) {
        return;
    }
    let found = if uuid(text) {
        Some((PhiClass::Id, UUID))
    } else if check::vin(text) {
        Some((PhiClass::Vehicle, VIN))
    } else if check::mbi(&bare) && letters > 0 && !text.bytes().any(|b| b.is_ascii_lowercase()) {
        Some((PhiClass::HealthPlan, MBI))
    } else if check::dea(text) && !text.bytes().any(|b| b.is_ascii_lowercase()) {
        Some((PhiClass::License, DEA))
    } else if letters == 0 && i == last && check::card(text) {
        Some((PhiClass::Account, CARD))
    } else if i == last && check::npi(text) {
        Some((PhiClass::License, NPI))
    } else if loose(t, i, last, text, digits, letters) {
        Some((PhiClass::Id, LOOSE))
    } else {
        None
    };
    if let Some((class, rule)) = found {
        scan.push(i, last, class, rule);
    }
}

/// Too long or too mixed for a measurement, a dose, a date or a public code.
fn loose(t: &Tokens<'_>, i: usize, last: usize, text: &str, digits: usize, letters: usize) -> bool {
    let coded = (1..=4).map_while(|k| i.checked_sub(k)).any(|j| t.has(j, Cues::CODE));
    let measured =
        t.has(last + 1, Cues::MEASURE) && t.same_line(last + 1) || t.is_mark(last + 1, '%') && t.joined(last + 1);
    let fraction = t.is_mark(last + 1, ',') && t.joined(last + 1) && t.joined(last + 2) || text.contains(['/', '.']);
    if coded || measured || fraction {
        return false;
    }
    if letters == 0 {
        let parts = text.split(['-', '_']);
        return if i == last { digits >= 7 } else { digits >= 9 || digits >= 7 && parts.count() >= 3 };
    }
    let head: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    let public = [
        "NCT", "PMC", "COVID", "SARS", "ICD", "CPT", "ISO", "RS", "GSE", "NDC", "NDA", "BLA", "ANDA", "LOINC", "FY",
        "CY", "HR", "BP", "PMID",
    ];
    let lower = text.bytes().any(|b| b.is_ascii_lowercase());
    let tail: String = text.chars().skip_while(|c| !c.is_alphabetic()).collect();
    let year =
        digits == 4 && text.split(|c: char| !c.is_ascii_digit()).any(|d| d.starts_with("19") || d.starts_with("20"));
    if lower || public.contains(&head.as_str()) || year || letters > 3 * digits {
        return false;
    }
    let unit = ["MG", "MCG", "ML", "IU", "MM", "CM", "KG", "M2", "K", "X", "L", "G", "U", "H", "HR", "F", "C", "M"];
    let parts = text.contains(['-', '_']);
    !unit.contains(&tail.as_str()) && (digits >= 5 || digits >= 4 && (parts || bare_len(text) >= 7))
}

fn bare_len(s: &str) -> usize {
    s.bytes().filter(u8::is_ascii_alphanumeric).count()
}

fn uuid(s: &str) -> bool {
    s.len() == 36
        && s.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && s.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// An IBAN, printed in one piece or in groups of four.
fn iban(scan: &mut Scan<'_>, i: usize, chunk_last: usize) -> bool {
    let t = scan.tokens;
    let country = t.at(i).as_bytes();
    if country.len() < 2
        || !country[..2].iter().all(u8::is_ascii_uppercase)
        || t.get(i).is_some_and(|x| x.case == Case::Init)
    {
        return false;
    }
    let mut all = String::new();
    let mut found = None;
    for j in i..i + 24 {
        let ok = j == i || j <= chunk_last || t.same_line(j);
        if !ok || t.kind(j).is_none_or(|k| k == Kind::Mark) && !t.is_mark(j, '-') || all.len() > 34 {
            break;
        }
        if t.kind(j) != Some(Kind::Mark) {
            all.push_str(t.at(j));
        }
        if check::iban(&all) {
            found = Some(j);
        }
    }
    if let Some(last) = found {
        scan.push(i, last, PhiClass::Account, IBAN);
    }
    found.is_some()
}

/// A unique device identifier in its printed form: `(01)00844588003288(17)141231`.
fn udi(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let part = |j: usize| {
        t.is_mark(j, '(')
            && t.number(j + 1).is_some_and(|(_, len)| len == 2)
            && t.is_mark(j + 2, ')')
            && t.joined(j + 3)
    };
    if !part(i) || t.at(i + 3).len() != 14 || t.kind(i + 3) != Some(Kind::Number) {
        return;
    }
    let mut last = i + 3;
    while last - i < 40 && t.joined(last + 1) && part(last + 1) {
        last = chunk(t, last + 4, "-_/.");
    }
    scan.push(i, last, PhiClass::Device, UDI);
}
