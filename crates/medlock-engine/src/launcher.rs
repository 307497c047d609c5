//! A process that starts engines and can do nothing else.
//!
//! The server starts it before it opens anything: what the server holds later (keys, database,
//! connections) was never in the launcher's memory nor among its descriptors, and so never in an
//! engine's. The server asks it over one socket; a model comes as a descriptor, the engine's socket
//! goes back as one.

mod confine;
mod pass;

use crate::launch::{self, Ended, LAUNCHER_VERB, Process, Running, SealedModel};
use crate::{channel, lockdown};
use confine::confine;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

#[doc(hidden)]
pub use confine::confine as confine_for_tests;

/// Asks for an engine; comes with the model.
const SPAWN: u8 = b'S';
/// Asks to end an engine; comes with its process id.
const REAP: u8 = b'R';
/// Everything went well.
const OK: u8 = b'O';
/// It did not; comes with an error number.
const FAILED: u8 = b'E';

/// The launcher, as the server sees it.
#[derive(Debug, Clone)]
pub struct Launcher(Arc<Mutex<Control>>);

#[derive(Debug)]
struct Control {
    socket: OwnedFd,
    child: Child,
}

impl Launcher {
    /// Starts the launcher: call this before anything is opened, on a thread that stays (the main
    /// one), because the launcher and its engines are killed when that thread ends. `exe` must call
    /// [`crate::run_if_child`] first thing in its `main`.
    pub fn start(exe: &Path) -> io::Result<Self> {
        let (socket, theirs) = channel::pair()?;
        let child = launch::start(exe, LAUNCHER_VERB, &[theirs.as_raw_fd()], true)?;
        drop(theirs);
        let mut control = Control { socket, child };
        control.reply()?; // confined
        Ok(Self(Arc::new(Mutex::new(control))))
    }

    /// Starts an engine on a model.
    pub fn spawn(&self, model: &SealedModel) -> io::Result<Running> {
        let file = model.open()?;
        let (pid, end) = self.ask(&[SPAWN], Some(&file.into()))?;
        let end = end.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Running { end, process: Process::Launched { pid, launcher: self.clone() } })
    }

    pub(crate) fn reap(&self, pid: u32) -> io::Result<Ended> {
        let mut message = [REAP, 0, 0, 0, 0];
        message[1..].copy_from_slice(&pid.to_le_bytes());
        let (status, _) = self.ask(&message, None)?;
        Ok(ExitStatus::from_raw(status as i32).into())
    }

    /// The launcher's process id.
    pub fn id(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).child.id()
    }

    fn ask(&self, message: &[u8], with: Option<&OwnedFd>) -> io::Result<(u32, Option<OwnedFd>)> {
        let mut control = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pass::send(control.socket.as_fd(), message, with)?;
        control.reply()
    }
}

impl Control {
    fn reply(&mut self) -> io::Result<(u32, Option<OwnedFd>)> {
        let mut message = [0; 8];
        let (n, fd) = pass::receive(self.socket.as_fd(), &mut message)?;
        let number = || u32::from_le_bytes([message[1], message[2], message[3], message[4]]);
        match (n, message[0]) {
            (5, OK) => Ok((number(), fd)),
            (5, FAILED) => Err(io::Error::from_raw_os_error(number() as i32)),
            _ => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the launcher is gone")),
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.child.kill(); // its engines die with it
        let _ = self.child.wait();
    }
}

/// Runs a launcher: the whole life of a process that [`Launcher::start`] started with the control
/// socket on descriptor 3. Call it on the main thread, before there is any other.
pub fn launcher_main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let control = pass::take(lockdown::MODEL_FD);
    let confined = confine().map_err(|_| io::Error::from_raw_os_error(libc::EPERM));
    if reply(&control, &confined.map(|()| (0, None))).is_err() {
        return ExitCode::FAILURE;
    }
    let mut engines = BTreeMap::new();
    loop {
        let mut message = [0; 8];
        let Ok((n, fd)) = pass::receive(control.as_fd(), &mut message) else { return ExitCode::FAILURE };
        let result = match (&message[..n], fd) {
            ([], _) => return ExitCode::SUCCESS, // the server has gone; the engines go with us
            ([SPAWN], Some(model)) => spawn(&model, &mut engines),
            (&[REAP, a, b, c, d], None) => reap(u32::from_le_bytes([a, b, c, d]), &mut engines),
            _ => return ExitCode::FAILURE,
        };
        if reply(&control, &result).is_err() {
            return ExitCode::FAILURE;
        }
    }
}

type Answer = io::Result<(u32, Option<OwnedFd>)>;

fn spawn(model: &OwnedFd, engines: &mut BTreeMap<u32, Child>) -> Answer {
    // The file that is running, even if another has been put in its place.
    let exe = Path::new("/proc/self/exe");
    let (end, child) = launch::spawn_engine(exe, launch::ENGINE_VERB, model, false)?;
    let pid = child.id();
    engines.insert(pid, child);
    Ok((pid, Some(end)))
}

fn reap(pid: u32, engines: &mut BTreeMap<u32, Child>) -> Answer {
    let mut child = engines.remove(&pid).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    let _ = child.kill();
    Ok((child.wait()?.into_raw() as u32, None))
}

fn reply(control: &OwnedFd, answer: &Answer) -> io::Result<()> {
    let (tag, number, fd) = match answer {
        Ok((number, fd)) => (OK, *number, fd.as_ref()),
        Err(e) => (FAILED, e.raw_os_error().unwrap_or(libc::EIO) as u32, None),
    };
    let mut message = [tag, 0, 0, 0, 0];
    message[1..].copy_from_slice(&number.to_le_bytes());
    pass::send(control.as_fd(), &message, fd)
}
