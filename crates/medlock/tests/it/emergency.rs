//! Emergency access from the command line, and who is told.

use crate::content::now;
use crate::support::{Serving, medlock, models};
use medlock_keys::totp::TotpSecret;
use std::fs;
use std::net::TcpListener;

#[test]
fn a_clinician_breaks_the_glass_and_somebody_is_told() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("pager"));
    fs::create_dir(&data).unwrap();
    medlock(&data, "", &["init"]).code(0);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", &address);
    let sink = format!("[audit.sink.pager]\nformat = \"jsonl\"\nonly = \"alerts\"\nurl = \"dir:{}\"\n", out.display());
    fs::write(&config, format!("{text}dir = {:?}\n[break_glass]\nminutes = 30\n{sink}", models.to_str().unwrap()))
        .unwrap();
    let add = ["user", "add", "dr-lee", "--role", "clinician", "--json"];
    let lee = medlock(&data, "a passphrase for clinicians\n", &add).code(0).json();
    let totp = TotpSecret::from_base32(lee["totp_secret"].as_str().unwrap()).unwrap();
    let local = medlock(&data, "", &["break-glass", "open", "--reason", "care"]).code(1);
    assert!(local.err.contains("log in"), "{}", local.err);

    let mut server = Serving::start(&data, &["serve"], " serving ");
    // One code each, in the order of their time steps.
    let code = |step: i64| totp.code_at(now() + 30 * step);
    let input = format!("a passphrase for clinicians\n{}\n", code(-1));
    medlock(&data, &input, &["session", "login", "dr-lee"]).code(0);
    let open = ["break-glass", "open", "--reason", "care", "--note", "bed 4", "--json"];
    let made = medlock(&data, &format!("{}\n", code(0)), &open).code(0).json();
    assert_eq!(made["minutes"], 30, "as configured");
    let wrong = medlock(&data, "x\n", &["break-glass", "open", "--reason", "curiosity"]).code(2);
    assert!(wrong.err.contains("one of care"), "{}", wrong.err);
    let drill = medlock(&data, &format!("{}\n", code(1)), &["break-glass", "drill", "--reason", "review", "--json"]);
    let drill = drill.code(0).json();
    assert_eq!((&drill["passed"], &drill["receivers"][0]["name"]), (&true.into(), &"pager".into()), "{drill}");
    let told: String = fs::read_dir(&out).unwrap().map(|f| fs::read_to_string(f.unwrap().path()).unwrap()).collect();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), 2, "alerts and nothing else: {told:#?}");
    assert!(told.iter().any(|l| l.contains(made["id"].as_str().unwrap())) && !told.concat().contains("bed 4"));
    let listed = medlock(&data, "", &["break-glass", "list"]).code(0).out;
    assert!(listed.contains("active") && listed.contains("care"), "{listed}");
    medlock(&data, "", &["break-glass", "end", made["id"].as_str().unwrap()]).code(0);
    assert!(medlock(&data, "", &["break-glass", "list"]).code(0).out.contains("review by"));
    assert_eq!(server.stop("-TERM"), 0);
    medlock(&data, "", &["audit", "verify"]).code(0);
}

#[test]
fn an_emergency_can_be_declared_though_the_index_of_the_log_is_broken() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    medlock(data, "", &["init"]).code(0);
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", "127.0.0.1:0");
    fs::write(&config, format!("{text}dir = {:?}\n", models.to_str().unwrap())).unwrap();
    let add = ["user", "add", "dr-lee", "--role", "clinician", "--json"];
    let lee = medlock(data, "a passphrase for clinicians\n", &add).code(0).json();
    let totp = TotpSecret::from_base32(lee["totp_secret"].as_str().unwrap()).unwrap();
    let index = data.join("audit-index.db");
    assert!(index.exists());
    fs::write(&index, "not a database").unwrap();
    let mut server = Serving::start(data, &["serve"], " serving ");
    let input = format!("a passphrase for clinicians\n{}\n", totp.code_at(now() - 30));
    medlock(data, &input, &["session", "login", "dr-lee"]).code(0);
    let open = ["break-glass", "open", "--reason", "care", "--patient", "48213377", "--json"];
    let made = medlock(data, &format!("{}\n", totp.code_at(now())), &open).code(0).json();
    assert!(made["id"].as_str().unwrap().starts_with("emg_"), "{made}");
    assert_eq!(server.stop("-TERM"), 0);
}
