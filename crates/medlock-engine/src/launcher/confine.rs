//! What the launcher gives up. It must still be able to start a program, so there is no list of
//! what it may: files are limited to this executable and the system's libraries, and what reaches
//! further than starting a program is refused. Engines inherit all of it.
#![allow(unsafe_code, reason = "setrlimit and prctl")]

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use std::collections::BTreeMap;

/// The launcher could not be confined, and must not run.
#[derive(Debug)]
pub struct NotConfined;

/// Confines this process and all that it starts. It must have one thread.
pub fn confine() -> Result<(), NotConfined> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let few = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: setrlimit and prctl with local values and constants.
    let limited = unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &none) == 0
            && libc::setrlimit(libc::RLIMIT_FSIZE, &none) == 0
            && libc::setrlimit(libc::RLIMIT_NOFILE, &few) == 0
            && libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    };
    if !limited {
        return Err(NotConfined);
    }
    restrict_files().ok_or(NotConfined)?;
    let refuse = refusals().map_err(|_| NotConfined)?;
    apply_filter(&refuse).map_err(|_| NotConfined)
}

/// This executable and the dynamic loader may be run; libraries may be read; no file may be
/// written, no port opened.
fn restrict_files() -> Option<()> {
    const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];
    let read = AccessFs::ReadFile;
    let run = AccessFs::ReadFile | AccessFs::Execute;
    let newest = ABI::V7;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))
        .and_then(|r| r.handle_access(AccessNet::from_all(newest)))
        .and_then(|r| r.scope(Scope::from_all(newest)))
        .and_then(Ruleset::create)
        .ok()?;
    let allowed = [("/proc/self/exe", run), ("/etc/ld.so.cache", read.into())].into_iter();
    let allowed = allowed.chain(LOADERS.map(|p| (p, run)));
    let allowed = allowed.chain(LIBRARIES.map(|p| (p, AccessFs::ReadFile | AccessFs::ReadDir)));
    for (path, access) in allowed {
        // A path that this system does not have needs no rule.
        if let Ok(fd) = PathFd::new(path) {
            let access: BitFlags<AccessFs> = access;
            rules = rules.add_rule(PathBeneath::new(fd, access)).ok()?;
        }
    }
    let status = rules.restrict_self().ok()?;
    (status.ruleset != RulesetStatus::NotEnforced && status.no_new_privs).then_some(())
}

/// Refuses, softly, what neither starting a program nor a program's start needs.
fn refusals() -> Result<BpfProgram, seccompiler::Error> {
    #[rustfmt::skip]
    let calls = [
        // networks; a socket pair is not among them
        libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
        // other processes
        libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal, libc::SYS_process_madvise, libc::SYS_kcmp,
        // ways around a filter
        libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_bpf,
        libc::SYS_perf_event_open, libc::SYS_userfaultfd,
        // the shape of the file system, and what Landlock does not cover of it
        libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_fchmod,
        libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_setxattr, libc::SYS_lsetxattr,
        libc::SYS_fsetxattr, libc::SYS_utimensat, libc::SYS_open_by_handle_at, libc::SYS_mount_setattr,
        libc::SYS_fsopen, libc::SYS_open_tree, libc::SYS_move_mount,
        // namespaces, modules, keys, the machine
        libc::SYS_unshare, libc::SYS_setns, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module,
        libc::SYS_kexec_load, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl, libc::SYS_reboot,
        libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_acct,
        libc::SYS_memfd_create,
    ];
    let rules = calls.into_iter().map(|call| (call, vec![])).collect::<BTreeMap<_, _>>();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()?)
}
