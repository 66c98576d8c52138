//! What the measurements are made with: adders through the store, and bare loops on the same tables. Each prints
//! one object of JSON. Under the name `otrsd` it is the daemon, with functions that do nothing.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that measures time"
)]

mod add;
mod bare;
mod daemon;
mod latency;

use std::{env, process::ExitCode};

use clap::Parser;
use serde_json::json;
use task_store::{Options, Store};

#[derive(Debug, Parser)]
#[command(about)]
enum Command {
    /// Adds tasks that do nothing.
    Add {
        url: String,
        #[command(flatten)]
        size: Size,
        #[arg(long, default_value = "Noop")]
        task_type: String,
        /// By bare statements.
        #[arg(long)]
        bare: bool,
    },
    /// Claims, deletes and writes the ledger by bare statements, until nothing is free.
    Drain {
        url: String,
        #[command(flatten)]
        size: Size,
    },
    /// Adds one task after another, each when the last one was done; how long each took to its start.
    Latency {
        url: String,
        #[arg(long, default_value_t = 200)]
        tasks: u32,
        /// By bare statements: added and claimed.
        #[arg(long)]
        bare: bool,
    },
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Size {
    #[arg(long, default_value_t = 100_000)]
    tasks: u32,
    /// Tasks a statement.
    #[arg(long, default_value_t = 1000)]
    batch: u32,
    /// Connections beside each other.
    #[arg(long, default_value_t = 1)]
    clients: u32,
}

fn main() -> anyhow::Result<ExitCode> {
    if env::args().next().is_some_and(|name| name.ends_with("otrsd")) {
        return Ok(daemon::run());
    }
    measure(Command::parse())?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn measure(command: Command) -> anyhow::Result<()> {
    let (tasks, seconds) = match command {
        Command::Latency { url, tasks, bare } => {
            println!("{}", latency::measure(&url, tasks, bare).await?);
            return Ok(());
        }
        Command::Add { url, size, bare: true, .. } => bare::add(&url, size).await?,
        Command::Add { url, size, task_type, .. } => add::add(&url, size, &task_type).await?,
        Command::Drain { url, size } => bare::drain(&url, size).await?,
    };
    let rate = f64::from(tasks) / seconds;
    println!("{}", json!({ "tasks": tasks, "seconds": seconds, "rate": rate }));
    Ok(())
}

fn open(url: &str) -> anyhow::Result<Store> {
    Ok(Store::connect(url, Options { connections: 16, ..Options::default() })?)
}
