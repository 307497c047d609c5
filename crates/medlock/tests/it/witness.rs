//! A witness on another host, as far as one machine can be two.

use crate::support::{Serving, medlock};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

const PASSWORD: &str = "a passphrase for the tests\n";

/// A witness that serves, and an installation that demands its signature.
fn watched(dir: &Path) -> (Serving, u16) {
    let (data, witness) = (dir.join("data"), dir.join("witness"));
    let at = witness.to_str().unwrap();
    medlock(&data, "", &["init", "--json"]).code(0);
    let made = medlock(&data, "", &["witness", "init", at, "--name", "witness.example/one", "--json"]).code(0).json();
    let vkey = data.join("audit/log.vkey");
    medlock(&data, "", &["witness", "add-log", at, vkey.to_str().unwrap()]).code(0);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let policy = format!("witness one {} https://localhost:{port}\nquorum one\n", made["vkey"].as_str().unwrap());
    fs::write(data.join("witness.policy"), policy).unwrap();
    fs::copy(made["ca"].as_str().unwrap(), data.join("witness-ca.pem")).unwrap();
    let config = fs::read_to_string(data.join("medlock.toml")).unwrap();
    let audit = "\n[audit.witness]\npolicy = \"witness.policy\"\nca = \"witness-ca.pem\"\n";
    fs::write(data.join("medlock.toml"), config + audit).unwrap();
    (serve(&data, at, port), port)
}

fn serve(data: &Path, witness: &str, port: u16) -> Serving {
    Serving::start(data, &["witness", "serve", witness, "--listen", &format!("127.0.0.1:{port}")], "witnessing")
}

fn add_user(data: &Path, name: &str) -> crate::support::Ran {
    medlock(data, PASSWORD, &["user", "add", name, "--role", "clinician", "--password-file", "-", "--json"])
}

#[test]
fn a_directory_that_was_put_back_does_not_open_and_nothing_opens_without_the_witness() {
    let dir = tempfile::tempdir().unwrap();
    let (data, witness) = (dir.path().join("data"), dir.path().join("witness"));
    let (mut serving, port) = watched(dir.path());
    add_user(&data, "first").code(0);
    let earlier = dir.path().join("earlier");
    assert!(
        Command::new("cp").args(["-r", data.to_str().unwrap(), earlier.to_str().unwrap()]).status().unwrap().success()
    );
    add_user(&data, "second").code(0);

    let policy = data.join("witness.policy");
    let verified =
        medlock(&data, "", &["audit", "verify", "--witnesses", policy.to_str().unwrap(), "--json"]).code(0).json();
    assert_eq!(verified["witnesses"][0]["name"], "witness.example/one");
    let listed = medlock(&data, "", &["witness", "list", witness.to_str().unwrap(), "--json"]).code(0).json();
    assert_eq!(listed["signed"], verified["entries"]);

    // By itself the older copy is a good log; the witness knows better.
    medlock(&earlier, "", &["audit", "verify"]).code(0);
    let refused = add_user(&earlier, "third").code(1);
    assert!(refused.err.contains("put back") && refused.err.contains("witness.example/one"), "{}", refused.err);

    assert_eq!(serving.stop("-TERM"), 0);
    let alone = add_user(&data, "fourth").code(2);
    assert!(alone.err.contains("too few witnesses") && alone.err.contains("witness.example/one"), "{}", alone.err);
    let _again = serve(&data, witness.to_str().unwrap(), port);
    add_user(&data, "fourth").code(0);
}

#[test]
fn what_is_wrong_with_a_witness_or_a_policy_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    medlock(&data, "", &["init", "--json"]).code(0);
    let at = dir.path().join("w");
    let at = at.to_str().unwrap();
    assert!(medlock(&data, "", &["witness", "serve", at]).code(2).err.contains("witness init"));
    assert!(medlock(&data, "", &["witness", "init", at, "--name", "two words"]).code(2).err.contains("A-Z"));
    medlock(&data, "", &["witness", "init", at, "--name", "w"]).code(0);
    assert!(medlock(&data, "", &["witness", "init", at, "--name", "w"]).code(1).err.contains("already"));

    let config = fs::read_to_string(data.join("medlock.toml")).unwrap();
    fs::write(data.join("medlock.toml"), format!("{config}\n[audit.witness]\npolicy = \"p\"\n")).unwrap();
    assert!(medlock(&data, "", &["check-config"]).code(1).err.contains("audit.witness.ca"));
    fs::write(data.join("medlock.toml"), format!("{config}\n[audit.witness]\npolicy = \"p\"\nca = \"tls/ca.pem\"\n"))
        .unwrap();
    fs::write(data.join("p"), "witness one nonsense\nquorum one\n").unwrap();
    let refused = add_user(&data, "first").code(2);
    assert!(refused.err.contains("line 1"), "{}", refused.err);
}
