//! What the server process gives up once it knows its settings: every file but its own, running
//! programs, and connecting to anybody. It lives beside the other confinements, so that one crate
//! names Landlock.

use crate::frame::Enforced;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};
use std::path::Path;

/// Confines this thread and every thread it starts from now on: files beneath `read` may be read,
/// files beneath `write` read and written; nothing may be run; TCP connections may be opened to the
/// ports `connect` only (listening and accepting stay). A path that does not exist needs no rule.
///
/// `None` when the kernel has no Landlock (Linux 5.13 or newer), or a rule cannot be made.
pub fn server(read: &[&Path], write: &[&Path], connect: &[u16]) -> Option<Enforced> {
    let newest = ABI::V7;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let writing = AccessFs::from_all(newest) & !AccessFs::Execute;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))
        .and_then(|r| r.handle_access(AccessNet::ConnectTcp))
        .and_then(Ruleset::create)
        .ok()?;
    let wanted = read.iter().map(|p| (*p, reading)).chain(write.iter().map(|p| (*p, writing)));
    for (path, access) in wanted {
        if let Ok(fd) = PathFd::new(path) {
            let access = if path.is_dir() { access } else { access & AccessFs::from_file(newest) };
            rules = rules.add_rule(PathBeneath::new(fd, access)).ok()?;
        }
    }
    for port in connect {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp)).ok()?;
    }
    let status = rules.restrict_self().ok()?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Some(Enforced::Fully),
        RulesetStatus::PartiallyEnforced => Some(Enforced::Partly),
        RulesetStatus::NotEnforced => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::fs::{self, File};
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    /// Landlock binds a thread, so one test thread can be confined by itself.
    #[test]
    fn only_its_own_files_no_program_and_no_connection() {
        let (own, readable, other) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&own, &readable, &other] {
            fs::write(dir.path().join("f"), "x").unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = port.local_addr().unwrap();
        let witness = TcpListener::bind("127.0.0.1:0").unwrap();
        let allowed = witness.local_addr().unwrap();
        assert!(TcpStream::connect(at).is_ok() && Command::new("/bin/true").status().is_ok(), "possible before");
        std::thread::spawn(move || {
            let enforced = server(&[&readable.path().join("f")], &[own.path()], &[allowed.port()]).unwrap();
            fs::write(own.path().join("g"), "y").unwrap();
            fs::rename(own.path().join("g"), own.path().join("h")).unwrap();
            assert_eq!(fs::read(readable.path().join("f")).unwrap(), b"x");
            assert!(fs::write(readable.path().join("f"), "y").is_err(), "written where only reading is allowed");
            assert!(File::open(other.path().join("f")).is_err() && File::open("/etc/passwd").is_err());
            assert!(Command::new("/bin/true").status().is_err(), "a program ran");
            if enforced == Enforced::Fully {
                assert!(TcpStream::connect(at).is_err(), "a connection was opened");
            }
            assert!(TcpStream::connect(allowed).is_ok(), "a connection that the settings name");
            assert!(TcpListener::bind("127.0.0.1:0").is_ok(), "serving must stay possible");
        })
        .join()
        .unwrap();
    }
}
