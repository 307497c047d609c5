//! Help, usage errors, exit codes, and what goes where.

use crate::support::medlock;

#[test]
fn help_and_version_are_data() {
    let dir = tempfile::tempdir().unwrap();
    let help = medlock(dir.path(), "", &["--help"]).code(0);
    for verb in
        ["quickstart", "init", "serve", "check-config", "model", "audit", "deid", "user", "token", "session", "key"]
    {
        assert!(help.out.contains(&format!("\n  {verb} ")), "{verb}");
    }
    for hidden in ["engine", "launcher"] {
        assert!(!help.out.contains(&format!("\n  {hidden}")), "{hidden}");
    }
    assert!(medlock(dir.path(), "", &["--version"]).code(0).out.starts_with("medlock 0."));
}

#[test]
fn usage_errors_are_2_and_say_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    for (args, said) in [
        (&[][..], "Usage"),
        (&["--surprise"], "unexpected argument '--surprise'"),
        (&["serv"], "'serve'"),
        (&["user", "add", "dr-lee"], "--role"),
        (&["user", "add", "Dr Lee", "--role", "clinician"], "not a valid Username"),
        (&["token", "create", "x", "--role", "r", "--purpose", "p"], "not a valid purpose of use"),
        (&["token", "create", "x", "--role", "r", "--purpose", "treatment", "--days", "999"], "999"),
        (&["audit", "show", "--content"], "--reading-key"),
        (&["audit", "show", "--request", "1"], "not a valid RequestId"),
        (&["quickstart", "--listen", "localhost"], "invalid"),
    ] {
        let ran = medlock(dir.path(), "", args).code(2);
        assert!(ran.err.contains(said) && ran.out.is_empty(), "{args:?}: {}", ran.err);
    }
}

#[test]
fn without_an_installation_every_verb_says_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["serve"][..],
        &["check-config"],
        &["model", "list"],
        &["user", "list"],
        &["token", "list"],
        &["session", "list"],
        &["audit", "verify"],
        &["audit", "show"],
        &["key", "status"],
    ] {
        let ran = medlock(dir.path(), "", args).code(2);
        assert!(ran.err.contains("medlock init") && ran.out.is_empty(), "{args:?}: {}", ran.err);
    }
}

#[test]
fn completions_and_man_pages_come_from_the_definition() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(medlock(dir.path(), "", &["completions", shell]).code(0).out.contains("check-config"));
    }
    let pages = dir.path().join("man");
    medlock(dir.path(), "", &["man", pages.to_str().unwrap()]).code(0);
    let page = std::fs::read_to_string(pages.join("medlock-audit-verify.1")).unwrap();
    assert!(page.contains("kept elsewhere"));
    assert!(!pages.join("medlock-engine.1").exists());
}

#[test]
fn nothing_is_coloured_away_from_a_terminal_unless_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    medlock(dir.path(), "", &["init"]).code(0);
    assert!(!medlock(dir.path(), "", &["check-config"]).code(0).out.contains('\x1b'));
    assert!(medlock(dir.path(), "", &["check-config", "--color", "always"]).code(0).out.contains('\x1b'));
}
