//! What is left of a request in the memory of the server and its engines when it is over: looked at from outside, by a
//! process that may (root), with the connection closed.

use crate::support::{Serving, medlock, models};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A process and all that it started.
fn family(of: u32) -> Vec<u32> {
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let all: Vec<u32> =
        fs::read_dir("/proc").unwrap().filter_map(|e| e.unwrap().file_name().to_str()?.parse().ok()).collect();
    let mut family = vec![of];
    while let Some(child) =
        all.iter().find(|pid| !family.contains(pid) && parent(**pid).is_some_and(|p| family.contains(&p)))
    {
        family.push(*child);
    }
    family
}

/// The needles that are in a process' memory, with where.
fn found(pid: u32, needles: &[Vec<u8>]) -> std::io::Result<Vec<String>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, access) = (words.next().unwrap(), words.next().unwrap());
        if !access.starts_with('r') || line.contains("[v") || line.contains("memfd:") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |s| u64::from_str_radix(s, 16).unwrap();
        let mut bytes = vec![0; (number(end) - number(start)) as usize];
        memory.seek(SeekFrom::Start(number(start)))?;
        if memory.read_exact(&mut bytes).is_ok() {
            for needle in needles {
                if let Some(at) = memchr::memmem::find(&bytes, needle) {
                    let around = &bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())];
                    found.push(format!("{pid} {line} at {at}: {}", around.escape_ascii()));
                }
            }
        }
    }
    Ok(found)
}

fn ask(data: &Path, address: &str, key: &str, body: &serde_json::Value) -> String {
    let ca = data.join("tls/ca.pem");
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert", ca.to_str().unwrap(), "-H", "content-type: application/json", "--data-binary", "@-"]);
    curl.args(["-H", &format!("authorization: Bearer {key}"), &format!("https://{address}/v1/chat/completions")]);
    let mut curl = curl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut curl.stdin.take().unwrap(), body.to_string().as_bytes()).unwrap();
    let answer = String::from_utf8(curl.wait_with_output().unwrap().stdout).unwrap();
    assert!(answer.contains("\"choices\""), "{answer}");
    answer
}

#[test]
fn nothing_of_a_request_is_left_anywhere() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    medlock(data, "", &["init", "--json"]).code(0);
    let config = data.join("medlock.toml");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", &port.to_string());
    fs::write(&config, format!("{text}dir = {:?}\n", models.to_str().unwrap())).unwrap();
    medlock(data, "another fine passphrase\n", &["user", "add", "dr-lee", "--role", "clinician"]).code(0);
    let create = ["token", "create", "notes", "--owner", "dr-lee", "--role", "clinician", "--purpose", "treatment"];
    let key = medlock(data, "", &create).code(0).out.trim().to_owned();
    let server = Serving::start(data, &["serve"], " serving ");

    // A name, a number, and words that no detector takes for anybody's, in all the ways in which a text gets around.
    let words = ["Zoltanescu", "73140092", "velocipede marmalade quokka"];
    let note = format!("Patient Qerrin {}, MRN {}. Say: {}.", words[0], words[1], words[2]);
    let of = |more: serde_json::Value| {
        let mut body = serde_json::json!({"model": "smollm2-135m-instruct", "max_tokens": 24,
            "messages": [{"role": "user", "content": note}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let schema =
        serde_json::json!({"type": "object", "required": ["says"], "properties": {"says": {"const": words[2]}}});
    for more in [
        serde_json::json!({}),
        serde_json::json!({"stream": true}),
        serde_json::json!({"stop": [words[2]], "n": 2}),
        serde_json::json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}),
    ] {
        ask(data, &port.to_string(), &key, &of(more));
    }

    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let needles: Vec<Vec<u8>> = words.iter().flat_map(|w| [w.as_bytes().to_vec(), utf16(w)]).collect();
    let family = family(server.0.id());
    assert!(family.len() >= 3, "server, launcher, engine: {family:?}");
    if found(family[0], &needles).is_err() {
        return; // only root may look
    }
    // The control: what the server does hold is found in it.
    let control = port.to_string().into_bytes();
    assert!(!found(family[0], &[control]).unwrap().is_empty());
    // What was the connection's goes with it, in a moment.
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<String> = family.iter().flat_map(|pid| found(*pid, &needles).unwrap()).collect();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < until, "{left:#?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}
