//! Delivery of the log to receivers, by a running server.

use crate::support::{Serving, medlock, models};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn a_receiver_without_encryption_trust_or_agreement_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    medlock(data, "", &["init"]).code(0);
    let config = data.join("medlock.toml");
    let good = fs::read_to_string(&config).unwrap();
    for (table, said) in [
        ("url = \"http://siem:80\"", "nothing goes out unencrypted"),
        ("url = \"tcp://siem:514\"", "nothing goes out unencrypted"),
        ("format = \"ocsf\"", "is missing"),
        ("url = \"https://siem/in\"\nca = \"ca.pem\"", "agreement"),
        ("url = \"https://siem/in\"\nagreement = \"BAA-1\"", "set ca as well"),
        ("url = \"tls://siem\"\nca = \"ca.pem\"\nreceiver = \"ours\"", "syslog or cef"),
        ("url = \"dir:/tmp/x\"\nformat = \"xml\"", "ocsf"),
        ("url = \"dir:/tmp/x\"\nclient_cert = \"c.pem\"", "client_key"),
        ("url = \"smtp://mail\"\nreceiver = \"ours\"\nca = \"ca.pem\"", "mail takes only = \"alerts\""),
        (
            "url = \"smtps://mail\"\nonly = \"alerts\"\nreceiver = \"ours\"\nfrom = \"a@b.c\"\nto = \"a@b.c\"",
            "set ca as well",
        ),
        ("url = \"dir:/tmp/x\"\nto = \"a@b.c\"", "are for smtps"),
        ("url = \"dir:/tmp/x\"\ncolour = \"red\"", "no such setting"),
    ] {
        fs::write(&config, format!("{good}\n[audit.sink.siem]\n{table}\n")).unwrap();
        let refused = medlock(data, "", &["check-config"]).code(1);
        assert!(refused.err.contains(said), "{table}: {}", refused.err);
    }
    let table =
        "[audit.sink.siem]\nurl = \"tls://siem\"\nformat = \"syslog\"\nca = \"ca.pem\"\nagreement = \"BAA-1\"\n";
    fs::write(&config, format!("{good}\n{table}")).unwrap();
    medlock(data, "", &["check-config"]).code(0);
}

#[test]
fn every_entry_reaches_a_directory_also_across_a_kill() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("collector"));
    fs::create_dir(&data).unwrap();
    medlock(&data, "", &["init"]).code(0);
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", "127.0.0.1:0");
    let sink = format!("[audit.sink.collector]\nformat = \"jsonl\"\nurl = \"dir:{}\"\n", out.display());
    fs::write(&config, format!("{text}dir = {:?}\n{sink}", models.to_str().unwrap())).unwrap();
    let mut server = Serving::start(&data, &["serve"], " serving ");
    let kinds = |out: &Path| lines(out).iter().map(|l| l["kind"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    until("the start is delivered", || kinds(&out).contains("model_loaded"));
    assert_eq!(server.stop("-KILL"), -1);
    // While nobody delivers, the log goes on.
    medlock(&data, "a passphrase for auditors\n", &["user", "add", "aud", "--role", "auditor"]).code(0);
    let before = medlock(&data, "", &["audit", "sinks", "--json"]).code(0).json();
    assert!(before["behind"].as_u64().unwrap() > 0, "{before}");
    let mut server = Serving::start(&data, &["serve"], " serving ");
    until("all is delivered", || {
        let now = medlock(&data, "", &["audit", "sinks", "--json"]).code(0).json();
        now["behind"] == 0 && now["delivered"].as_u64() > before["delivered"].as_u64()
    });
    let delivered = lines(&out);
    let indexes: BTreeSet<u64> = delivered.iter().map(|l| l["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes.len() as u64, indexes.iter().max().unwrap() + 1, "none is left out");
    assert!(delivered.iter().any(|l| l["kind"] == "admin_outcome" && l["facts"]["verb"] == "create_user"));
    assert!(delivered.iter().any(|l| l["kind"] == "delivery" && l["facts"]["state"] == "begun"));
    assert!(!delivered.iter().any(|l| l.to_string().contains("usr_")), "people are tokens of this receiver");
    assert_eq!(server.stop("-TERM"), 0);
    medlock(&data, "", &["audit", "verify"]).code(0);
}

/// Every line in a directory, in the order of the file names.
fn lines(dir: &Path) -> Vec<Value> {
    let Ok(files) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = files.map(|f| f.unwrap().path()).filter(|p| p.extension().is_some()).collect();
    files.sort();
    let whole = files.iter().filter(|f| f.extension().unwrap() == "ndjson");
    let text: String = whole.map(|f| fs::read_to_string(f).unwrap_or_default()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < limit, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(200));
    }
}
