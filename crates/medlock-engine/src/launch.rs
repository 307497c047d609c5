//! Seals a model and starts an engine on it.
#![allow(unsafe_code, reason = "memfd_create, fcntl, and what happens between fork and exec")]

use crate::channel;
use crate::lockdown::{MODEL_FD, SEALS};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The first argument that makes the executable an engine.
pub const ENGINE_VERB: &str = "engine";
/// The first argument that makes the executable a launcher.
pub const LAUNCHER_VERB: &str = "launcher";

/// A model in memory that nobody can change any more, not even its owner.
#[derive(Debug)]
pub struct SealedModel {
    file: File,
    len: u64,
}

impl SealedModel {
    /// Copies `from` into a sealed memory file and shows `each` exactly the bytes that went into
    /// it, in order: a digest taken there is of what the engine will read, whatever happens to the
    /// file meanwhile.
    pub fn copy(mut from: impl Read, mut each: impl FnMut(&[u8])) -> io::Result<Self> {
        let mut memory = memory_file()?;
        let mut buffer = vec![0; 1 << 20];
        let mut len = 0;
        loop {
            let n = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            each(&buffer[..n]);
            memory.write_all(&buffer[..n])?;
            len += n as u64;
        }
        // SAFETY: fcntl on our own descriptor.
        if unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_ADD_SEALS, SEALS) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { file: reopen(&memory)?, len })
    }

    /// Bytes of the model.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A read-only descriptor with a position of its own: two engines must not move each other's.
    pub fn open(&self) -> io::Result<File> {
        reopen(&self.file)
    }
}

fn memory_file() -> io::Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: memfd_create with a C string and flags.
    let create = |flags| unsafe { libc::memfd_create(c"model".as_ptr(), flags) };
    let mut fd = create(flags | libc::MFD_NOEXEC_SEAL);
    if fd < 0 {
        fd = create(flags); // MFD_NOEXEC_SEAL came with Linux 6.3
    }
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: new, and nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

fn reopen(memory: &File) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()))
}

/// An engine that has been started, not yet heard of.
#[derive(Debug)]
pub struct Running {
    /// Our end of the socket: see [`channel::split`].
    pub end: OwnedFd,
    /// The process.
    pub process: Process,
}

/// Starts an engine as a child of this process. `exe` must call [`crate::run_if_child`] first thing
/// in its `main`.
///
/// The engine is killed when the *thread* that calls this ends: keep it.
pub fn spawn(exe: &Path, model: &SealedModel) -> io::Result<Running> {
    spawn_as(exe, ENGINE_VERB, model)
}

/// The same under another first argument, for tests that play the engine's part.
#[doc(hidden)]
pub fn spawn_as(exe: &Path, verb: &str, model: &SealedModel) -> io::Result<Running> {
    let (end, child) = spawn_engine(exe, verb, &model.open()?.into(), true)?;
    Ok(Running { end, process: Process::Child(child) })
}

pub(crate) fn spawn_engine(exe: &Path, verb: &str, model: &OwnedFd, null: bool) -> io::Result<(OwnedFd, Child)> {
    let (ours, theirs) = channel::pair()?;
    let child = start(exe, verb, &[model.as_raw_fd(), theirs.as_raw_fd()], null)?;
    Ok((ours, child))
}

/// Starts `exe` with one argument, these descriptors as 3 and following, /dev/null before them,
/// nothing after them and an environment of one variable.
pub(crate) fn start(exe: &Path, verb: &str, give: &[RawFd], null: bool) -> io::Result<Child> {
    let parent = std::process::id() as i32;
    // std's own error pipe must not get one of the numbers that the child's descriptors will have.
    let mut _kept = Vec::new();
    let mut give_high = Vec::new();
    for fd in give {
        _kept.push(duplicate(*fd, MODEL_FD)?);
        give_high.push(duplicate(*fd, MODEL_FD + 16)?);
    }
    let give: Vec<RawFd> = give_high.iter().map(OwnedFd::as_raw_fd).collect();
    let mut command = Command::new(exe);
    command.arg0("medlock").arg(verb).env_clear();
    // ggml's terminate handler otherwise opens /proc/self/status; refused, it crashes instead of
    // ending with a clean SIGABRT.
    command.env("GGML_NO_BACKTRACE", "1");
    if null {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    // SAFETY: between fork and exec, calls that are safe there, on memory that exists already.
    unsafe {
        command.pre_exec(move || {
            let mut next = MODEL_FD;
            for fd in &give {
                if libc::dup2(*fd, next) < 0 {
                    return Err(io::Error::last_os_error());
                }
                next += 1;
            }
            // Close at exec rather than now: std still needs its error pipe.
            if libc::syscall(libc::SYS_close_range, next as u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) != 0 {
                return Err(io::Error::last_os_error());
            }
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            if libc::getppid() != parent {
                libc::_exit(1); // the parent died before the line above
            }
            Ok(())
        });
    }
    command.spawn()
}

/// The same file under a number of at least `least`.
fn duplicate(fd: RawFd, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl; the new descriptor is nobody else's.
    unsafe {
        match libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) {
            -1 => Err(io::Error::last_os_error()),
            new => Ok(OwnedFd::from_raw_fd(new)),
        }
    }
}

/// An engine's process, ours or the launcher's child.
#[derive(Debug)]
pub enum Process {
    /// Started by [`spawn`].
    Child(Child),
    /// Started by [`crate::launcher::Launcher::spawn`].
    #[allow(missing_docs, reason = "the names say it")]
    Launched { pid: u32, launcher: crate::launcher::Launcher },
}

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        match self {
            Process::Child(child) => child.id(),
            Process::Launched { pid, .. } => *pid,
        }
    }

    /// Ends it if it still runs, and says how it ended. One that had ended by itself keeps its own
    /// cause.
    pub fn end(self) -> io::Result<Ended> {
        match self {
            Process::Child(mut child) => {
                let _ = child.kill();
                child.wait().map(Ended::from)
            }
            Process::Launched { pid, launcher } => launcher.reap(pid),
        }
    }
}

/// How an engine process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        status.signal().map_or_else(|| Ended::Code(status.code().unwrap_or(-1)), Ended::Signal)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "exit code {code}"),
            Ended::Signal(libc::SIGABRT) => f.write_str("an assertion in the model code failed"),
            Ended::Signal(libc::SIGSYS) => f.write_str("it tried a system call that the sandbox forbids"),
            Ended::Signal(libc::SIGKILL) => f.write_str("killed, perhaps for lack of memory"),
            Ended::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::io::{Seek, SeekFrom};

    #[test]
    fn a_sealed_model_is_what_was_hashed_and_stays_so() {
        let text = vec![7u8; 3 << 20];
        let mut seen = Vec::new();
        let model = SealedModel::copy(&text[..], |b| seen.extend_from_slice(b)).unwrap();
        assert_eq!((seen == text, model.len()), (true, 3 << 20));
        assert!(model.file.try_clone().unwrap().write_all(b"x").is_err());
        // Not through the descriptor's writable twin either.
        let path = format!("/proc/self/fd/{}", model.file.as_raw_fd());
        let opened = std::fs::OpenOptions::new().write(true).open(path);
        assert!(opened.and_then(|mut f| f.write_all(b"x")).is_err());
        assert!(model.file.set_len(1).is_err());
    }

    #[test]
    fn descriptors_of_a_model_have_their_own_positions() {
        let model = SealedModel::copy(&b"abc"[..], |_| {}).unwrap();
        let (mut one, mut two) = (model.open().unwrap(), model.open().unwrap());
        one.seek(SeekFrom::End(0)).unwrap();
        let mut text = String::new();
        two.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    }
}
