//! What hostile code in a locked process would try. Each attempt is made three times in a process
//! of its own: unconfined, where it must succeed (or the attempt proves nothing), and in an engine,
//! and for some in a launcher, where it must not.
#![allow(unsafe_code, reason = "raw system calls are the attack")]

use crate::Test;
use libc::{c_char, c_long, syscall};
use medlock_engine::launch::{self, Ended, SealedModel};
use medlock_engine::lockdown::{MODEL_FD, SOCKET_FD};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::process::ExitCode;
use std::ptr::{null, null_mut};

pub(crate) const TESTS: &[Test] = &[
    ("attacks::unconfined_they_succeed", unconfined_they_succeed),
    ("attacks::an_engine_can_do_none_of_it", an_engine_can_do_none_of_it),
    ("attacks::a_launcher_can_reach_nothing", a_launcher_can_reach_nothing),
];

struct Attack {
    name: &'static str,
    attempt: fn() -> c_long,
    /// Whether it succeeds where nothing forbids it, on any machine that runs the tests.
    works_unconfined: bool,
    /// Whether a launcher must fail at it too.
    launcher_too: bool,
}

const fn attack(name: &'static str, works_unconfined: bool, launcher_too: bool, attempt: fn() -> c_long) -> Attack {
    Attack { name, attempt, works_unconfined, launcher_too }
}

const PASSWD: *const c_char = c"/etc/passwd".as_ptr();
const OUT: *const c_char = c"/tmp/medlock-sandbox-was-here".as_ptr();
const SHELL: *const c_char = c"/bin/sh".as_ptr();

// SAFETY, for all of them: raw system calls on constants, on fresh mappings, or on null pointers,
// in a process that does nothing else and ends right after.
#[rustfmt::skip]
const ATTACKS: &[Attack] = &[
    attack("open", true, true, || unsafe { syscall(libc::SYS_openat, libc::AT_FDCWD, PASSWD, libc::O_RDONLY) }),
    attack("open_write", true, true, || unsafe { syscall(libc::SYS_openat, libc::AT_FDCWD, OUT, libc::O_WRONLY | libc::O_CREAT, 0o600) }),
    attack("openat2", true, true, || unsafe { syscall(libc::SYS_openat2, libc::AT_FDCWD, PASSWD, [0u64; 3].as_ptr(), 24) }),
    attack("stat", true, false, || unsafe { let mut s = std::mem::zeroed::<libc::stat>(); syscall(libc::SYS_newfstatat, libc::AT_FDCWD, PASSWD, &mut s, 0) }),
    attack("readlink", true, false, || unsafe { let mut b = [0u8; 64]; syscall(libc::SYS_readlinkat, libc::AT_FDCWD, c"/proc/self/exe".as_ptr(), b.as_mut_ptr(), 64) }),
    attack("unlink", false, false, || unsafe { syscall(libc::SYS_unlinkat, libc::AT_FDCWD, OUT, 0) }),
    attack("socket_inet", true, true, || unsafe { syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0) }),
    attack("socket_unix", true, true, || unsafe { syscall(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0) }),
    attack("socket_netlink", true, true, || unsafe { syscall(libc::SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, 0) }),
    attack("connect", false, true, connect),
    attack("recvmsg", false, false, || unsafe { let mut m = std::mem::zeroed::<libc::msghdr>(); syscall(libc::SYS_recvmsg, SOCKET_FD, &mut m, libc::MSG_DONTWAIT) }),
    attack("exec", true, true, || unsafe { let argv = [SHELL, c"-c".as_ptr(), c"exit 77".as_ptr(), null()]; syscall(libc::SYS_execve, SHELL, argv.as_ptr(), null::<*const c_char>()) }),
    attack("execveat", false, false, || unsafe { let argv = [SHELL, null()]; syscall(libc::SYS_execveat, 0, SHELL, argv.as_ptr(), null::<*const c_char>(), 0) }),
    attack("fork", true, false, || unsafe { match syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) { 0 => libc::_exit(0), r => r } }),
    attack("clone3", false, false, || unsafe { let mut a = [0u64; 11]; syscall(libc::SYS_clone3, a.as_mut_ptr(), 88) }),
    attack("ptrace", true, true, || unsafe { syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0) }),
    attack("vm_readv", false, true, vm_readv),
    attack("kill", true, false, || unsafe { syscall(libc::SYS_kill, libc::getpid(), 0) }),
    attack("tgkill_other", false, false, || unsafe { syscall(libc::SYS_tgkill, 1, 1, 0) }),
    attack("pidfd", true, true, || unsafe { syscall(libc::SYS_pidfd_open, 1, 0) }),
    attack("io_uring", false, true, || unsafe { let mut p = [0u64; 15]; syscall(libc::SYS_io_uring_setup, 4, p.as_mut_ptr()) }),
    attack("bpf", false, true, || unsafe { let a = [0u64; 8]; syscall(libc::SYS_bpf, 0, a.as_ptr(), 64) }),
    attack("perf", false, true, || unsafe { let a = [0u64; 16]; syscall(libc::SYS_perf_event_open, a.as_ptr(), 0, -1, -1, 0) }),
    attack("userfaultfd", false, true, || unsafe { syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) }),
    attack("unshare", false, true, || unsafe { syscall(libc::SYS_unshare, libc::CLONE_NEWUSER) }),
    attack("mount", false, true, || unsafe { syscall(libc::SYS_mount, c"none".as_ptr(), c"/mnt".as_ptr(), c"tmpfs".as_ptr(), 0, 0) }),
    attack("memfd", true, true, || unsafe { syscall(libc::SYS_memfd_create, c"x".as_ptr(), 0) }),
    attack("map_executable", true, false, || unsafe { syscall(libc::SYS_mmap, 0, 4096, libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) }),
    attack("make_executable", true, false, || unsafe { let p = libc::mmap(null_mut(), 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0); syscall(libc::SYS_mprotect, p, 4096, libc::PROT_READ | libc::PROT_EXEC) }),
    attack("write_model", false, false, || unsafe { syscall(libc::SYS_write, MODEL_FD, c"x".as_ptr(), 1) }),
    attack("map_model_writable", false, false, || unsafe { syscall(libc::SYS_mmap, 0, 4096, 3, libc::MAP_SHARED, MODEL_FD, 0) }),
    attack("set_dumpable", true, false, || unsafe { syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }),
    attack("duplicate", true, false, || unsafe { syscall(libc::SYS_dup, SOCKET_FD) }),
];

fn connect() -> c_long {
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 9u16.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    // SAFETY: see above.
    unsafe { syscall(libc::SYS_connect, SOCKET_FD, &to, size_of::<libc::sockaddr_in>()) }
}

fn vm_readv() -> c_long {
    let mut bytes = [0u8; 8];
    let part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: 8 };
    // SAFETY: see above.
    unsafe { syscall(libc::SYS_process_vm_readv, libc::getppid(), &part, 1, &part, 1, 0) }
}

/// Plays the attacker: `engine:NAME`, `launcher:NAME` or `free:NAME`.
pub(crate) fn run_if_attacker(argument: Option<&String>) -> Option<ExitCode> {
    let (confinement, name) = argument?.split_once("!")?;
    let attempt = ATTACKS.iter().find(|a| a.name == name)?.attempt;
    let _locked = match confinement {
        "engine" => Some(medlock_engine::lockdown::lock_down().expect("the engine locks itself down")),
        "launcher" => {
            medlock_engine::launcher::confine_for_tests().expect("the launcher confines itself");
            None
        }
        _ => None,
    };
    let result = attempt();
    // SAFETY: descriptor 4 is the socket that the test listens to.
    let mut socket = unsafe { File::from_raw_fd(SOCKET_FD) };
    let _ = socket.write_all(if result >= 0 { b"done" } else { b"refused" });
    std::mem::forget(socket); // not even closing is allowed
    Some(ExitCode::SUCCESS)
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Succeeded,
    Refused,
    Killed,
}

fn outcome(confinement: &str, attack: &Attack) -> Outcome {
    let exe = std::env::current_exe().unwrap();
    let model = SealedModel::copy(&[0u8; 8192][..], |_| {}).unwrap();
    let running = launch::spawn_as(&exe, &format!("{confinement}!{}", attack.name), &model).unwrap();
    let mut said = String::new();
    let mut end = File::from(running.end);
    let mut buffer = [0; 16];
    let n = end.read(&mut buffer).unwrap_or(0);
    said.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
    if said.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20)); // the shell of `exec` ends by itself
    }
    match (said.as_str(), running.process.end().unwrap()) {
        ("done", _) | ("", Ended::Code(77)) => Outcome::Succeeded,
        ("refused", _) => Outcome::Refused,
        ("", Ended::Signal(libc::SIGSYS)) => Outcome::Killed,
        (said, how) => panic!("{}: {said:?}, {how}", attack.name),
    }
}

fn unconfined_they_succeed() {
    for attack in ATTACKS.iter().filter(|a| a.works_unconfined) {
        assert_eq!(outcome("free", attack), Outcome::Succeeded, "{}", attack.name);
    }
    let _ = std::fs::remove_file("/tmp/medlock-sandbox-was-here");
}

fn an_engine_can_do_none_of_it() {
    let mut killed = 0;
    for attack in ATTACKS {
        let outcome = outcome("engine", attack);
        assert_ne!(outcome, Outcome::Succeeded, "{}", attack.name);
        killed += usize::from(outcome == Outcome::Killed);
    }
    // Three are refused rather than punished: stat, clone3, and mapping the sealed model.
    assert_eq!(killed, ATTACKS.len() - 3);
}

fn a_launcher_can_reach_nothing() {
    for attack in ATTACKS.iter().filter(|a| a.launcher_too) {
        assert_eq!(outcome("launcher", attack), Outcome::Refused, "{}", attack.name);
    }
}
