//! seccomp: what is not on the list ends the process. Each line says who needs it; nothing on it
//! opens, connects, starts or signals anything but this process.

use super::{MODEL_FD, SOCKET_FD};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter_all_threads,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Installs the filters. One filter has one action for what matches and one for the rest, and three
/// are wanted (allow, refuse, kill). Filters stack and the severest answer wins: first those that
/// only refuse, last the list, which therefore repeats what they refuse.
pub(super) fn install() -> Option<()> {
    for program in programs().ok()? {
        apply_filter_all_threads(&program).ok()?;
    }
    Some(())
}

fn programs() -> Result<[BpfProgram; 3], Error> {
    let refused: [(i64, i32); 2] = [
        // glibc falls back to clone, whose flags can be checked, on ENOSYS only.
        (libc::SYS_clone3, libc::ENOSYS),
        // fseek(SEEK_END) tries fstat, and seeks when that fails. It cannot be allowed for the
        // model alone: the path is a pointer, and Landlock does not restrict stat.
        (libc::SYS_newfstatat, libc::EPERM),
    ];
    let mut list = allow_list()?;
    list.extend(refused.map(|(call, _)| (call, vec![])));
    let soft = |(call, errno): (i64, i32)| {
        let rules = Rules::from([(call, vec![])]);
        compile(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32))
    };
    let last = compile(list, SeccompAction::KillProcess, SeccompAction::Allow)?;
    Ok([soft(refused[0])?, soft(refused[1])?, last])
}

fn compile(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<BpfProgram, Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, otherwise, matching, arch)?.try_into()?)
}

fn allow_list() -> Result<Rules, Error> {
    let model = u64::from(MODEL_FD.unsigned_abs());
    let socket = u64::from(SOCKET_FD.unsigned_abs());
    let me = u64::from(std::process::id());
    let no_exec = || SeccompCondition::new(2, Dword, MaskedEq(libc::PROT_EXEC as u64), 0);
    let any = Vec::new;
    Ok(Rules::from([
        // frames, and the model through stdio
        (libc::SYS_read, vec![when([arg(0, model)?])?, when([arg(0, socket)?])?]),
        // 2 is /dev/null: libstdc++ writes there on its way to abort()
        (libc::SYS_write, vec![when([arg(0, socket)?])?, when([arg(0, 2)?])?]),
        // a look at the socket without waiting; with an address it could learn nothing either, but
        // there is no need. Unlike recvmsg it can receive no descriptors.
        (libc::SYS_recvfrom, vec![when([arg(0, socket)?, SeccompCondition::new(4, Qword, Eq, 0)?])?]),
        (libc::SYS_lseek, vec![when([arg(0, model)?])?]),
        (libc::SYS_close, vec![when([arg(0, model)?])?]),
        (libc::SYS_fadvise64, vec![when([arg(0, model)?])?]),
        // memory: the heap and the mapping of the model; never executable
        (libc::SYS_brk, any()),
        (libc::SYS_mmap, vec![when([no_exec()?, arg(4, u64::from(u32::MAX))?])?, when([no_exec()?, arg(4, model)?])?]),
        (libc::SYS_munmap, any()),
        (libc::SYS_madvise, any()), // malloc's trim, the loader's WILLNEED
        (libc::SYS_futex, any()),   // C++ statics and mutexes
        // the size of the machine. glibc ignores a refusal and reads an uninitialised value.
        (libc::SYS_sysinfo, any()),
        (libc::SYS_clock_gettime, any()), // where the vDSO cannot read the clock
        (libc::SYS_exit_group, any()),
        (libc::SYS_sigaltstack, any()), // Rust's exit path removes its signal stack
        // abort(): block signals, reset and raise SIGABRT, at this process only
        (libc::SYS_rt_sigprocmask, any()),
        (libc::SYS_rt_sigaction, any()),
        (libc::SYS_gettid, any()),
        (libc::SYS_getpid, any()),
        (libc::SYS_tgkill, vec![when([arg(0, me)?, arg(2, libc::SIGABRT as u64)?])?]),
    ]))
}

fn arg(index: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, Dword, Eq, value)
}

fn when<const N: usize>(all: [SeccompCondition; N]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(all.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn nothing_that_reaches_out_is_on_the_list() {
        let list = allow_list().unwrap();
        for call in [
            libc::SYS_openat,
            libc::SYS_socket,
            libc::SYS_connect,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_recvmsg,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_clone,
            libc::SYS_kill,
            libc::SYS_ptrace,
            libc::SYS_mprotect,
            libc::SYS_mremap,
            libc::SYS_prctl,
            libc::SYS_seccomp,
            libc::SYS_memfd_create,
            libc::SYS_io_uring_setup,
            libc::SYS_ioctl,
            libc::SYS_dup,
        ] {
            assert!(!list.contains_key(&call), "system call {call}");
        }
        assert_eq!(list.len(), 20, "a new line needs a reason, and an attack that shows what it gives away");
        programs().unwrap();
    }
}
