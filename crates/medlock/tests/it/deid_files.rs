//! De-identifying files, as it is run: formats through parsers that are not ours, what is refused,
//! going on, ending early, what is kept.

mod formats;

use crate::support::{Ran, command, medlock};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Values that must be nowhere but in the inputs.
const CANARIES: [&str; 5] = ["Gonzalez", "44-102233", "212-555-0143", "Everyman", "00123456"];
const NOTE: &str = "Patient: Maria Gonzalez, MRN 44-102233, seen 03/04/2024, phone 212-555-0143.\n";
const CLEAN: &str = "Patient: [NAME], MRN [MRN], seen 2024, phone [PHONE].\n";
const MANIFEST: &str = "medlock-deid-manifest.json";

/// A directory to work in, with a data directory that may be one.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// With the directory before every argument that begins with `@`.
    fn args(&self, args: &[&str]) -> Vec<String> {
        let at = |a: &&str| match a.strip_prefix('@') {
            Some(name) => self.at(name).to_str().unwrap().to_owned(),
            None => (*a).to_owned(),
        };
        std::iter::once("deid".to_owned()).chain(args.iter().map(at)).collect()
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.piped("", args)
    }

    fn piped(&self, stdin: &str, args: &[&str]) -> Ran {
        let args = self.args(args);
        let ran = medlock(&self.at("data"), stdin, &args.iter().map(String::as_str).collect::<Vec<_>>());
        for canary in CANARIES {
            assert!(!ran.err.contains(canary) && !ran.out.contains(canary), "{canary}\n{}{}", ran.out, ran.err);
        }
        ran
    }

    fn manifest(&self, name: &str) -> Value {
        let text = self.text(name);
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary} in the manifest");
        }
        serde_json::from_str(&text).unwrap()
    }

    /// All files below a directory.
    fn list(&self, name: &str) -> BTreeSet<String> {
        fn walk(path: &Path, root: &Path, into: &mut BTreeSet<String>) {
            for entry in fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, into);
                } else {
                    into.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let mut names = BTreeSet::new();
        walk(&self.at(name), &self.at(name), &mut names);
        names
    }
}

fn sha256(path: &Path) -> String {
    medlock_keys::digest::hex(&medlock_keys::digest::sha256(&[&fs::read(path).unwrap()]))
}

fn entry<'m>(manifest: &'m Value, input: &str) -> &'m Value {
    let files = manifest["files"].as_array().unwrap();
    files.iter().find(|f| f["input"]["name"] == input).unwrap_or_else(|| panic!("{input} is not in {manifest:#}"))
}

#[test]
fn one_file_to_one_file_and_stdin_to_stdout() {
    let desk = Desk::new();
    desk.put("note.txt", NOTE);
    let ran = desk.run(&["@note.txt", "--out", "@clean/note.txt", "--no-vault"]).code(0);
    assert!(ran.out.is_empty() && ran.err.contains("NAME 1") && ran.err.contains("in no audit log"), "{}", ran.err);
    assert_eq!((desk.text("clean/note.txt").as_str(), desk.text("note.txt").as_str()), (CLEAN, NOTE));
    let mode = fs::metadata(desk.at("clean/note.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let manifest = desk.manifest("clean/note.txt.manifest.json");
    let one = entry(&manifest, "note.txt");
    assert_eq!((&one["status"], &one["format"]), (&"done".into(), &"text".into()));
    assert_eq!(one["input"]["sha256"], sha256(&desk.at("note.txt")));
    assert_eq!(one["output"]["sha256"], sha256(&desk.at("clean/note.txt")));
    assert_eq!((&one["input"]["bytes"], &one["output"]["bytes"]), (&NOTE.len().into(), &CLEAN.len().into()));
    assert_eq!(one["classes"], serde_json::json!({"DATE": 1, "MRN": 1, "NAME": 1, "PHONE": 1}));
    assert_eq!(one["actions"], serde_json::json!({"generalise": 1, "redact": 3}));
    assert_eq!((&manifest["profile"]["name"], &manifest["preset"]), (&"safe-harbor".into(), &"balanced".into()));
    let profile = desk.run(&["--print-profile", "safe-harbor"]).code(0).out;
    let digest = medlock_keys::digest::hex(&medlock_keys::digest::sha256(&[profile.as_bytes()]));
    assert_eq!(manifest["profile"]["sha256"], digest);
    assert_eq!(manifest["detector"]["sha256"].as_str().unwrap().len(), 64);

    assert_eq!(desk.piped(NOTE, &["-", "--no-vault"]).code(0).out, CLEAN);
    desk.piped(NOTE, &["-", "--out", "@piped.txt", "--no-vault"]).code(0);
    assert_eq!(desk.text("piped.txt"), CLEAN);
    assert!(desk.run(&["-", "--no-vault", "--json"]).code(2).err.contains("--out"));
    let json = desk.run(&["@note.txt", "--out", "@json.txt", "--no-vault", "--json"]).code(0).json();
    assert_eq!((&json["totals"]["done"], &json["totals"]["classes"]["NAME"]), (&1.into(), &1.into()));
}

/// Some files, of which three cannot be inspected and one is a link.
fn tree(desk: &Desk) {
    desk.put("in/a.txt", NOTE);
    desk.put("in/sub/b.txt", NOTE.replace("Maria", "Rosa"));
    desk.put("in/scan.pdf", "%PDF-1.7 Maria Gonzalez");
    desk.put("in/binary.txt", b"Maria Gonzalez\0\x01");
    desk.put("in/latin.txt", b"Mar\xeda Gonzalez");
    desk.put("secret.txt", NOTE);
    std::os::unix::fs::symlink(desk.at("secret.txt"), desk.at("in/link.txt")).unwrap();
}

#[test]
fn a_directory_and_what_cannot_be_inspected_in_it() {
    let desk = Desk::new();
    tree(&desk);
    let ran = desk.run(&["@in", "--out", "@out", "--no-vault"]).code(1);
    assert_eq!(desk.list("out"), [MANIFEST, "a.txt", "sub/b.txt"].map(str::to_owned).into());
    assert_eq!(desk.text("out/sub/b.txt"), CLEAN);
    let manifest = desk.manifest(&format!("out/{MANIFEST}"));
    for (name, why) in [
        ("scan.pdf", "PDF"),
        ("binary.txt", "binary data"),
        ("latin.txt", "not UTF-8"),
        ("link.txt", "a symbolic link"),
    ] {
        let one = entry(&manifest, name);
        assert!(one["status"] == "not-inspected" && one["why"].as_str().unwrap().contains(why), "{one:#}");
        assert!(one.get("output").is_none_or(|o| o.get("sha256").is_none()), "{one:#}");
        assert!(ran.err.contains(name) && ran.err.contains(why), "{}", ran.err);
    }
    assert_eq!(entry(&manifest, "scan.pdf")["input"]["sha256"], sha256(&desk.at("in/scan.pdf")));
    assert_eq!(entry(&manifest, "latin.txt")["input"]["sha256"], sha256(&desk.at("in/latin.txt")));
    let totals = &manifest["totals"];
    assert_eq!((&totals["done"], &totals["not_inspected"], &totals["files"]), (&2.into(), &4.into(), &6.into()));
    assert!(manifest["finished"].is_string());
}

#[test]
fn nothing_that_exists_is_written_over_unless_told() {
    let desk = Desk::new();
    tree(&desk);
    desk.put("out/sub/b.txt", "mine");
    let refused = desk.run(&["@in", "--out", "@out", "--no-vault"]).code(2);
    assert!(refused.err.contains("sub/b.txt exists already") && refused.err.contains("--force"), "{}", refused.err);
    assert_eq!(desk.list("out"), ["sub/b.txt".to_owned()].into());
    // Nor when going on: no earlier run made it.
    desk.run(&["@in", "--out", "@out", "--no-vault", "--resume"]).code(2);
    assert_eq!(desk.text("out/sub/b.txt"), "mine");
    desk.run(&["@in", "--out", "@out", "--no-vault", "--force"]).code(1);
    assert_eq!(desk.text("out/sub/b.txt"), CLEAN);
    let again = desk.run(&["@in", "--out", "@out", "--no-vault"]).code(2);
    assert!(again.err.contains("--resume") && again.err.contains("--force"), "{}", again.err);

    // An input is never written to, under whatever name.
    fs::hard_link(desk.at("in/a.txt"), desk.at("same.txt")).unwrap();
    for (args, said) in [
        (&["@in/a.txt", "--out", "@in/a.txt", "--force"][..], "is an input"),
        (&["@in/a.txt", "--out", "@same.txt", "--force"], "is an input"),
        (&["@in/a.txt", "--out", "@in", "--force"], "lies in the output directory"),
        (&["@in", "--out", "@in", "--force"], "lies in the output directory"),
        (&["@in/sub/b.txt", "@out/a.txt", "--out", "@out"], "lies in the output directory"),
        (&["@in", "--out", "@same.txt"], "is a file"),
        (&["@in/a.txt"], "--out"),
        (&["@in/a.txt", "@out/a.txt", "--out", "@both"], "both be written to"),
        (&["@nowhere", "--out", "@x"], "No such file"),
        (&["-", "@in", "--out", "@x"], "no other input"),
        (&["@in", "--out", "@x", "--profile", "strictest"], "no profile"),
        (&["@in", "--out", "@x", "--format", "docx"], "hl7v2"),
    ] {
        let ran = desk.run(&[args, &["--no-vault"]].concat()).code(2);
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    assert_eq!(desk.text("in/a.txt"), NOTE);
    assert!(!desk.at("x").exists() && !desk.at("both/a.txt").exists());
    let twice = desk.run(&["@in/a.txt", "@in/./a.txt", "--out", "@twice", "--no-vault"]).code(0);
    assert!(twice.err.contains("named twice"), "{}", twice.err);
}

#[test]
fn going_on_does_what_is_missing_or_changed_and_nothing_else() {
    let desk = Desk::new();
    for name in ["in/a.txt", "in/b.txt", "in/c.txt", "in/d.txt"] {
        desk.put(name, NOTE);
    }
    let run = |more: &[&str]| desk.run(&[&["@in", "--out", "@out", "--no-vault", "--json"], more].concat());
    run(&[]).code(0);
    let age = |name: &str| fs::metadata(desk.at(name)).unwrap().modified().unwrap();
    let before = age("out/a.txt");
    let changed = NOTE.replace("seen", "examined");
    desk.put("in/b.txt", &changed);
    fs::remove_file(desk.at("out/c.txt")).unwrap();
    desk.put("out/d.txt", "somebody's");
    desk.put("in/e.txt", NOTE);
    let json = run(&["--resume"]).code(0).json();
    assert_eq!((&json["skipped"], &json["totals"]["done"]), (&1.into(), &5.into()));
    assert_eq!(desk.text("out/b.txt"), CLEAN.replace("seen", "examined"));
    for name in ["out/a.txt", "out/c.txt", "out/d.txt", "out/e.txt"] {
        assert_eq!(desk.text(name), CLEAN, "{name}");
    }
    assert_eq!(age("out/a.txt"), before);
    assert_eq!(run(&["--resume"]).code(0).json()["skipped"], 5);
    // Another profile, detector or scope is another output.
    for more in [&["--profile", "limited-data-set"][..], &["--preset", "rules"], &["--scope", "document"]] {
        assert_eq!(run(&[&["--resume"], more].concat()).code(0).json()["skipped"], 0, "{more:?}");
    }
    // What belongs to no input any more is named and left.
    run(&["--resume"]).code(0);
    fs::remove_file(desk.at("in/a.txt")).unwrap();
    let left = run(&["--resume"]).code(0);
    assert!(left.err.contains("1 outputs of an earlier run"), "{}", left.err);
    assert!(desk.at("out/a.txt").exists());
    assert_eq!(entry(&desk.manifest(&format!("out/{MANIFEST}")), "a.txt")["earlier"], true);
    // A manifest that is none is not believed.
    desk.put(&format!("out/{MANIFEST}"), "{}");
    assert!(run(&["--resume"]).code(2).err.contains("no manifest"));
}

#[test]
fn names_that_hold_phi_stay_behind() {
    let desk = Desk::new();
    desk.put("in/Gonzalez/Maria Gonzalez.txt", NOTE);
    desk.put("in/Everyman.json", r#"{"mrn": "00123456", "note": "cough"}"#);
    let run = |more: &[&str]| desk.run(&[&["@in", "--out", "@out", "--rename", "--no-vault"], more].concat());
    run(&[]).code(0);
    let names = [MANIFEST, "document-000001.json", "document-000002.txt"].map(str::to_owned);
    assert_eq!(desk.list("out"), names.clone().into());
    let manifest = desk.manifest(&format!("out/{MANIFEST}"));
    assert!(manifest["files"].as_array().unwrap().iter().all(|f| f["input"].get("name").is_none()));
    assert_eq!(manifest["files"][1]["input"]["sha256"], sha256(&desk.at("in/Gonzalez/Maria Gonzalez.txt")));
    // Numbers stay with their inputs.
    fs::remove_file(desk.at("out/document-000001.json")).unwrap();
    desk.put("in/Another.txt", "cough");
    run(&["--resume"]).code(0);
    assert_eq!(desk.text("out/document-000002.txt"), CLEAN);
    assert_eq!(desk.list("out").len(), 4);
    assert!(desk.run(&["@in", "--out", "@out", "--no-vault", "--resume"]).code(2).err.contains("with --rename"));
}

/// Stand-ins and moved dates, by patient.
fn profile(desk: &Desk) {
    let toml = desk.run(&["--print-profile", "limited-data-set"]).code(0).out;
    let toml = toml.replace("limited-data-set", "expert:test").replace("redact", "surrogate");
    desk.put("mine.toml", toml.replace("DATE = \"keep\"", "DATE = \"shift\""));
}

/// Days since some day, of an ISO date.
fn day(record: &Value) -> i64 {
    let parts: Vec<i64> = record["seen"].as_str().unwrap().split('-').map(|p| p.parse().unwrap()).collect();
    let (year, month) = if parts[1] > 2 { (parts[0], parts[1] - 3) } else { (parts[0] - 1, parts[1] + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + parts[2]
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn the_vault_holds_replacements_and_the_log_says_who_did_what() {
    let desk = Desk::new();
    profile(&desk);
    let visit = |mrn: &str, date: &str| {
        format!("{{\"mrn\":\"{mrn}\",\"name\":\"Maria Gonzalez\",\"seen\":\"{date}\",\"n\":1}}\n")
    };
    desk.put("in/1.jsonl", [visit("44-102233", "2024-03-04"), visit("44-102299", "2024-03-04")].concat());
    desk.put("in/2.jsonl", visit("44-102233", "2024-03-09"));
    let with = |out: &str, more: &[&str]| desk.run(&[&["@in", "--out", out, "--profile", "@mine.toml"], more].concat());
    let none = with("@out", &[]).code(2);
    assert!(none.err.contains("medlock init") && none.err.contains("--no-vault"), "{}", none.err);
    assert!(!desk.at("out").exists());

    medlock(&desk.at("data"), "", &["init"]).code(0);
    with("@out", &[]).code(0);
    let (one, two) = (lines(&desk.text("out/1.jsonl")), lines(&desk.text("out/2.jsonl")));
    assert_eq!((&one[0]["name"], &one[0]["mrn"]), (&two[0]["name"], &two[0]["mrn"]), "one patient");
    assert_ne!(one[0]["name"], one[1]["name"], "two patients");
    assert_ne!((&one[0]["seen"], &one[0]["name"]), (&"2024-03-04".into(), &"Maria Gonzalez".into()));
    assert_eq!(day(&two[0]) - day(&one[0]), 5, "what lies between two visits stays");
    // Another run keeps to it; one without the vault does not.
    with("@again", &[]).code(0);
    assert_eq!(desk.text("again/1.jsonl"), desk.text("out/1.jsonl"));
    with("@loose", &["--no-vault"]).code(0);
    assert_ne!(desk.text("loose/1.jsonl"), desk.text("out/1.jsonl"));

    let shown = medlock(&desk.at("data"), "", &["audit", "show", "--last", "6", "--json"]).code(0).out;
    let records = lines(&shown);
    let outcome = records.iter().rev().find(|r| r["kind"] == "admin_outcome").unwrap();
    let intent = records.iter().rev().find(|r| r["kind"] == "admin_intent").unwrap();
    assert_eq!((&outcome["actor"], &outcome["outcome"]), (&"local-operator".into(), &"ok".into()));
    assert_eq!(outcome["facts"]["intent"], intent["index"].to_string());
    assert_eq!(outcome["facts"]["manifest"], sha256(&desk.at(&format!("again/{MANIFEST}"))));
    assert_eq!((&outcome["facts"]["verb"], &outcome["facts"]["profile"]), (&"deid".into(), &"expert:test".into()));
    assert!(outcome["facts"]["classes"].as_str().unwrap().contains("NAME=3"), "{outcome:#}");
    for canary in CANARIES {
        assert!(!shown.contains(canary));
    }
    medlock(&desk.at("data"), "", &["audit", "verify"]).code(0);
}

#[test]
fn references_between_files_hold() {
    let desk = Desk::new();
    medlock(&desk.at("data"), "", &["init"]).code(0);
    desk.put("in/Patient.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"p-1\"}\n");
    let observation = r#"{"resourceType":"Observation","id":"o-1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p-1"}}"#;
    desk.put("in/Observation.ndjson", observation);
    for more in [&[][..], &["--no-vault", "--force"]] {
        desk.run(&[&["@in", "--out", "@out"], more].concat()).code(0);
        let patient = lines(&desk.text("out/Patient.ndjson")).remove(0);
        let subject = lines(&desk.text("out/Observation.ndjson")).remove(0)["subject"]["reference"].clone();
        assert_eq!(subject, format!("Patient/{}", patient["id"].as_str().unwrap()));
        assert_ne!(patient["id"], "p-1");
    }
    // With the vault the ids are the same when a file is made anew.
    fs::remove_file(desk.at("out/Patient.ndjson")).unwrap();
    desk.run(&["@in", "--out", "@vault"]).code(0);
    fs::remove_file(desk.at("vault/Patient.ndjson")).unwrap();
    desk.run(&["@in", "--out", "@vault", "--resume"]).code(0);
    let patient = lines(&desk.text("vault/Patient.ndjson")).remove(0);
    assert!(desk.text("vault/Observation.ndjson").contains(patient["id"].as_str().unwrap()));
}

/// More than is done before a signal comes.
fn large(desk: &Desk, name: &str, megabytes: usize) {
    desk.put(name, NOTE.trim_end().repeat(megabytes * (1 << 20) / (NOTE.len() - 1)));
}

#[test]
fn ctrl_c_leaves_what_is_whole_and_says_how_to_go_on() {
    let desk = Desk::new();
    desk.put("in/a.txt", NOTE);
    large(&desk, "in/b.txt", 40);
    let args = desk.args(&["@in", "--out", "@out", "--no-vault", "--preset", "rules", "--jobs", "1"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let child = command(&desk.at("data"), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    // The first is done, the second begun.
    let begun = || desk.list("out").iter().any(|name| name.ends_with(".partial"));
    while !(desk.at("out/a.txt").exists() && begun()) {
        assert!(Instant::now() < limit, "it did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ran = Ran::from(child.wait_with_output().unwrap()).code(130);
    assert!(ran.err.contains("interrupted") && ran.err.contains("--resume"), "{}", ran.err);
    assert_eq!(desk.list("out"), [MANIFEST, "a.txt"].map(str::to_owned).into());
    let manifest = desk.manifest(&format!("out/{MANIFEST}"));
    assert_eq!(
        (&entry(&manifest, "a.txt")["status"], &entry(&manifest, "b.txt")["status"]),
        (&"done".into(), &"pending".into())
    );
    assert!(manifest["finished"].is_null());
    desk.put("in/b.txt", NOTE);
    let json = desk.run(&["@in", "--out", "@out", "--no-vault", "--preset", "rules", "--resume", "--json"]);
    assert_eq!(json.code(0).json()["skipped"], 1);
    assert_eq!(desk.text("out/b.txt"), CLEAN);
}

#[test]
fn a_run_that_was_killed_is_gone_on_with() {
    let desk = Desk::new();
    desk.put("in/a.txt", NOTE);
    large(&desk, "in/b.txt", 40);
    let args = desk.args(&["@in", "--out", "@out", "--no-vault", "--preset", "rules", "--jobs", "1"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut child = command(&desk.at("data"), &args).stderr(Stdio::null()).spawn().unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    while !desk.at("out/a.txt").exists() {
        assert!(Instant::now() < limit, "it did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!desk.at("out/b.txt").exists());
    desk.put("in/b.txt", NOTE);
    // What the manifest does not have yet is ours all the same: it was announced.
    desk.run(&["@in", "--out", "@out", "--no-vault", "--preset", "rules", "--resume"]).code(0);
    assert_eq!(desk.list("out"), [MANIFEST, "a.txt", "b.txt"].map(str::to_owned).into());
}

#[test]
fn several_at_a_time_come_to_the_same() {
    let desk = Desk::new();
    for n in 0..40 {
        desk.put(&format!("in/{n}.txt"), NOTE.replace("Maria", if n % 2 == 0 { "Rosa" } else { "Ann" }));
    }
    // The longest name that there is has no room for a longer one beside it.
    desk.put(&format!("in/{}.txt", "x".repeat(251)), NOTE);
    let run = |out: &str, jobs: &str| {
        desk.run(&["@in", "--out", out, "--no-vault", "--json", "--jobs", jobs]).code(0).json()["totals"].clone()
    };
    let (one, many) = (run("@one", "1"), run("@many", "8"));
    assert_eq!((&one, &one["done"]), (&many, &41.into()));
    for name in desk.list("one").iter().filter(|n| *n != MANIFEST) {
        assert_eq!(desk.text(&format!("many/{name}")), CLEAN);
    }
}

#[test]
fn what_can_no_longer_be_inspected_keeps_its_old_output_and_says_so() {
    let desk = Desk::new();
    desk.put("in/a.txt", NOTE);
    desk.put("in/b.txt", NOTE);
    let run = |more: &[&str]| desk.run(&[&["@in", "--out", "@out", "--no-vault"], more].concat());
    run(&[]).code(0);
    desk.put("in/a.txt", "%PDF-1.7");
    let ran = run(&["--resume"]).code(1);
    assert!(ran.err.contains("PDF") && ran.err.contains("1 outputs of an earlier run"), "{}", ran.err);
    let manifest = desk.manifest(&format!("out/{MANIFEST}"));
    assert_eq!((&manifest["totals"]["not_inspected"], &manifest["totals"]["done"]), (&1.into(), &2.into()));
}

#[test]
fn memory_does_not_grow_with_the_input() {
    let desk = Desk::new();
    // One line of text, many lines of JSON.
    desk.put("line.txt", "was seen and is well and goes home ".repeat(24 * (1 << 20) / 35));
    let numbers: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    desk.put("lines.jsonl", format!("{{\"values\":[{}]}}\n", numbers.join(",")).repeat(10_000));
    for name in ["line.txt", "lines.jsonl"] {
        let args = desk.args(&[&format!("@{name}"), "--out", "@out/", "--no-vault", "--preset", "rules", "--force"]);
        let limited = format!("ulimit -v {LIMIT}; exec {} \"$@\" --jobs 1", env!("CARGO_BIN_EXE_medlock"));
        let ran = Command::new("sh").env("MALLOC_ARENA_MAX", "1").args(["-c", &limited, "sh"]).args(&args).output();
        let ran = Ran::from(ran.unwrap()).code(0);
        assert!(ran.err.contains("1 of 1 files"), "{}", ran.err);
    }
}

/// KiB of addresses: what the program reserves for an input of any size (140 000), and less than one
/// of these inputs more.
const LIMIT: u64 = 160_000;

#[test]
fn unreadable_and_unwritable() {
    let desk = Desk::new();
    desk.put("in/a.txt", NOTE);
    desk.put("in/b.txt", NOTE);
    desk.put("file", "x");
    let ran = desk.run(&["@in/a.txt", "--out", "@file/a.txt", "--no-vault"]).code(2);
    assert!(ran.err.contains("file"), "{}", ran.err);
    // A full disk: what is whole stays, nothing half is left.
    if Path::new("/dev/full").exists() {
        let args = desk.args(&["@in/a.txt", "--no-vault"]);
        let script = format!("exec {} deid - --no-vault < {} > /dev/full", env!("CARGO_BIN_EXE_medlock"), args[1]);
        let ran = Ran::from(Command::new("sh").args(["-c", &script]).output().unwrap()).code(2);
        assert!(ran.err.contains("No space left") && ran.err.contains("throw it away"), "{}", ran.err);
    }
    // Root may read everything.
    fs::set_permissions(desk.at("in/a.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(desk.at("in/a.txt")).is_err() {
        let ran = desk.run(&["@in", "--out", "@out", "--no-vault"]).code(2);
        assert!(ran.err.contains("could not be read") && ran.err.contains("a.txt"), "{}", ran.err);
        assert_eq!(desk.text("out/b.txt"), CLEAN);
    }
}

#[test]
fn a_server_or_another_run_has_the_directory() {
    let desk = Desk::new();
    medlock(&desk.at("data"), "", &["init"]).code(0);
    desk.put("a.txt", NOTE);
    let lock = fs::File::options().write(true).open(desk.at("data/run.lock")).unwrap();
    lock.lock().unwrap();
    fs::write(desk.at("data/run.lock"), "127.0.0.1:8443\n").unwrap();
    let ran = desk.run(&["@a.txt", "--out", "@b.txt"]).code(2);
    assert!(ran.err.contains("stop it") && ran.err.contains("--no-vault"), "{}", ran.err);
    fs::create_dir(desk.at("out")).unwrap();
    let out = fs::File::open(desk.at("out")).unwrap();
    out.lock().unwrap();
    let ran = desk.run(&["@a.txt", "--out", "@out", "--no-vault"]).code(2);
    assert!(ran.err.contains("another medlock is writing"), "{}", ran.err);
}
