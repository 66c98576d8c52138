//! What the measurements are made with: adders through the store, and bare loops on the same tables.
//!
//! Each prints one object of JSON.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that measures time"
)]

mod add;
mod bare;
mod latency;

use std::time::Instant;

use clap::Parser;
use serde_json::json;
use task_store::{Identity, Options, Store};

#[derive(Debug, Parser)]
#[command(about)]
enum Command {
    /// Makes the tables.
    Prepare { url: String },
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

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let begin = Instant::now();
    let (tasks, seconds) = match Command::parse() {
        Command::Prepare { url } => {
            open(&url)?.migrate(&Identity::default(), false).await?;
            return Ok(());
        }
        Command::Latency { url, tasks } => {
            println!("{}", latency::measure(&url, tasks).await?);
            return Ok(());
        }
        Command::Add { url, size, bare: true, .. } => bare::add(&url, size).await?,
        Command::Add { url, size, task_type, .. } => add::add(&url, size, &task_type).await?,
        Command::Drain { url, size } => bare::drain(&url, size).await?,
    };
    let rate = f64::from(tasks) / seconds;
    let all = begin.elapsed().as_secs_f64();
    println!("{}", json!({ "tasks": tasks, "seconds": seconds, "rate": rate, "with_start": all }));
    Ok(())
}

fn open(url: &str) -> anyhow::Result<Store> {
    Ok(Store::connect(url, Options { connections: 16, ..Options::default() })?)
}
