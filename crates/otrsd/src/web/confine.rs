//! The sandbox of the console's process, in case that it is compromised: no other program and no other process, no
//! signals, and writing only to its own files. Restrictions that the kernel does not support are left out.

use std::{env::consts::ARCH, path::PathBuf};

use anyhow::Context as _;
use landlock::{
    ABI, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
    path_beneath_rules,
};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use sysconfig::SysConfig;

use crate::{
    config::{
        console::{self, Listen},
        daemon_paths::DaemonPaths,
        database, log, packages,
    },
    logs::{self, desk::Log},
};

/// The newest version that this program knows; an older kernel applies the part that it supports.
const KNOWN: ABI = ABI::V6;

/// System calls for other programs and processes, other processes' memory, other users, and kernel administration.
const FORBIDDEN: [libc::c_long; 41] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_mknodat,
];
/// The older calls that create a process.
#[cfg(target_arch = "x86_64")]
const FORKS: [libc::c_long; 2] = [libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: [libc::c_long; 0] = [];
/// Calls whose arguments a filter cannot inspect; without them, the C library uses the older calls.
const UNKNOWN: [libc::c_long; 2] = [libc::SYS_clone3, libc::SYS_io_uring_setup];

/// Confines this process, before it has a second thread. A kernel that cannot do it is reported in debug mode and is no
/// error: containers may forbid it.
pub(crate) fn confine(settings: &SysConfig, debug: bool) {
    let missing = [restrict_files(settings), filter_calls()];
    for what in missing.into_iter().filter_map(Result::err).filter(|_| debug) {
        logs::info(&format!("the console is less confined than it could be: {what:#}"));
    }
}

/// The directories that stay writable: those of the daemon's files, of its logs, and of a database file.
fn writable(settings: &SysConfig) -> Vec<PathBuf> {
    let parent = |path: PathBuf| path.parent().map(PathBuf::from);
    let mut places = vec![DaemonPaths::named(settings).directory, log::directory(settings)];
    if let Listen::Unix(path) = console::read(settings).0.listen {
        places.extend(parent(path));
    }
    places
        .extend(Log::of(settings, packages::WEB_CONSOLE).and_then(|it| it.file().and_then(parent)));
    if let Some(file) = database::file(settings) {
        places.extend(file.canonicalize().ok().and_then(parent));
        places.extend(parent(file));
        // Where SQLite sorts large results.
        places.extend(["/var/tmp".into(), std::env::temp_dir()]);
    }
    places
}

fn restrict_files(settings: &SysConfig) -> anyhow::Result<()> {
    let writing = AccessFs::from_write(KNOWN);
    let restricted = Ruleset::default()
        .handle_access(writing | AccessFs::Execute)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(writable(settings), writing))?
        .restrict_self()?;
    match restricted.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        _ => anyhow::bail!("the kernel does not know all of Landlock, or has it turned off"),
    }
}

fn filter_calls() -> anyhow::Result<()> {
    let filter = |calls: &[libc::c_long], errno: i32| -> anyhow::Result<BpfProgram> {
        let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
            calls.iter().map(|call| (*call, Vec::new())).collect();
        if errno == libc::EPERM {
            rules.insert(libc::SYS_clone, vec![no_thread()?]);
        }
        let errno = SeccompAction::Errno(errno.unsigned_abs());
        Ok(SeccompFilter::new(rules, SeccompAction::Allow, errno, ARCH.try_into()?)?.try_into()?)
    };
    let unknown = filter(&UNKNOWN, libc::ENOSYS)?;
    let forbidden = filter(&[&FORBIDDEN[..], &FORKS].concat(), libc::EPERM)?;
    for program in [unknown, forbidden] {
        seccompiler::apply_filter(&program).context("no filter of system calls")?;
    }
    Ok(())
}

/// A clone that creates another process.
fn no_thread() -> anyhow::Result<SeccompRule> {
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    let (whole, masked) = (SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread));
    Ok(SeccompRule::new(vec![SeccompCondition::new(0, whole, masked, 0)?])?)
}

#[cfg(test)]
mod tests {
    use std::{fs, io, process::Command, thread};

    use super::*;

    /// Runs in a thread of its own, because only that thread is confined.
    #[test]
    fn it_starts_no_program_and_writes_into_its_own_directories() {
        let own = tempfile::tempdir().unwrap();
        // Outside of the temporary directory, which stays writable for SQLite.
        let program = std::env::current_exe().unwrap();
        let other = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        let name = "Daemon::PID::Path";
        let document = format!(
            "<otrsd_config version='2.0' init='Application'><Setting Name='{name}' Valid='1'><Value>\
             <Item ValueType='String'>{}</Item></Value></Setting></otrsd_config>",
            own.path().display()
        );
        let mut settings = SysConfig::default();
        settings.overlay(sysconfig::parse("test.xml", &document).unwrap().settings);
        let (inside, outside) = (own.path().join("file"), other.path().join("file"));
        let confined = thread::spawn(move || {
            let keeps_files = restrict_files(&settings).is_ok();
            filter_calls().unwrap();
            let denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
            assert!(Command::new("/bin/true").spawn().is_err_and(denied));
            assert_eq!(thread::spawn(|| 1).join().unwrap(), 1);
            fs::write(inside, "mine").unwrap();
            assert_eq!(fs::write(&outside, "mine").is_err_and(denied), keeps_files);
            assert_eq!(
                fs::read_dir(outside.parent().unwrap()).unwrap().count(),
                usize::from(!keeps_files)
            );
        });
        confined.join().unwrap();
        assert!(Command::new("/bin/true").status().unwrap().success());
    }
}
