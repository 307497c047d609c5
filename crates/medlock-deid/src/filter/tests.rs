#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::tests::{letters, tokenize};

/// What the filter makes of an answer, by itself.
fn filter(surrogates: &Surrogates, action: OnLeak, pieces: &[&str]) -> Result<(String, ClassCounts), BlockedOutput> {
    let mut filter = OutputFilter::new(Detector::shared(), surrogates, action);
    let mut out = String::new();
    for piece in pieces {
        filter.push(ModelText::new(*piece))?.iter().for_each(|t| out.push_str(t.expose()));
    }
    let (tail, counts) = filter.finish()?;
    tail.iter().for_each(|t| out.push_str(t.expose()));
    Ok((out, counts))
}

#[track_caller]
fn check(said: &str, expected: &str) {
    let request = tokenize(&["Patient: Maria Gonzalez, SSN 219-09-9934, MRN 44-102233"]);
    for pieces in [vec![said], letters(said)] {
        assert_eq!(filter(&request.surrogates, OnLeak::Redact, &pieces).unwrap().0, expected);
    }
}

#[test]
fn stand_ins_pass_in_every_shape() {
    for said in [
        "[NAME-1] has SSN [SSN-1].",
        "Dr. [NAME-1], Mr. [name 1]'s <NAME_1>",
        "**[NAME-1]** NAME-1 (MRN [MRN-1])",
        "[NAME], [SSN], Dr. [NAME]",
        "[NAME-1][SSN-1]",
        "Patient: [NAME-1]\nSSN: [SSN-1]\nMRN: [MRN-1]\n",
    ] {
        check(said, said);
    }
}

#[test]
fn stand_ins_pass_where_a_cue_makes_identifiers_of_them() {
    let typed: String = (1..12).map(|n| format!("[MRN-{n}] [HEALTH_PLAN-{n}] ")).collect();
    let request = tokenize(&[&typed, "MRN 44-102233, member ID XJ4471902"]);
    for said in ["MRN: [MRN-12]", "serial [MRN-12], SSN MRN-12", "Dr. HEALTH_PLAN-12 called", "[MRN-12] [MRN]"] {
        assert_eq!(filter(&request.surrogates, OnLeak::Redact, &[said]).unwrap().0, said);
    }
    let (got, _) = filter(&request.surrogates, OnLeak::Redact, &["MRN: [MRN-13]"]).unwrap();
    assert_eq!(got, "MRN: [[MRN]]", "what was not issued is no stand-in");
}

#[test]
fn identifiers_do_not() {
    check("SSN 321-54-9876, phone 415-555-0199, jane.roe@example.org", "SSN [SSN], phone [PHONE], [EMAIL]");
    check("Ask Dr. Alan Whitfield. Then whitfield again.", "Ask Dr. [NAME]. Then [NAME] again.");
    check("[NAME-1] and SSN 321-54-9876", "[NAME-1] and SSN [SSN]");
}

#[test]
fn a_guessed_value_of_the_request_is_a_leak() {
    check("her name is maria gonzalez, number 219099934", "her name is [NAME], number [SSN]");
    check("and gonzalez, file 44-102233 too", "and [NAME], file [MRN] too");
}

#[test]
fn counts_are_of_what_was_removed() {
    let request = tokenize(&["a cough"]);
    let said = "SSN 321-54-9876 and 415-555-0199, phone 415-555-0198";
    let (_, counts) = filter(&request.surrogates, OnLeak::Redact, &[said]).unwrap();
    assert_eq!(counts.to_string(), "PHONE=2,SSN=1");
}

#[test]
fn a_blocked_answer_stays_blocked() {
    let request = tokenize(&["a cough"]);
    let said = "The patient was seen today for a cough and was given something for it. SSN 321-54-9876. And so on, and so on, and so on.";
    for pieces in [vec![said], letters(said)] {
        assert_eq!(filter(&request.surrogates, OnLeak::Block, &pieces), Err(BlockedOutput::Identifier(PhiClass::Ssn)));
    }
    let mut filter = OutputFilter::new(Detector::shared(), &request.surrogates, OnLeak::Block);
    assert!(filter.push(ModelText::new(format!("{said}{said}"))).is_err());
    assert!(filter.push(ModelText::new("x".repeat(200))).is_err());
    assert_eq!(filter.finish().unwrap_err(), BlockedOutput::Identifier(PhiClass::Ssn));
}

#[test]
fn long_runs_are_removed_and_long_rules_are_not() {
    check(&format!("a {} b", "x1".repeat(200)), "a [REMOVED] b");
    check(&format!("a {}", "Zm9v".repeat(200)), "a [REMOVED]");
    check(
        &format!("{}\n{}", "-".repeat(200), "|---".repeat(50)),
        &format!("{}\n{}", "-".repeat(200), "|---".repeat(50)),
    );
    let short = format!("a {} b", "x".repeat(90));
    check(&short, &short);
}

#[test]
fn a_finding_longer_than_what_is_seen_is_removed_to_its_end() {
    let said = format!("see https://portal.example.org/{} now", "abc/def?q=1&".repeat(40));
    check(&said, "see [URL] now");
}

#[test]
fn no_more_is_held_back_than_is_said() {
    let request = tokenize(&["a cough"]);
    let mut filter = OutputFilter::new(Detector::shared(), &request.surrogates, OnLeak::Redact);
    let (mut said, mut got) = (0, 0);
    for word in "the patient was well and had nothing to complain about ".repeat(12).split_inclusive(' ') {
        said += word.len();
        got += filter.push(ModelText::new(word)).unwrap().iter().map(|t| t.expose().len()).sum::<usize>();
        assert!(said - got <= STEP + AHEAD + 16, "{said} said, {got} out");
    }
    // And nothing is kept beyond what the next step looks back at.
    filter.push(ModelText::new("word ".repeat(10_000))).unwrap();
    assert!(filter.text.len() <= BACK + STEP + AHEAD + 8);
}
