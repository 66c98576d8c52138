//! A daemon program for the whole-daemon tests: functions that fail, hang or take the process along.
//!
//! What they wait for and what they leave are files in the directory of the setting `Test::Directory`.

#![expect(clippy::disallowed_methods, reason = "a program of somebody else has its own clock")]

use std::{fs, path::PathBuf, process::ExitCode, thread, time::Duration};

use anyhow::Context as _;
use otrsd::{
    Daemon, DaemonModule, ModuleContext, Round, Task, TaskContext, TaskError, async_trait,
    jiff::Timestamp, task_store::NewTask,
};

/// Says what it got.
async fn say(task: Task, context: TaskContext) -> Result<(), TaskError> {
    context.say(&format!("{} {} '{}' try {}", task.id, task.task_type, task.name, task.number));
    context.say(&task.text);
    Ok(())
}

/// Ends as its name says.
async fn end(task: Task, context: TaskContext) -> Result<(), TaskError> {
    match task.name.as_str() {
        "failed" => Err(TaskError::new("no such customer")),
        "later" => Err(TaskError::later("not yet")),
        "never" => Err(TaskError::never("no PDF")),
        "panic" => panic!("told to panic"),
        "error" => {
            context.say("reading");
            fs::read("/no/such/file").context("cannot read\0")?;
            Ok(())
        }
        other => Err(TaskError::new(format!("no end '{other}'"))),
    }
}

/// Blocks its thread.
async fn block(_task: Task, _context: TaskContext) -> Result<(), TaskError> {
    thread::sleep(Duration::from_hours(1));
    Ok(())
}

/// Awaits, and does not hear that it is to end.
async fn deaf(_task: Task, _context: TaskContext) -> Result<(), TaskError> {
    tokio::time::sleep(Duration::from_hours(1)).await;
    Ok(())
}

/// Ends when it is told to.
async fn polite(_task: Task, context: TaskContext) -> Result<(), TaskError> {
    context.say("begun");
    context.stopped().await;
    context.say("told");
    Err(TaskError::new("not done"))
}

/// Ends when the file with its name is there.
async fn wait(task: Task, context: TaskContext) -> Result<(), TaskError> {
    until(&context, &task.name).await;
    Ok(())
}

/// Takes the process along when the file with its name is there.
async fn abort(task: Task, context: TaskContext) -> Result<(), TaskError> {
    until(&context, &task.name).await;
    std::process::abort()
}

/// Leaves a file `<name>.begun`, and waits for `<name>`.
async fn until(context: &TaskContext, name: &str) {
    let directory = context.settings().get("Test::Directory").and_then(|it| it.as_text());
    let file = PathBuf::from(directory.unwrap_or_default()).join(name);
    let _ = fs::write(file.with_extension("begun"), "");
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Adds the next task.
async fn follow(task: Task, context: TaskContext) -> Result<(), TaskError> {
    let next = NewTask::new("Say", task.name, task.text);
    context.store()?.enqueue(&next, Timestamp::now()).await?;
    context.say(&next.id.to_string());
    Ok(())
}

/// Uses the processor for a while.
async fn burn(_task: Task, context: TaskContext) -> Result<(), TaskError> {
    let sum: u64 = (0..20_000_000_u64).fold(0, |sum, number| sum ^ number.wrapping_mul(sum | 1));
    context.say(&sum.to_string());
    Ok(())
}

/// Adds a task, once in its life.
struct Adder(ModuleContext);

#[async_trait]
impl DaemonModule for Adder {
    async fn run(&mut self) -> anyhow::Result<Round> {
        let task = NewTask::new("Say", "by a module", "{}");
        self.0.store()?.enqueue(&task, Timestamp::now()).await?;
        self.0.stopped().await;
        Ok(Round::Continue)
    }
}

fn main() -> ExitCode {
    Daemon::new()
        .module("Test::Adder", Adder)
        .handler("Say", say)
        .handler("End", end)
        .handler("Block", block)
        .handler("Deaf", deaf)
        .handler("Polite", polite)
        .handler("Wait", wait)
        .handler("Abort", abort)
        .handler("Follow", follow)
        .handler("Burn", burn)
        .run()
}
