//! The engine gives everything away, in the one order that works, before the first byte of the
//! model is parsed: the loader, the tokenizer and the kernels are the code that is not trusted.
//!
//! Landlock alone leaves sockets, fork and stat open, and on older kernels signals and io_uring;
//! seccomp closes those. Neither can be undone from inside.
#![allow(unsafe_code, reason = "setrlimit, prctl, fcntl, fdopen, mlockall")]

mod filter;
mod rules;

use crate::frame::{Enforced, Step};
use crate::{llama, zero_on_free};
use std::ffi::{CStr, c_char};
use std::os::fd::RawFd;
use std::time::Instant;

/// The sealed model, read-only.
pub const MODEL_FD: RawFd = 3;
/// The socket to the server.
pub const SOCKET_FD: RawFd = 4;
/// What a model's memory file must be sealed against: being written, grown, shrunk (which would be
/// a SIGBUS under a mapping), and unsealed.
pub(crate) const SEALS: i32 = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// The model's stream, opened before opening became impossible. Closed on drop.
#[derive(Debug)]
pub struct ModelFile(*mut libc::FILE);

impl ModelFile {
    pub(crate) fn stream(&self) -> *mut libc::FILE {
        self.0
    }
}

#[cfg(test)]
impl ModelFile {
    /// A model file for a test of what comes after the lock-down.
    pub(crate) fn open(path: &CStr) -> Self {
        // SAFETY: two C strings.
        let stream = unsafe { libc::fopen(path.as_ptr(), c"rb".as_ptr()) };
        assert!(!stream.is_null(), "no model to test with: medlock model pull, or set MEDLOCK_TEST_MODEL");
        Self(stream)
    }
}

impl Drop for ModelFile {
    fn drop(&mut self) {
        // SAFETY: from fdopen, closed once.
        unsafe { libc::fclose(self.0) };
    }
}

/// A process that can compute, and talk on one socket.
#[derive(Debug)]
pub struct Locked {
    /// The model, not read yet.
    pub model: ModelFile,
    /// How much of the Landlock rules is in force.
    pub landlock: Enforced,
    /// Whether memory stays out of swap.
    pub memory_locked: bool,
    /// What it took, in microseconds.
    pub took_us: u32,
}

/// Locks this process down. It must have one thread, [`MODEL_FD`] and [`SOCKET_FD`].
///
/// After an error the process may be confined in part: end it.
pub fn lock_down() -> Result<Locked, Step> {
    let start = Instant::now();
    zero_on_free::pin_mmap_threshold();
    zero_on_free::populate();
    if !zero_on_free::active() {
        return Err(Step::ZeroOnFree);
    }
    // std's hash maps ask the system for randomness once a thread: now, or never again.
    std::hint::black_box(std::collections::hash_map::RandomState::new());
    let memory_locked = keep_out_of_swap();
    // exec made the process dumpable again, so this cannot be left to whoever started it.
    limit(libc::RLIMIT_CORE, 0).and(limit(libc::RLIMIT_FSIZE, 0)).ok_or(Step::Limits)?;
    // SAFETY: prctl with constants.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(Step::Dumpable);
    }
    // SAFETY: fcntl on a descriptor number; fails where it is not open or not a memory file.
    let seals = unsafe { libc::fcntl(MODEL_FD, libc::F_GET_SEALS) };
    if seals < 0 || seals & SEALS != SEALS {
        return Err(Step::Seals);
    }
    // SAFETY: takes the descriptor over; nobody else uses it. (It calls fcntl, which is forbidden
    // later.)
    let stream = unsafe { libc::fdopen(MODEL_FD, c"rb".as_ptr()) };
    if stream.is_null() {
        return Err(Step::Open);
    }
    let model = ModelFile(stream);
    let landlock = rules::deny_all().ok_or(Step::Landlock)?;
    // Not earlier: a Landlock rule set is a descriptor while it is being made.
    limit(libc::RLIMIT_NOFILE, SOCKET_FD as u64 + 1).ok_or(Step::Limits)?;
    llama::start_backend(Some(on_abort));
    filter::install().ok_or(Step::Seccomp)?; // last: the list does not allow seccomp(2) itself
    let took_us = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
    Ok(Locked { model, landlock, memory_locked, took_us })
}

fn limit(what: libc::__rlimit_resource_t, value: u64) -> Option<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: a pointer to a local value.
    (unsafe { libc::setrlimit(what, &limit) } == 0).then_some(())
}

/// Locks this process' memory where nothing limits it: under a limit, loading the weights would
/// fail later. Pages are locked as they are used, so that nothing is filled in needlessly.
fn keep_out_of_swap() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a pointer to a local value.
    let unlimited =
        unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0 && limit.rlim_cur == libc::RLIM_INFINITY;
    if !unlimited && !capable_of(CAP_IPC_LOCK) {
        return false;
    }
    // SAFETY: mlockall with flags.
    unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) == 0 }
}

/// Whether this process holds a capability. By system call: under the launcher's rules there is no
/// /proc to read.
fn capable_of(capability: u32) -> bool {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0]; // version, this process
    let mut sets = [0u32; 6]; // effective, permitted, inheritable; low words, then high ones
    // SAFETY: the layouts of version 3: two words in, six words out.
    let ok = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) } == 0;
    ok && sets[0] >> capability & 1 == 1
}

/// Says where an assertion failed: `file:line`, without its text, which may quote anything. Runs on
/// the way to abort(), with a heap that may be broken, so it uses the stack only.
unsafe extern "C" fn on_abort(text: *const c_char) {
    if text.is_null() {
        return;
    }
    // SAFETY: the model code gives a C string.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    let mut packet = [0u8; 128];
    let mut len = 0;
    for part in [&b".{\"Fault\":{\"place\":\""[..], place(text), b"\"}}"] {
        packet[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    }
    let _ = crate::channel::write_packet(SOCKET_FD, &packet[..len]);
}

/// `file:line` at the beginning of an assertion's message, or nothing if it does not look like it.
fn place(text: &[u8]) -> &[u8] {
    let head = text.splitn(3, |b| *b == b':').take(2).map(<[u8]>::len).sum::<usize>() + 1;
    let head = text.get(..head).unwrap_or_default();
    let file = head.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._-:".contains(b);
    let line = file.rsplit(|b| *b == b':').next().unwrap_or_default();
    let ok = file.len() <= 64 && file.iter().all(plain) && !line.is_empty() && line.iter().all(u8::is_ascii_digit);
    if ok { file } else { b"unknown" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_gives_its_place_and_never_its_text() {
        let check = |text: &str, expected: &str| assert_eq!(place(text.as_bytes()), expected.as_bytes(), "{text}");
        check("/src/llama.cpp/ggml.c:123: GGML_ASSERT(n < 3) failed", "ggml.c:123");
        check("ggml.c:9: x", "ggml.c:9");
        for hostile in ["", "John Smith", "a:b: c", "John Smith:12: x", ":::", "x\":1: y"] {
            check(hostile, "unknown");
        }
        check(&format!("{}:1: x", "a".repeat(80)), "unknown");
    }
}
