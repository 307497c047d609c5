//! What can be done while no server runs.

use crate::support::{Ran, medlock};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn init(data: &Path) -> Ran {
    medlock(data, "", &["init", "--json"]).code(0)
}

#[test]
fn init_makes_everything_once_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let made = init(&data).json();
    assert_eq!(made["administrator"]["username"], "admin");
    assert!(made["administrator"]["password"].as_str().unwrap().len() >= 20);
    let mut waiting = vec![data.clone()];
    while let Some(path) = waiting.pop() {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", path.display());
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
    }
    let again = medlock(&data, "", &["init"]).code(1);
    assert!(again.err.contains("set up already"), "{}", again.err);
}

#[test]
fn an_interrupted_init_is_finished_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    // The configuration is written last.
    fs::remove_file(dir.path().join("medlock.toml")).unwrap();
    let again = init(dir.path()).json();
    assert!(again["administrator"].is_null(), "somebody is there already");
    medlock(dir.path(), "", &["check-config"]).code(0);
}

#[test]
fn people_and_keys_are_managed_on_the_files_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    medlock(data, "a long enough passphrase\n", &["init", "--password-file", "-"]).code(0);
    let add = ["user", "add", "dr-lee", "--role", "clinician", "--json"];
    let lee = medlock(data, "another fine passphrase\n", &add).code(0).json();
    assert!(lee["otpauth_url"].as_str().unwrap().starts_with("otpauth://totp/"));
    assert!(medlock(data, "another fine passphrase\n", &add).code(1).err.contains("exists already"));
    let weak = medlock(data, "password\n", &["user", "add", "dr-low", "--role", "clinician"]).code(1);
    assert!(weak.err.contains("password") && !weak.err.contains("dr-low"), "{}", weak.err);
    let role = medlock(data, "another fine passphrase\n", &["user", "add", "dr-no", "--role", "king"]).code(1);
    assert!(role.err.contains("no policy knows"), "{}", role.err);

    let create = ["token", "create", "notes", "--role", "clinician", "--purpose", "treatment", "--json"];
    assert!(medlock(data, "", &create).code(2).err.contains("--owner"));
    let key = medlock(data, "", &[&create[..], &["--owner", "dr-lee"]].concat()).code(0).json();
    assert!(key["key"].as_str().unwrap().starts_with("sk-medlock-"));
    let beyond = ["token", "create", "x", "--role", "admin", "--purpose", "treatment", "--owner", "dr-lee"];
    assert!(medlock(data, "", &beyond).code(1).err.contains("does not have all of these roles"));
    let listed = medlock(data, "", &["token", "list", "--json"]).code(0);
    assert_eq!(listed.json()["keys"][0]["id"], key["id"]);
    assert!(!listed.out.contains(key["key"].as_str().unwrap()), "shown once");
    medlock(data, "", &["token", "revoke", key["id"].as_str().unwrap()]).code(0);

    medlock(data, "", &["user", "set-roles", "dr-lee", "researcher"]).code(0);
    medlock(data, "", &["user", "reset-factor", "dr-lee"]).code(0);
    medlock(data, "", &["user", "disable", "dr-lee"]).code(0);
    let users = medlock(data, "", &["user", "list", "--json"]).code(0).json();
    let row = users["users"].as_array().unwrap().iter().find(|u| u["username"] == "dr-lee").unwrap();
    assert_eq!((row["state"].as_str(), row["roles"][0].as_str()), (Some("disabled"), Some("researcher")));
    assert!(medlock(data, "", &["user", "disable", "admin"]).code(1).err.contains("last enabled administrator"));
    assert!(medlock(data, "", &["user", "enable", "nobody"]).code(1).err.contains("nobody of that name"));

    let shown = medlock(data, "", &["audit", "show", "--kind", "admin_outcome"]).code(0).out;
    for verb in ["create_user", "create_key", "revoke_key", "set_roles", "reset_factor", "disable_user"] {
        assert!(shown.contains(&format!("verb={verb}")), "{verb}");
    }
    assert!(shown.contains("local-operator") && shown.contains("why=last_admin"));
    assert!(medlock(data, "", &["session", "login", "admin"]).code(2).err.contains("no server runs"));
}

#[test]
fn an_altered_log_is_a_1_and_no_log_is_a_2() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let kept = dir.path().join("kept");
    let intact = medlock(dir.path(), "", &["audit", "verify", "--json"]).code(0).json();
    fs::write(&kept, intact["checkpoint"].as_str().unwrap()).unwrap();
    let kept = kept.to_str().unwrap();
    medlock(dir.path(), "", &["audit", "verify", "--since", kept]).code(0);

    let audit = dir.path().join("audit");
    let copy = dir.path().join("log.vkey");
    fs::copy(audit.join("log.vkey"), &copy).unwrap();
    let alone = ["audit", "verify", "--dir", audit.to_str().unwrap(), "--vkey", copy.to_str().unwrap()];
    medlock(Path::new("/nonexistent"), "", &alone).code(0);

    let segment = audit.join("segments/00000000.seg");
    let good = fs::read(&segment).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&segment, &bad).unwrap();
    let found = medlock(dir.path(), "", &["audit", "verify"]).code(1);
    assert!(found.out.contains("segments/00000000.seg at byte"), "{}", found.out);
    assert!(found.err.contains("NOT intact"));
    fs::write(&segment, good).unwrap();

    let other = tempfile::tempdir().unwrap();
    init(other.path());
    let theirs = other.path().join("audit/log.vkey");
    medlock(dir.path(), "", &["audit", "verify", "--vkey", theirs.to_str().unwrap()]).code(1);
    medlock(dir.path(), "", &["audit", "verify", "--dir", "/nonexistent"]).code(2);
    medlock(dir.path(), "", &["audit", "verify", "--vkey", "/nonexistent"]).code(2);
}

#[test]
fn a_wrong_configuration_is_reported_whole() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let file = dir.path().join("medlock.toml");
    fs::write(&file, "listne = '127.0.0.1:1'\n[model]\nengines = 0\n").unwrap();
    let checked = medlock(dir.path(), "", &["check-config"]).code(1);
    assert!(checked.err.contains("has 2 mistakes"), "{}", checked.err);
    assert!(checked.err.contains("did you mean listen?") && checked.err.contains("line 3: model.engines"));
    let serve = medlock(dir.path(), "", &["serve"]).code(2);
    assert!(serve.err.contains("has 2 mistakes"), "{}", serve.err);
}

#[test]
fn a_model_that_is_not_there_or_not_the_right_one_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let listed = medlock(dir.path(), "", &["model", "list", "--json"]).code(0).json();
    assert_eq!(listed["models"][0]["state"], "not pulled");
    assert!(medlock(dir.path(), "", &["serve"]).code(2).err.contains("medlock model pull"));
    let model = dir.path().join("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
    fs::create_dir_all(model.parent().unwrap()).unwrap();
    fs::write(&model, b"GGUF and then something else").unwrap();
    let refused = medlock(dir.path(), "", &["model", "verify"]).code(1);
    assert!(refused.err.contains("not the catalogued one") && refused.err.contains("quarantine"), "{}", refused.err);
    assert!(!model.exists(), "moved aside");
}

#[test]
fn entries_are_found_followed_and_the_index_is_checked_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    init(data);
    let add = |name: &str| {
        let args = ["user", "add", name, "--role", "clinician", "--password-file", "-", "--json"];
        medlock(data, "a passphrase for the tests\n", &args).code(0).json()
    };
    let first = add("first")["user"]["id"].as_str().map(str::to_owned);
    add("second");
    let lines =
        |ran: Ran| -> Vec<serde_json::Value> { ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect() };
    let search = |args: &[&str]| medlock(data, "", &[&["audit", "search", "--json"], args].concat());
    let found = lines(search(&["--action", "create_user", "--kind", "admin_outcome"]).code(0));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|e| e["facts"]["verb"] == "create_user"));
    if let Some(first) = first {
        assert!(!lines(search(&["--about", &first]).code(0)).is_empty());
    }
    // Page by page it is the same.
    let (mut paged, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut args = vec!["--action", "create_user", "--kind", "admin_outcome", "--limit", "1"];
        args.extend(cursor.iter().flat_map(|c| ["--cursor", c]));
        let mut page = lines(search(&args).code(0));
        cursor = page.pop_if(|last| last.get("next").is_some()).map(|n| n["next"].as_str().unwrap().to_owned());
        paged.extend(page);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, found);
    search(&["--since", "1m", "--kind", "admin_outcome"]).code(0);
    search(&["--until", "2020-01-01"]).code(1);
    assert!(search(&["--since", "noon"]).code(2).err.contains("24h"));
    assert!(search(&["--who", "Jane Roe"]).code(2).err.contains("who"));
    assert!(search(&["--cursor", "x"]).code(2).err.contains("cursor"));
    // Looking was recorded.
    assert!(!lines(search(&["--kind", "log_read"]).code(0)).is_empty());

    let tail = lines(medlock(data, "", &["audit", "tail", "-n", "4", "--json"]).code(0));
    let shown = lines(medlock(data, "", &["audit", "show", "--last", "4", "--json"]).code(0));
    assert_eq!(tail, shown);

    assert!(medlock(data, "", &["audit", "index", "check"]).code(0).out.contains("every row"));
    fs::write(data.join("audit-index.db"), b"no database, but as long as the header of one would have to be, and more")
        .unwrap();
    for file in ["audit-index.db-wal", "audit-index.db-shm"] {
        let _gone = fs::remove_file(data.join(file));
    }
    assert!(search(&["--kind", "open"]).err.contains("audit index"));
    medlock(data, "", &["audit", "index", "rebuild"]).code(0);
    medlock(data, "", &["audit", "index", "check"]).code(0);
    assert_eq!(fs::metadata(data.join("audit-index.db")).unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn tail_follows_until_it_is_stopped() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let args = ["audit", "tail", "-n", "1", "--follow", "--json"];
    let mut tail = crate::support::command(dir.path(), &args).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let add = ["user", "add", "late", "--role", "clinician", "--password-file", "-"];
    medlock(dir.path(), "a passphrase for the tests\n", &add).code(0);
    let came = lines.by_ref().map_while(Result::ok).any(|line| line.contains("create_user"));
    assert!(came);
    let mut tail = crate::support::Serving(tail);
    assert_eq!(tail.stop("-INT"), 0);
}

#[test]
fn the_logs_signing_key_is_followed_by_another_and_old_copies_stay_good() {
    let dir = tempfile::tempdir().unwrap();
    let (data, kept) = (dir.path().join("data"), dir.path().join("kept.vkey"));
    fs::create_dir(&data).unwrap();
    medlock(&data, "", &["init"]).code(0);
    fs::copy(data.join("audit/log.vkey"), &kept).unwrap();
    let checkpoint = dir.path().join("kept.checkpoint");
    fs::copy(data.join("audit/checkpoint"), &checkpoint).unwrap();
    let witness = dir.path().join("witness");
    let at = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    medlock(&data, "", &["witness", "init", &at(&witness), "--name", "w.example"]).code(0);
    medlock(&data, "", &["witness", "add-log", &at(&witness), &at(&kept)]).code(0);
    let rotated =
        medlock(&data, "", &["key", "rotate", "audit-signing", "--overlap-days", "1", "--json"]).code(0).json();
    assert_eq!(rotated["vkeys"].as_array().unwrap().len(), 2);
    let vkey = data.join("audit/log.vkey");
    assert_eq!(fs::read_to_string(&vkey).unwrap().lines().count(), 2);
    let again = medlock(&data, "", &["key", "rotate", "audit-signing"]).code(2);
    assert!(again.err.contains("still in force"), "{}", again.err);
    medlock(&data, "", &["user", "list"]).code(0);
    for known in [&kept, &vkey] {
        medlock(&data, "", &["audit", "verify", "--vkey", &at(known), "--since", &at(&checkpoint)]).code(0);
    }
    let proof = dir.path().join("proof");
    fs::write(&proof, medlock(&data, "", &["audit", "prove", "1"]).code(0).out).unwrap();
    for known in [&kept, &vkey] {
        medlock(&data, "", &["audit", "verify", "--vkey", &at(known), "--proof", &at(&proof)]).code(0);
    }
    let shown = medlock(&data, "", &["audit", "show", "--kind", "admin_outcome"]).code(0).out;
    assert!(shown.contains("verb=rotate_key"), "{shown}");
    // Witnesses take the list that continues theirs, and no other.
    medlock(&data, "", &["witness", "add-log", &at(&witness), &at(&vkey)]).code(0);
    medlock(&data, "", &["witness", "add-log", &at(&witness), &at(&kept)]).code(1);
    // Without overlap the old key signs its successor's first group, and no more.
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    medlock(&other, "", &["init"]).code(0);
    fs::copy(other.join("audit/log.vkey"), &kept).unwrap();
    medlock(&other, "", &["key", "rotate", "audit-signing", "--overlap-days", "0"]).code(0);
    medlock(&other, "", &["user", "list"]).code(0);
    assert!(!other.join("keys/wrapped/audit-signing-before").exists());
    medlock(&other, "", &["audit", "verify", "--vkey", &at(&kept)]).code(0);
    medlock(&other, "", &["key", "rotate", "audit-signing"]).code(0);
    medlock(&other, "", &["audit", "verify", "--vkey", &at(&kept)]).code(0);
}
