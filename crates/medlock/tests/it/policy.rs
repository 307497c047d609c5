//! Policies, looked at before they are in force.

use crate::support::medlock;
use std::fs;

#[test]
fn policies_are_checked_compared_explained_and_tested() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    medlock(data, "", &["init"]).code(0);
    let own = data.join("own");
    let dir = own.to_str().unwrap();
    medlock(data, "", &["policy", "init", dir]).code(0);
    let again = medlock(data, "", &["policy", "init", dir]).code(2);
    assert!(again.err.contains("exists"), "nothing is written over: {}", again.err);
    let two = data.join("two").to_str().unwrap().to_owned();
    medlock(data, "", &["policy", "init", &two, "--two-persons"]).code(0);
    let alone = medlock(data, "", &["policy", "diff", &two]).code(1).out;
    assert!(alone.contains("- admin, person on their own: users:manage\n"), "{alone}");
    assert!(!alone.contains("person: ") && !alone.contains("sessions:end"), "{alone}");
    let ask = ["policy", "explain", "--role", "admin", "--action", "users:manage", "--dir", &two];
    assert!(medlock(data, "", &ask).code(0).out.contains("permitted"));
    assert!(medlock(data, "", &[&ask[..], &["--alone"]].concat()).code(0).out.contains("denied (two-persons)"));
    assert!(medlock(data, "", &["policy", "check", dir]).code(0).out.contains("clinician"));
    medlock(data, "", &["policy", "diff", dir]).code(0);

    // A right that nobody had, and one that is gone.
    let file = own.join("clinician.cedar");
    let text = fs::read_to_string(&file).unwrap();
    let changed = text.replace("\"treatment\", \"operations\", \"patient-request\"", "\"treatment\", \"payment\"");
    fs::write(&file, changed).unwrap();
    let diff = medlock(data, "", &["policy", "diff", dir]).code(1);
    assert!(diff.out.contains("+ clinician, person: chat:tokenize for payment\n"), "{}", diff.out);
    assert!(diff.out.contains("- clinician, key: restore for operations, elsewhere\n"), "{}", diff.out);
    assert!(!diff.out.contains("researcher") && diff.err.contains("decisions differ"), "{}", diff.err);

    let cases = data.join("cases.toml");
    let case = |name: &str, more: &str| format!("[[case]]\nname = \"{name}\"\nroles = [\"clinician\"]\n{more}\n");
    let paid = case("billing", "action = \"chat:redact\"\npurpose = \"payment\"\nexpect = \"deny\"");
    let raw = "action = \"chat:identified\"\npurpose = \"treatment\"\nelsewhere = true\nexpect = \"deny\"";
    fs::write(&cases, paid + &case("raw stays here", raw)).unwrap();
    let test = ["policy", "test", cases.to_str().unwrap()];
    assert!(medlock(data, "", &test).code(0).err.contains("2 cases"));
    let wrong = medlock(data, "", &[&test[..], &["--dir", dir]].concat()).code(1);
    assert!(wrong.out.contains("billing") && wrong.out.contains("clinician-chat"), "{}", wrong.out);
    fs::write(&cases, case("typo", "action = \"chat:redact\"\npurpose = \"payment\"\nexpct = \"deny\"")).unwrap();
    assert!(medlock(data, "", &test).code(2).err.contains("expct"));

    let ask = |more: &[&str]| {
        let question =
            [&["policy", "explain", "--role", "clinician", "--action", "chat:identified"][..], more].concat();
        medlock(data, "", &question)
    };
    let said = ask(&["--purpose", "treatment"]).code(0).out;
    assert!(said.contains("permitted (clinician-identified-local-treatment)"), "{said}");
    assert!(ask(&["--purpose", "treatment", "--elsewhere"]).code(0).out.contains("denied (identified-stays-here)"));
    assert!(ask(&["--purpose", "emergency"]).code(0).out.contains("denied (emergency-is-declared)"));
    assert!(ask(&["--purpose", "emergency", "--emergency"]).code(0).out.contains("permitted"));
    assert!(ask(&[]).code(2).err.contains("say what for"));
    let unknown = medlock(data, "", &["policy", "explain", "--role", "clinican", "--action", "audit:read"]).code(2);
    assert!(unknown.err.contains("there are admin"), "{}", unknown.err);

    fs::write(&file, text.replace("context.mfa", "context.mfaa")).unwrap();
    let bad = medlock(data, "", &["policy", "check", dir]).code(1);
    assert!(bad.err.contains("clinician.cedar:") && bad.err.contains("mfaa"), "{}", bad.err);
    assert!(medlock(data, "", &["policy", "reload"]).code(2).err.contains("no server runs"));
}
