//! From figures per token to identifiers in the text.

use crate::labels::{Meaning, Place};
use crate::tokens::Token;
use medlock_deid::Guess;
use medlock_domain::PhiClass;

/// How far a finding is stretched to the ends of the words it begins and ends in.
const WORD: usize = 64;

/// What a token is part of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    class: PhiClass,
    /// The probability of the class, all of its labels together.
    probability: f32,
    place: Place,
    entity: usize,
}

/// What one row of figures says, if anything is as probable as `threshold`.
pub(crate) fn part(row: &[f32], labels: &[Option<Meaning>], threshold: f32) -> Option<Part> {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = row.iter().map(|x| (x - top).exp()).sum();
    let mut classes = [0.0_f32; PhiClass::ALL.len()];
    for (x, meaning) in row.iter().zip(labels) {
        if let Some(m) = meaning {
            classes[m.class as usize] += (x - top).exp() / total;
        }
    }
    let (class, probability) =
        PhiClass::ALL.into_iter().map(|c| (c, classes[c as usize])).max_by(|a, b| a.1.total_cmp(&b.1))?;
    if probability <= 0.0 || probability < threshold {
        return None;
    }
    let best = row.iter().zip(labels).filter_map(|(x, m)| Some((x, (*m)?))).filter(|(_, m)| m.class == class);
    let (_, Meaning { place, entity, .. }) = best.max_by(|a, b| a.0.total_cmp(b.0))?;
    Some(Part { class, probability: probability.min(1.0), place, entity })
}

/// A finding that is being put together.
struct Open {
    guess: Guess,
    tokens: f32,
    last: Part,
}

/// Puts parts together. Each finding begins and ends with its words and is trimmed of spaces and marks.
pub(crate) fn guesses(text: &str, tokens: &[Token], parts: &[Option<Part>]) -> Vec<Guess> {
    let mut out = Vec::new();
    let mut open: Option<Open> = None;
    for (token, part) in tokens.iter().zip(parts) {
        let (start, end) = (text.floor_char_boundary(token.start), text.ceil_char_boundary(token.end));
        if start >= end {
            continue; // stands for nothing
        }
        let Some(part) = *part else {
            match &mut open {
                // Many models are taught the first piece of a word only; what they say of others is nothing.
                Some(o) if same_word(text, o, start) => o.guess.end = o.guess.end.max(end),
                _ => out.extend(open.take()),
            }
            continue;
        };
        match &mut open {
            Some(o) if goes_on(text, o, &part, start) => {
                o.guess.end = o.guess.end.max(end);
                o.guess.confidence += part.probability;
                o.tokens += 1.0;
                o.last = part;
            }
            _ => {
                out.extend(open.take());
                let guess = Guess { start, end, class: part.class, confidence: part.probability };
                open = Some(Open { guess, tokens: 1.0, last: part });
            }
        }
    }
    out.extend(open);
    let mean = |o: Open| Guess { confidence: (o.guess.confidence / o.tokens).min(1.0), ..o.guess };
    united(out.into_iter().filter_map(|o| whole(text, mean(o))).collect())
}

/// Whether a token at `start` belongs to what is open.
fn goes_on(text: &str, open: &Open, part: &Part, start: usize) -> bool {
    let gap = text.get(open.guess.end..start).unwrap_or_default();
    if open.last.class != part.class {
        return false;
    }
    let ended = matches!(open.last.place, Place::End | Place::Single);
    match part.place {
        _ if same_word(text, open, start) => true,
        // `first_name` and `last_name` beside each other are one name.
        Place::Begin | Place::Single => open.last.entity != part.entity && gap == " ",
        _ if ended => open.last.entity != part.entity && gap == " ",
        Place::Any => !gap.contains('\n'),
        Place::Inside | Place::End => true,
    }
}

fn same_word(text: &str, open: &Open, start: usize) -> bool {
    open.guess.end >= start && inside_a_word(text, start)
}

fn inside_a_word(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back().is_some_and(of_a_word);
    before && text[at..].chars().next().is_some_and(of_a_word)
}

/// Letters, digits, and accents written as characters of their own.
fn of_a_word(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

/// Stretched to the ends of its words and trimmed; nothing if nothing is left.
pub(crate) fn whole(text: &str, guess: Guess) -> Option<Guess> {
    let (mut start, mut end) = (guess.start, guess.end);
    while inside_a_word(text, start) && guess.start - start < WORD {
        start -= text[..start].chars().next_back().map_or(0, char::len_utf8);
    }
    while inside_a_word(text, end) && end - guess.end < WORD {
        end += text[end..].chars().next().map_or(0, char::len_utf8);
    }
    let value = &text[start..end];
    let first = value.find(char::is_alphanumeric)?;
    let last = value.char_indices().rfind(|(_, c)| of_a_word(*c))?;
    Some(Guess { start: start + first, end: start + last.0 + last.1.len_utf8(), ..guess })
}

/// One guess where several overlap; the surest says of which class.
pub(crate) fn united(mut guesses: Vec<Guess>) -> Vec<Guess> {
    guesses.sort_by_key(|g| (g.start, std::cmp::Reverse(g.end)));
    let mut out: Vec<Guess> = Vec::with_capacity(guesses.len());
    for next in guesses {
        match out.last_mut() {
            Some(last) if next.start < last.end => {
                if next.confidence > last.confidence {
                    (last.class, last.confidence) = (next.class, next.confidence);
                }
                last.end = last.end.max(next.end);
            }
            _ => out.push(next),
        }
    }
    out
}

#[cfg(test)]
mod tests;
