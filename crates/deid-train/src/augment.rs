//! The same document written in other ways, so that what is learned is not one way of writing.

use medlock_domain::PhiClass;

use crate::document::Document;
use crate::rng::Rng;
use crate::values::Values;

/// How a document may be changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Made by our frames: its names are new each time.
    Frames,
    /// Clinical text of others.
    Clinical,
    /// Text about anything.
    General,
}

/// Another way of writing `document`.
pub(crate) fn augment(document: &Document, source: Source, values: &Values, rng: &mut Rng) -> Document {
    let mut d = document.clone();
    if source != Source::Frames && rng.percent(60) {
        d = renamed(&d, values, rng);
    }
    if rng.percent(12) {
        d = untitled(&d);
    }
    if source != Source::General && rng.percent(12) {
        d = separated(&d, rng);
    }
    if rng.percent(5) {
        d = d.map(|piece, _| piece.replace('\n', " "));
    }
    match rng.below(100) {
        0..7 => d.map(|piece, _| piece.to_uppercase()),
        7..22 => d.map(|piece, _| piece.to_lowercase()),
        22..25 => d.map(|piece, label| if label.is_some() { piece.to_uppercase() } else { piece.to_owned() }),
        _ => d,
    }
}

/// Other names and towns in the places of these; the same ones for the same ones.
fn renamed(d: &Document, values: &Values, rng: &mut Rng) -> Document {
    let mut known: std::collections::HashMap<String, String> = std::collections::HashMap::new();
    d.map(|piece, label| match label {
        Some(Some(PhiClass::Name)) => {
            let words = piece.split(' ').count();
            let mut n = 0;
            let out: Vec<String> = piece
                .split(' ')
                .map(|word| {
                    n += 1;
                    let letters: String = word.chars().filter(|c| c.is_alphabetic()).collect();
                    if letters.chars().count() < 2
                        || word.contains(['@', '#', '_', '\'', '-'])
                        || !word.chars().next().is_some_and(char::is_alphabetic)
                    {
                        return word.to_owned();
                    }
                    let last = n == words && words > 1 || piece.contains(',') && n == 1;
                    let new = known
                        .entry(letters.clone())
                        .or_insert_with(|| if last { values.family_name(rng) } else { values.given_name(rng) })
                        .clone();
                    let new = if letters.chars().all(char::is_uppercase) {
                        new.to_uppercase()
                    } else if letters.chars().all(char::is_lowercase) {
                        new.to_lowercase()
                    } else {
                        new
                    };
                    word.replace(&letters, &new)
                })
                .collect();
            out.join(" ")
        }
        Some(Some(PhiClass::Location))
            if !piece.contains(|c: char| c == ' ' || c.is_ascii_digit()) && piece.len() > 3 =>
        {
            known.entry(piece.to_owned()).or_insert_with(|| values.city(rng)).clone()
        }
        _ => piece.to_owned(),
    })
}

/// Without the titles before names.
fn untitled(d: &Document) -> Document {
    let ends = ["Dr. ", "Dr ", "Mr. ", "Mrs. ", "Ms. ", "Mr ", "Ms ", "Mrs ", "DR. ", "dr. ", "Miss "];
    let pieces: Vec<_> = d.pieces().map(|(p, l)| (p.to_owned(), l)).collect();
    let mut out = Document::default();
    for (i, (piece, label)) in pieces.iter().enumerate() {
        match label {
            Some(label) => out.push_labelled(piece, *label),
            None => {
                let name_next = pieces.get(i + 1).is_some_and(|(_, l)| *l == Some(Some(PhiClass::Name)));
                let cut = ends.iter().find(|t| name_next && piece.ends_with(**t));
                out.push(cut.map_or(piece.as_str(), |t| &piece[..piece.len() - t.len()]));
            }
        }
    }
    out
}

/// `Name: x` with another mark between.
fn separated(d: &Document, rng: &mut Rng) -> Document {
    let mark = *rng.pick_copy(&[" - ", " = ", ":", " | ", "\t", " : ", "  ", "=", "\n", "^", "; "]);
    d.map(|piece, label| if label.is_none() { piece.replace(": ", mark) } else { piece.to_owned() })
}
