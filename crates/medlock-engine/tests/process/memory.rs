//! What is left of a request in an engine's memory when it is done.
#![allow(unsafe_code, reason = "memmem(3): a byte-wise search of 100 MB takes a minute in a debug build")]

use crate::Test;
use crate::talk::{Engine, greedy, model_file};
use medlock_engine::frame::{Sampling, Shape};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

pub(crate) const TESTS: &[Test] = &[("memory::nothing_of_a_request_is_left", nothing_of_a_request_is_left)];

/// In how many places of a process' memory `needle` occurs.
fn occurrences(pid: u32, needle: impl AsRef<[u8]>) -> io::Result<usize> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut found = 0;
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
            found += count(&bytes, needle.as_ref());
        }
    }
    Ok(found)
}

fn count(mut bytes: &[u8], needle: &[u8]) -> usize {
    let mut n = 0;
    loop {
        // SAFETY: two pointers with their lengths; the result is null or points into the first.
        let at = unsafe { libc::memmem(bytes.as_ptr().cast(), bytes.len(), needle.as_ptr().cast(), needle.len()) };
        if at.is_null() {
            return n;
        }
        n += 1;
        bytes = &bytes[at as usize - bytes.as_ptr() as usize + 1..];
    }
}

/// The tokens of a text, as they lie in memory.
fn tokens(text: &str) -> Vec<u8> {
    use llama_cpp_sys_2 as sys;
    let path = std::ffi::CString::new(model_file().to_str().unwrap()).unwrap();
    let mut tokens = vec![0i32; text.len()];
    // SAFETY: a path, and pointers with their lengths; the model is freed after its last use.
    let n = unsafe {
        sys::llama_log_set(Some(no_log), std::ptr::null_mut());
        let mut params = sys::llama_model_default_params();
        params.vocab_only = true;
        let model = sys::llama_model_load_from_file(path.as_ptr(), params);
        let (vocabulary, len) = (sys::llama_model_get_vocab(model), text.len() as i32);
        let n = sys::llama_tokenize(vocabulary, text.as_ptr().cast(), len, tokens.as_mut_ptr(), len, false, false);
        sys::llama_model_free(model);
        n
    };
    tokens[..n as usize].iter().flat_map(|token| token.to_le_bytes()).collect()
}

unsafe extern "C" fn no_log(_: llama_cpp_sys_2::ggml_log_level, _: *const std::ffi::c_char, _: *mut libc::c_void) {}

/// Holds a process still while it is read, or lets it go on.
fn halt(pid: u32, still: bool) {
    // SAFETY: a signal to a child of ours.
    assert_eq!(unsafe { libc::kill(pid as i32, if still { libc::SIGSTOP } else { libc::SIGCONT }) }, 0);
}

fn nothing_of_a_request_is_left() {
    let mut engine = Engine::start(1024);
    let pid = engine.process.id();
    if let Err(e) = occurrences(pid, "x") {
        return println!("  skipped: reading an engine's memory needs root ({e})");
    }
    // Written backwards: the engine is this executable, and holds its constants.
    let forward = |s: &str| s.chars().rev().collect::<String>();
    let name = forward("ucsenatloZ-4137-nirreQ");
    let order = forward("noitseuq siht ni flesti taeper esaelP");
    let question = format!("The patient's name is {name}. Repeat the patient's name twice. {order}");
    // A stop text is kept while it works: what is there is found, or the test would prove nothing.
    engine.ask(&[("user", &question)], Sampling { stop: vec![order.clone()], ..greedy(120) });
    let _ = engine.receiver.receive::<medlock_engine::frame::Reply>().unwrap();
    halt(pid, true);
    // Some tokens of the middle: what a text is cut into depends on what stands before it.
    let all = tokens(&question);
    let middle = all[all.len() / 2..][..20].to_vec();
    let there = occurrences(pid, &order).unwrap().min(occurrences(pid, &middle).unwrap());
    halt(pid, false);
    assert!(there > 0);
    let answer = engine.hear();
    println!("  {:?}, the name came back: {}", answer.last, answer.text.contains(&name));
    let left = |when: &str| {
        assert_eq!(occurrences(pid, &middle).unwrap(), 0, "{when}: tokens");
        for piece in [name.as_str(), &name[12..], &order, &order[7..21]] {
            assert_eq!(occurrences(pid, piece).unwrap(), 0, "{when}: {} bytes of the prompt", piece.len());
        }
    };
    left("done");
    // Nor of a schema, which the answer was held to.
    let schema = format!(r#"{{"type":"object","required":["who"],"properties":{{"who":{{"const":"{name}"}}}}}}"#);
    engine.shape = Some(Shape { schema, strict: true, after: None });
    let held = engine.user("Who?", greedy(60));
    assert!(held.text.contains(&name), "{}", held.text);
    left("after an answer that was held to a schema");
    // Nor of those who were answered together, when the last of them has ended.
    engine.scope = Some(1);
    let ids = [40, 8].map(|tokens| engine.ask(&[("user", &question)], greedy(tokens)));
    let first = engine.hear().last;
    assert!(matches!(first, medlock_engine::frame::Reply::Done { id, .. } if id == ids[1]), "{first:?}");
    engine.hear();
    left("after two at once");
    // What is kept is there, and gone when it is to be forgotten.
    engine.keep = true;
    engine.user(&question, greedy(4));
    assert!(occurrences(pid, &middle).unwrap() > 0);
    engine.sender.send(&medlock_engine::frame::Request::Forget).unwrap();
    (engine.scope, engine.keep) = (None, false);
    let second = engine.capital();
    assert!(second.text.contains("Paris"), "{}", second.text);
    left("after the next request");
}
