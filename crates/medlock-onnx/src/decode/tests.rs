#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use Place::{Any, Begin, End, Inside, Single};

/// Words (by white space) of a text, each with what it is part of.
fn found(text: &str, said: &[(&str, Place, usize, PhiClass)]) -> Vec<String> {
    let mut at = 0;
    let tokens: Vec<Token> = said
        .iter()
        .map(|(piece, ..)| {
            let start = at + text[at..].find(piece).unwrap();
            at = start + piece.len();
            Token { id: 0, start, end: at }
        })
        .collect();
    let part = |(_, place, entity, class): &(&str, Place, usize, PhiClass)| {
        (*entity > 0).then_some(Part { class: *class, probability: 0.75, place: *place, entity: *entity })
    };
    let parts: Vec<_> = said.iter().map(part).collect();
    let all = guesses(text, &tokens, &parts);
    assert!(all.iter().all(|g| g.confidence == 0.75));
    all.into_iter().map(|g| text[g.start..g.end].to_owned()).collect()
}

const N: PhiClass = PhiClass::Name;

#[test]
fn places_say_where_one_ends_and_the_next_begins() {
    let text = "Ann Lee Bob Ray left";
    let bio =
        [("Ann", Begin, 1, N), ("Lee", Inside, 1, N), ("Bob", Begin, 1, N), ("Ray", Inside, 1, N), ("left", Any, 0, N)];
    assert_eq!(found(text, &bio), ["Ann Lee", "Bob Ray"]);
    let bioes = [("Ann", Begin, 1, N), ("Lee", End, 1, N), ("Bob", Single, 1, N), ("Ray", Inside, 1, N)];
    assert_eq!(found(text, &bioes), ["Ann Lee", "Bob", "Ray"]);
    assert_eq!(found(text, &[("Ann", Any, 1, N), ("Lee", Any, 1, N), ("Bob", Any, 0, N)]), ["Ann Lee"]);
    assert_eq!(found("Ann\nLee", &[("Ann", Any, 1, N), ("Lee", Any, 1, N)]), ["Ann", "Lee"]);
}

#[test]
fn first_and_last_name_are_one_name() {
    assert_eq!(found("Ann Lee", &[("Ann", Begin, 1, N), ("Lee", Begin, 2, N)]), ["Ann Lee"]);
    assert_eq!(found("Lee, Ann", &[("Lee", Single, 2, N), ("Ann", Single, 1, N)]), ["Lee", "Ann"]);
}

#[test]
fn a_word_is_taken_whole() {
    let loc = PhiClass::Location;
    assert_eq!(found("Dr. Gonzalez-Šmíd,", &[("Gon", Begin, 1, N), ("za", Any, 0, N)]), ["Gonzalez"]);
    let pieces = [("Gon", Begin, 1, N), ("zalez", Any, 0, N), ("Lee", Inside, 1, N), ("left", Any, 0, N)];
    assert_eq!(found("Gonzalez Lee left", &pieces), ["Gonzalez Lee"]);
    assert_eq!(found("(Gonza\u{301}lez\u{301})", &[("nza", Begin, 1, N)]), ["Gonza\u{301}lez\u{301}"]);
    assert_eq!(found("xŠmídy.", &[("míd", Begin, 1, N)]), ["xŠmídy"]);
    assert_eq!(found("Gonzalez", &[("Gon", Begin, 1, N), ("zalez", Begin, 1, N)]), ["Gonzalez"]);
    assert_eq!(found("Gonzalez", &[("Gon", Begin, 1, N), ("zalez", Begin, 2, loc)]), ["Gonzalez"]);
    assert_eq!(found("met Ann , then", &[(" Ann ,", Begin, 1, N)]), ["Ann"]);
    assert!(found("a -- b", &[("--", Begin, 1, N)]).is_empty());
}

#[test]
fn a_class_is_as_probable_as_its_labels_together() {
    let m = |class, place, entity| Some(Meaning { class, place, entity });
    let labels = [None, m(N, Begin, 1), m(N, Inside, 1), m(PhiClass::Date, Begin, 2)];
    let logits = [0.4_f32, 0.25, 0.2, 0.15].map(f32::ln);
    let got = part(&logits, &labels, 0.44).unwrap();
    assert_eq!((got.class, got.place), (N, Begin));
    assert!((got.probability - 0.45).abs() < 1e-6);
    assert_eq!(part(&logits, &labels, 0.46), None);
    assert_eq!(part(&[9.0, -900.0, -900.0, -900.0], &labels, 0.0), None, "nothing is as probable as nothing");
}

#[test]
fn long_runs_are_not_walked_to_their_ends() {
    let text = "x".repeat(10_000);
    let got = whole(&text, Guess { start: 5000, end: 5001, class: N, confidence: 1.0 }).unwrap();
    assert_eq!((got.start, got.end), (5000 - WORD, 5001 + WORD));
}
