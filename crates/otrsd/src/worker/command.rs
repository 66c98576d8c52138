//! A handler that is a command in any language: it gets the task as JSON on its standard input.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Command, Stdio},
};

use nix::{
    fcntl::{OFlag, open},
    sys::{
        prctl::set_dumpable,
        signal::{Signal, killpg},
        stat::Mode,
    },
    unistd::{Pid, getpid, write},
};
use serde::Serialize;
use task_store::{Payload, Task};
use tokio::{
    io::AsyncWriteExt as _,
    net::unix::pipe::{Receiver, Sender},
    sync::oneshot,
};

use super::{memory, reaper::Reaper};
use crate::{
    config::{generation, sources::Sources, task_types::TaskType},
    process::{die_with, marks::marks, reaper::Reaped, sd_notify},
};

/// Names the task, and marks the processes that run it.
pub(super) const TASK_ID: &str = "OTRSD_TASK_ID";

/// A running handler. Its PID is also that of its process group.
#[derive(Debug)]
pub(super) struct Running<Output = Receiver> {
    pub(super) leader: Pid,
    pub(super) end: oneshot::Receiver<Reaped>,
    /// Standard output and standard error, in the order in which they were written.
    pub(super) output: Output,
}

/// Starts `argv` for attempt `number` of a task. It must run on the main thread, because the kernel sends the death
/// signal when the *thread* that started a child ends.
pub(super) fn start(
    argv: &[String],
    task: &Task,
    number: u32,
    data: &Payload,
    policy: &TaskType,
    reaper: &Reaper,
) -> io::Result<Running> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (output, writer) = io::pipe()?;
    let output = Receiver::from_owned_fd(OwnedFd::from(output))?;
    let id = task.id.to_string();
    let mut command = Command::new(program);
    let user = policy.user.clone();
    if let Some(user) = &user {
        command.env_clear().envs(user.environment()).envs(marks());
    }
    command
        .args(arguments)
        .env(TASK_ID, &id)
        .env("OTRSD_TASK_TYPE", &task.task_type)
        .env("OTRSD_TASK_NAME", &task.name)
        .env("OTRSD_TASK_TRY", number.to_string())
        .stdin(Stdio::piped())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    // These concern only the supervisor and this process.
    let ours = [sd_notify::SOCKET, "WATCHDOG_USEC", generation::DESCRIPTOR];
    for variable in Sources::variables().chain(ours) {
        command.env_remove(variable);
    }
    let (parent, memory_max) = (getpid(), policy.memory_max);
    #[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
    // SAFETY: the closure makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || {
            be_the_first_to_go();
            memory::limit(memory_max)?;
            if let Some(user) = &user {
                user.assume()?;
            }
            Ok(die_with(parent)?)
        });
    }
    let mut child = command.spawn()?;
    let leader = child.id().cast_signed();
    let end = reaper.expect(leader, id);
    if let Some(stdin) = child.stdin.take() {
        tokio::spawn(feed(stdin.into(), letter(task, number, data)));
    }
    Ok(Running { leader: Pid::from_raw(leader), end, output })
}

/// Makes the handler the first victim when memory runs out, rather than the worker or the database: its task is run
/// again. It makes async-signal-safe system calls only; where the file does not exist, nothing is lost.
fn be_the_first_to_go() {
    // Otherwise the file belongs to root, like the worker's files.
    let _ = set_dumpable(true);
    let file = open(c"/proc/self/oom_score_adj", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
    if let Ok(file) = file {
        let _ = write(&file, b"1000");
    }
}

impl<Output> Running<Output> {
    /// Signals the whole group. Only valid while [`Running::end`] has not resolved: the number may be reused after
    /// that.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = killpg(self.leader, signal);
    }
}

#[derive(Serialize)]
struct Letter<'a> {
    data: &'a Payload,
    id: String,
    name: &'a str,
    r#try: u32,
    r#type: &'a str,
}

/// The input of a handler: one line, with the data as they were given.
pub(super) fn letter(task: &Task, number: u32, data: &Payload) -> Vec<u8> {
    let letter = Letter {
        data,
        id: task.id.to_string(),
        name: &task.name,
        r#try: number,
        r#type: &task.task_type,
    };
    let mut line = serde_json::to_vec(&letter).unwrap_or_default();
    // In JSON, only the white space between its parts has such characters.
    line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    line.push(b'\n');
    line
}

/// A handler need not read its input: a closed pipe is not an error.
async fn feed(stdin: OwnedFd, letter: Vec<u8>) {
    if let Ok(mut stdin) = Sender::from_owned_fd(stdin) {
        let _ = stdin.write_all(&letter).await;
    }
}
