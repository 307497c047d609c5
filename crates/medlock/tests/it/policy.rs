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

    // Networks and hours that either speaks of.
    let place = "context.network.isInRange(ip(\"10.0.0.0/8\"))";
    let hours = "context.hour >= 8 && context.hour < 18 && context.weekday != \"sunday\"";
    let only = |when: &str| format!("@id(\"only\") forbid (principal, action, resource) unless {{ {when} }};\n");
    fs::write(&file, &text).unwrap();
    fs::write(own.join("only.cedar"), only(place)).unwrap();
    let diff = medlock(data, "", &["policy", "diff", dir]).code(1).out;
    assert!(diff.contains("- auditor, person: audit:read\n") && !diff.contains("from 10."), "{diff}");
    fs::write(own.join("only.cedar"), only(hours)).unwrap();
    let diff = medlock(data, "", &["policy", "diff", dir]).code(1).out;
    assert!(diff.contains("- auditor, person on monday-07: audit:read\n") && !diff.contains("monday-08"), "{diff}");
    assert!(diff.contains("on monday-18: ") && diff.contains("on sunday-12: "), "{diff}");
    let cases = data.join("hours.toml");
    let at = |at: &str, expect: &str| {
        format!(
            "[[case]]\nname = \"{at}\"\nroles = [\"auditor\"]\naction = \"audit:read\"\nat = \"{at}\"\nexpect = \"{expect}\"\n"
        )
    };
    fs::write(&cases, at("monday-17", "allow") + &at("monday-18", "deny")).unwrap();
    medlock(data, "", &["policy", "test", cases.to_str().unwrap(), "--dir", dir]).code(0);
    fs::write(&cases, at("monday-25", "deny")).unwrap();
    let wrong = medlock(data, "", &["policy", "test", cases.to_str().unwrap(), "--dir", dir]).code(2);
    assert!(wrong.err.contains("monday-14"), "{}", wrong.err);
    let least = "@id(\"least\") forbid (principal, action == Medlock::Action::\"restore\", resource)
                 when { context has class && context.class == \"SSN\" };";
    fs::write(own.join("only.cedar"), least).unwrap();
    let diff = medlock(data, "", &["policy", "diff", dir]).code(1).out;
    assert!(diff.contains("- clinician, person: restore for treatment, of SSN\n") && !diff.contains("MRN"), "{diff}");
    let of = |class: &str| {
        let ask = ["policy", "explain", "--role", "clinician", "--action", "restore", "--purpose", "treatment"];
        medlock(data, "", &[&ask[..], &["--dir", dir, "--class", class]].concat())
    };
    assert!(of("SSN").code(0).out.contains("denied (least)") && of("NAME").code(0).out.contains("permitted"));
    assert!(of("ssn").code(2).err.contains("a class of identifiers"));
    fs::remove_file(own.join("only.cedar")).unwrap();
    let changed = text.replace("\"treatment\", \"operations\", \"patient-request\"", "\"treatment\", \"payment\"");
    fs::write(&file, changed).unwrap();

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

#[test]
fn policies_come_into_force_when_enough_people_have_signed_them() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    medlock(data, "", &["init"]).code(0);
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let (own, signers) = (path("own"), path("signers"));
    medlock(data, "", &["policy", "init", &own]).code(0);
    let key = |name: &str| medlock(data, "", &["key", "signer", name, data.to_str().unwrap()]).code(0).out;
    let (ada, grace) = (key("ada"), key("grace"));
    key("mallory");
    medlock(data, "", &["key", "signer", "ada", data.to_str().unwrap()]).code(1);
    fs::write(&signers, format!("# who may\n{ada}{grace}")).unwrap();
    let config = data.join("medlock.toml");
    let good = fs::read_to_string(&config).unwrap();
    let settings = format!("{good}\n[policy]\ndir = {own:?}\nsigners = {signers:?}\n");
    fs::write(&config, &settings).unwrap();
    let refused = |why: &str| {
        let said = medlock(data, "", &["user", "list"]).code(2).err;
        assert!(said.contains(why), "{why}: {said}");
    };
    let sign =
        |name: &str| medlock(data, "", &["policy", "sign", &own, "--key", &path(&format!("{name}.key"))]).code(0);
    refused("policies.note");
    sign("mallory");
    refused("nobody of the signers");
    sign("ada");
    sign("ada");
    refused("1 of 2 have signed: ada");
    sign("grace");
    medlock(data, "", &["user", "list"]).code(0);

    // What was signed is what is in force.
    let (file, note) = (format!("{own}/clinician.cedar"), format!("{own}/policies.note"));
    let (text, first) = (fs::read_to_string(&file).unwrap(), fs::read_to_string(&note).unwrap());
    assert!(first.contains("version 1\n"), "{first}");
    fs::write(&file, format!("{text}\n// a remark\n")).unwrap();
    refused("changed after they were signed");
    fs::write(&note, first.replace("version 1", "version 9")).unwrap();
    refused("nobody of the signers");
    fs::write(&note, &first).unwrap();
    sign("grace");
    refused("1 of 2 have signed: grace");
    assert!(sign("ada").err.contains("version 2, with 2 signatures"));
    medlock(data, "", &["user", "list"]).code(0);
    // What was in force before does not come back.
    fs::write(&file, &text).unwrap();
    fs::write(&note, &first).unwrap();
    refused("version 2 was in force");

    fs::write(&signers, ada).unwrap();
    refused("has 1 signers, and 2 have to sign");
    // Mistakes are signed by nobody.
    fs::write(&file, "permit (principal, action, resouce);").unwrap();
    medlock(data, "", &["policy", "sign", &own, "--key", &path("ada.key")]).code(1);
}
