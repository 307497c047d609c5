//! What the serving process gives up before it holds anything worth taking.
#![allow(unsafe_code, reason = "two system calls that std does not offer")]

use crate::config::{KeyRef, RelationshipSettings, Settings};
use crate::failure::Failure;
use crate::sinks;
use std::io;
use std::path::Path;

/// No core dumps, no other process of this user looking into this one, and memory that is wiped
/// when it is freed. Refuses to go on where one of them cannot be had: each would leave PHI where
/// nobody looks for it.
pub(crate) fn apply() -> Result<(), Failure> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid pointer to a struct that lives through the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) } != 0 {
        return Err(failed("turning core dumps off"));
    }
    // SAFETY: PR_SET_DUMPABLE takes one number and no pointer.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(failed("keeping other processes out of this one's memory"));
    }
    if !medlock_engine::zero_on_free::active() {
        return Err(Failure::error(
            "this build does not wipe freed memory (it was linked in a way that undoes it); build it for dynamic glibc",
        ));
    }
    medlock_engine::zero_on_free::pin_mmap_threshold();
    Ok(())
}

/// What the resolver of names reads.
const RESOLVER: [&str; 5] = ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];

/// From here on the server reaches its own files only, runs no program and connects to nobody but the identity
/// provider, the FHIR server and the witnesses, receivers and bucket of its log (Landlock, where the kernel has it). Must come before the first thread.
pub(crate) fn confine(settings: &Settings, ports: &[u16]) -> Option<medlock_engine::frame::Enforced> {
    let mut read = vec![settings.tls_cert.as_path()];
    if let KeyRef::File(key) = &settings.tls_key {
        read.push(key);
    }
    read.extend(settings.tls_client_ca.as_deref());
    read.extend(settings.policy.dir.as_deref());
    read.extend(settings.policy.signers.as_deref());
    read.extend(settings.model.signers.as_deref());
    if let Some(witnesses) = &settings.witnesses {
        read.extend([witnesses.policy.as_path(), &witnesses.ca]);
    }
    read.extend(sinks::files(&settings.sinks));
    // Its directory: whoever writes it puts another file in its place.
    match &settings.relationships {
        Some(RelationshipSettings::File(path)) => read.extend(path.parent()),
        Some(RelationshipSettings::Fhir(fhir)) => {
            read.push(&fhir.ca);
            if let Some(KeyRef::File(token)) = &fhir.token {
                read.push(token);
            }
        }
        None => {}
    }
    if !ports.is_empty() {
        read.extend(RESOLVER.map(Path::new));
    }
    if let Some(sso) = &settings.sso {
        read.push(&sso.ca);
        if let Some(KeyRef::File(secret)) = &sso.client_secret {
            read.push(secret);
        }
    }
    if let Some(s3) = &settings.marks.s3 {
        read.push(&s3.ca);
        if let KeyRef::File(secret) = &s3.secret {
            read.push(secret);
        }
    }
    // A model that is not the catalogued one is moved aside, so its directory is written too.
    let mut write = vec![settings.layout.root(), &settings.model.dir];
    write.extend(sinks::directories(&settings.sinks));
    write.extend(settings.marks.dir.as_deref());
    medlock_engine::confine::server(&read, &write, ports)
}

/// Ctrl-C goes to every process of the terminal, but only the server may act on it: it lets what is
/// running end. What is started after this inherits it; the server then listens again by itself.
pub(crate) fn ignore_signals_in_children() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: SIG_IGN is a valid disposition for each of these.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Panics say where, never what: a message can quote what was being worked on.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
        report(&at);
    }));
}

#[expect(clippy::print_stderr, reason = "the only thing left that works in a panic")]
fn report(at: &str) {
    eprintln!("medlock: a fault of ours{at}; please report it with this line");
}

fn failed(doing: &str) -> Failure {
    Failure::error(format!("{doing}: {}", io::Error::last_os_error()))
}
