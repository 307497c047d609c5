//! The command line and a running server.

use crate::support::{Serving, medlock, models};
use medlock_keys::totp::TotpSecret;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

#[test]
fn the_command_line_works_through_the_server_and_the_server_stops_cleanly() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let made = medlock(data, "", &["init", "--json"]).code(0).json();
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", "127.0.0.1:0");
    fs::write(&config, format!("{text}dir = {:?}\n", models.to_str().unwrap())).unwrap();
    let auditor = medlock(
        data,
        "a passphrase for auditors\n",
        &["user", "add", "aud", "--role", "auditor", "--role", "researcher", "--json"],
    );
    let auditor = TotpSecret::from_base32(auditor.code(0).json()["totp_secret"].as_str().unwrap()).unwrap();
    medlock(data, "a passphrase of nobody\n", &["user", "add", "idle", "--role", "service"]).code(0);
    let unused = ["token", "create", "idle", "--owner", "idle", "--role", "service", "--purpose", "treatment"];
    medlock(data, "", &unused).code(0);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let since = medlock_domain::Timestamp(now() * 1000).rfc3339();
    let mut server = Serving::start(data, &["serve"], " serving ");

    let busy = medlock(data, "", &["serve"]).code(2);
    assert!(busy.err.contains("a server runs on"), "{}", busy.err);
    assert!(medlock(data, "", &["user", "list"]).code(1).err.contains("not logged in"));

    let admin = &made["administrator"];
    let password = admin["password"].as_str().unwrap();
    let wrong = medlock(data, &format!("{password}\n000000\n"), &["session", "login", "admin"]).code(1);
    assert!(wrong.err.contains("not accepted") && !wrong.err.contains(password));
    let secret = TotpSecret::from_base32(admin["totp_secret"].as_str().unwrap()).unwrap();
    let recovery = |i: usize| admin["recovery_codes"][i].as_str().unwrap();
    medlock(data, &format!("{password}\n{}\n", recovery(0)), &["session", "login", "admin"]).code(0);
    medlock(data, &format!("{}\n", recovery(0)), &["session", "step-up"]).code(1);
    medlock(data, &format!("{}\n", secret.code_at(now())), &["session", "step-up"]).code(0);
    let codes = medlock(data, "", &["session", "recovery-codes", "--json"]).code(0).json();
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
    medlock(data, &format!("{}\n", recovery(1)), &["session", "step-up"]).code(1);
    let add = ["user", "add", "dr-lee", "--role", "clinician"];
    medlock(data, "another fine passphrase\n", &add).code(0);
    let create = ["token", "create", "notes", "--owner", "dr-lee", "--role", "clinician", "--purpose", "treatment"];
    let key = medlock(data, "", &create).code(0).out;
    assert!(key.starts_with("sk-medlock-") && key.lines().count() == 1, "stdout is the key alone");
    let id = medlock(data, "", &["token", "list", "--json"]).code(0).json()["keys"][0]["id"].clone();
    let rotated = medlock(data, "", &["token", "rotate", id.as_str().unwrap(), "--overlap-hours", "2", "--json"]);
    assert_ne!(rotated.code(0).json()["id"], id);
    let sessions = medlock(data, "", &["session", "list", "--json"]).code(0).json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
    let wish = ["approval", "request", "--role", "clinician", "--hours", "2", "--reason", "incident"];
    let wish = medlock(data, "", &wish).code(0).out.trim().to_owned();
    let listed = medlock(data, "", &["approval", "list"]).code(0).out;
    assert!(listed.contains(&wish) && listed.contains("role=clinician hours=2 reason=incident"), "{listed}");
    assert!(medlock(data, "", &["approval", "approve", &wish]).code(1).err.contains("somebody else"));
    medlock(data, "", &["approval", "end", &wish]).code(0);
    assert!(!medlock(data, "", &["approval", "list"]).code(0).out.contains(&wish));
    assert!(medlock(data, "", &["user", "recertify", "status"]).code(1).err.contains("begin one"));
    medlock(data, "", &["user", "recertify", "begin", "--days", "14"]).code(0);
    medlock(data, "", &["user", "recertify", "keep", "dr-lee"]).code(0);
    let status = medlock(data, "", &["user", "recertify", "status"]).code(1);
    assert!(status.out.contains("kept") && status.err.contains("are open, until"), "{}{}", status.out, status.err);
    medlock(data, "", &["audit", "verify"]).code(0);
    let reading = data.join("keys/audit-reading.key");
    let refused =
        medlock(data, "", &["audit", "show", "--content", "--reading-key", reading.to_str().unwrap()]).code(2);
    assert!(refused.err.contains("medlock audit open"), "{}", refused.err);
    let search = ["audit", "search", "--kind", "admin_outcome", "--action", "create_user"];
    assert!(medlock(data, "", &search).code(1).err.contains("policy"), "administrators do not read the log");
    medlock(data, "", &["session", "logout"]).code(0);
    assert!(!data.join("cli-session").exists());
    let input = format!("a passphrase for auditors\n{}\n", auditor.code_at(now()));
    medlock(data, &input, &["session", "login", "aud"]).code(0);
    let found = medlock(data, "", &search).code(0).out;
    assert!(found.lines().count() >= 3 && found.contains("verb=create_user"), "{found}");
    medlock(data, "", &["session", "logout"]).code(0);
    medlock(data, "", &["token", "list"]).code(1);

    assert_eq!(server.stop("-TERM"), 0);
    assert!(shown(data, "server_stop").contains("server_stop"));
    assert!(shown(data, "login_failed").contains("why=wrong_code"));
    assert_eq!(shown(data, "login_ok").lines().count(), 2);

    // What of it all was not used.
    let review = ["user", "review", "--since", &since];
    let found = medlock(data, "", &[&review[..], &["--json"]].concat()).code(1).json();
    let findings: Vec<(&str, &str)> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["what"].as_str().unwrap(), f["mend"].as_str().unwrap()))
        .collect();
    let [role, person, key] = findings[..] else { panic!("{findings:#?}") };
    assert_eq!(role, ("did nothing that takes the role researcher", "medlock user set-roles aud auditor"));
    assert_eq!(person.1, "medlock user disable idle");
    assert!(key.0 == "was not used" && key.1.starts_with("medlock token revoke key_"));
    let printed = medlock(data, "", &review).code(1).out;
    assert!(printed.contains("aud since") && printed.contains("LAST LOG-IN"), "{printed}");
    medlock(data, "", &["user", "set-roles", "aud", "auditor"]).code(0);
    medlock(data, "", &["user", "leavers"]).code(0);
    medlock(data, "", &["user", "disable", "idle", "--left", "2h"]).code(0);
    let late = medlock(data, "", &["user", "leavers"]).code(1);
    assert!(late.out.contains("120 min") && late.err.contains("1 of 1"), "{}{}", late.out, late.err);
    medlock(data, "", &["token", "revoke", key.1.rsplit(' ').next().unwrap()]).code(0);
    medlock(data, "", &review).code(0);
    assert!(shown(data, "log_read").contains("filters=action,kind"));
    medlock(data, "", &["audit", "verify"]).code(0);
    // The lock is free again.
    medlock(data, "", &["user", "list"]).code(0);
}

#[test]
fn a_killed_server_leaves_a_log_that_verifies_and_a_lock_that_is_free() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    // A taken port: another one is used, and said.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let args = ["quickstart", "--keep", "--listen", &listen, "--model-dir", models.to_str().unwrap()];
    let mut server = Serving::start(dir.path(), &args, "asking over HTTPS");
    assert_eq!(server.stop("-KILL"), -1);
    let listed = medlock(dir.path(), "", &["user", "list"]).code(0);
    assert!(listed.out.contains("demo-clinician"));
    medlock(dir.path(), "", &["audit", "verify"]).code(0);
}

fn shown(data: &Path, kind: &str) -> String {
    medlock(data, "", &["audit", "show", "--kind", kind]).code(0).out
}

#[expect(clippy::disallowed_methods, reason = "the server under test has the real clock")]
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}
