#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

#[track_caller]
fn check(text: &str, expected: Option<(&str, PhiClass, u32)>) {
    let got = parse(text, None, true).unwrap().map(|s| (&text[..s.len], s.class, s.number));
    assert_eq!(got, expected, "{text}");
}

#[test]
fn deformations() {
    use PhiClass::{Date, HealthPlan, Mrn, Name};
    for whole in [
        "[NAME-1]",
        "[name-1]",
        "[Name 1]",
        "[NAME_1]",
        "[NAME1]",
        "[ NAME-1 ]",
        "<NAME_1>",
        "<name-1>",
        "{NAME-1}",
        "{{NAME-1}}",
        "<<NAME_1>>",
        "[NAME-\n1]",
        "[NAME\n-1]",
        "[NAME – 1]",
        "[NAME\u{2011}1]",
        "[NAME #1]",
        "[NAME: 1]",
        "\\[NAME-1\\]",
        "[NAME\\_1]",
        "【NAME-1】",
        "⟨NAME-1⟩",
        "NAME-1",
        "NAME_1",
        "[NAME-1",
        "NAME-1]",
    ] {
        check(whole, Some((whole, Name, 1)));
        // In running text, too.
        let longer = format!("{whole} said");
        check(&longer, Some((whole, Name, 1)));
    }
    check("[NAME-12]", Some(("[NAME-12]", Name, 12)));
    check("[NAME-1]'s", Some(("[NAME-1]", Name, 1)));
    check("[NAME-1]2", Some(("[NAME-1]", Name, 1)));
    check("NAME-1.", Some(("NAME-1", Name, 1)));
    check("[HEALTH_PLAN-3]", Some(("[HEALTH_PLAN-3]", HealthPlan, 3)));
    check("[Health Plan 3]", Some(("[Health Plan 3]", HealthPlan, 3)));
    check("[HEALTH\\_PLAN-3]", Some(("[HEALTH\\_PLAN-3]", HealthPlan, 3)));
    check("[MRN-2]]", Some(("[MRN-2]", Mrn, 2)));
    check("[date 7]", Some(("[date 7]", Date, 7)));
}

#[test]
fn what_is_no_placeholder() {
    for text in [
        "",
        "[",
        "[[NAME-1]]",
        "NAME",
        "[NAME]",
        "[NAME-]",
        "[NAME-01]",
        "[NAME-1234567]",
        "name-1",
        "age 1",
        "Date 2",
        "NAME 1",
        "NAME1",
        "NAME-12a",
        "NAME-1-2",
        "NAME-1.5",
        "[NAMES-1]",
        "[NAME-1a]",
        "[XNAME-1]",
        "(name 1)",
        "\\[NAME-1]",
        "<name 1",
        "{{NAME-1}",
        "[NAME 1",
    ] {
        check(text, None);
    }
    assert_eq!(parse("NAME-1", Some('X'), true), Ok(None));
    assert_eq!(parse("NAME-1", Some('('), true).unwrap().unwrap().len, 6);
}

#[test]
fn the_answer_does_not_depend_on_what_has_arrived() {
    for text in
        ["[NAME-12] x", "NAME-1, x", "[[NAME-1]]", "\\[HEALTH PLAN\n 12\\] ", "{{NAME-1}} x", "[NAME-1 x y", "MRN-1.5"]
    {
        let whole = parse(text, None, true).unwrap();
        for (at, _) in text.char_indices() {
            if let Ok(early) = parse(&text[..at], None, false)
                && at > 0
            {
                assert_eq!(early, whole, "{:?}", &text[..at]);
            }
        }
    }
}

#[test]
fn everything_that_resembles_one_is_caught() {
    let found = resembling("[name 1], NAME-2 <NAME_3> [NAME-04] Health plan 5, [MRN\n- 6] NAME7");
    use PhiClass::{HealthPlan, Mrn, Name};
    assert_eq!(found, [(Name, 1), (Name, 2), (Name, 3), (Name, 4), (HealthPlan, 5), (Mrn, 6), (Name, 7)]);
}

#[test]
fn hosts() {
    for text in [
        ".evil.com",
        ".evil",
        ".x.evil.com",
        "-x.evil.com",
        "@evil.com",
        ".He.com",
        "[NAME-2].evil.com",
        ".[URL-1]",
        ".EVIL.COM",
    ] {
        assert_eq!(host_follows(text, true), Ok(true), "{text}");
    }
    for text in [
        "",
        " x",
        ".",
        ". He",
        ".He went",
        ", x",
        "'s",
        "/x",
        "-year-old",
        ".5",
        "...and",
        "[NAME-2]",
        ", M.D.",
        ": he.",
        "\n.com",
    ] {
        assert_eq!(host_follows(text, true), Ok(false), "{text}");
    }
    assert_eq!(host_follows(".", false), Err(More));
    assert_eq!(host_follows(".H", false), Err(More));
}
