//! One process at a time works on a data directory. The kernel drops the lock with the process, so
//! a crash leaves nothing to clean up.

use crate::failure::{Doing, Failure};
use crate::layout::Layout;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;

/// The directory is ours for as long as this lives.
#[derive(Debug)]
pub(crate) struct RunLock(File);

/// Who has a data directory.
pub(crate) enum Holder {
    /// Nobody but us, now.
    Us(RunLock),
    /// A server that can be reached there.
    Server(SocketAddr),
    /// Somebody who does not say where, or not yet.
    Other,
}

/// Takes the lock, or says who has it.
pub(crate) fn take(layout: &Layout) -> Result<Holder, Failure> {
    let path = layout.lock();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .doing(format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            // What is there is of somebody who is gone.
            file.set_len(0).doing(format!("writing {}", path.display()))?;
            Ok(Holder::Us(RunLock(file)))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).doing(format!("reading {}", path.display()))?;
            Ok(text.trim().parse().map_or(Holder::Other, Holder::Server))
        }
        Err(TryLockError::Error(e)) => Err(Failure::error(format!("locking {}: {e}", path.display()))),
    }
}

/// Takes the lock or fails with what to do about it.
pub(crate) fn take_or_fail(layout: &Layout) -> Result<RunLock, Failure> {
    let root = layout.root().display();
    match take(layout)? {
        Holder::Us(lock) => Ok(lock),
        Holder::Server(at) => Err(Failure::error(format!(
            "a server runs on {root} already, at {at}: stop it, or name another directory with --data-dir"
        ))),
        Holder::Other => Err(Failure::error(format!("another medlock is at work on {root}: wait until it is done"))),
    }
}

impl RunLock {
    /// Says where the server can be reached from this machine.
    pub(crate) fn serving_at(&mut self, address: SocketAddr) -> Result<(), Failure> {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let text = format!("{}\n", SocketAddr::new(ip, address.port()));
        let mut write = || {
            self.0.set_len(0)?;
            self.0.rewind()?;
            self.0.write_all(text.as_bytes())
        };
        write().doing("writing run.lock")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn one_at_a_time_and_the_next_one_learns_where() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let mut lock = take_or_fail(&layout).unwrap();
        assert!(matches!(take(&layout).unwrap(), Holder::Other));
        lock.serving_at("0.0.0.0:99".parse().unwrap()).unwrap();
        assert!(matches!(take(&layout).unwrap(), Holder::Server(at) if at.to_string() == "127.0.0.1:99"));
        assert!(take_or_fail(&layout).unwrap_err().to_string().contains("at 127.0.0.1:99"));
        drop(lock);
        assert!(matches!(take(&layout).unwrap(), Holder::Us(_)));
    }
}
