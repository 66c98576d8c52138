//! otrsd, the daemon of the OTRS family, as a library.
//!
//! A supervisor runs the daemon modules that the system configuration registers, each as a process
//! of its own. A program of yours that adds its modules to a [`Daemon`] and calls [`Daemon::run`]
//! *is* that daemon, with the whole command line.
//!
//! # Tasks
//!
//! [`Daemon::handler`] registers a function that runs the tasks of a type. Tasks are added by
//! [`ModuleContext::store`] and [`TaskContext::store`], by `otrsd task add`, or by any program that has the
//! database: a [`task_store::Store`] opens it by its URL.
//!
//! A task that belongs to a change of your own is best added in the transaction that makes the change:
//!
//! ```no_run
//! # use otrsd::{anyhow, jiff::Timestamp, task_store::{NewTask, Store}};
//! # async fn example(store: &Store, pool: &sqlx::PgPool) -> anyhow::Result<()> {
//! let mut transaction = pool.begin().await?;
//! sqlx::query("UPDATE invoice SET state = 'due' WHERE id = 4711").execute(&mut *transaction).await?;
//! let task = NewTask::new("SendInvoice", "invoice 4711", r#"{"invoice": 4711}"#);
//! store.enqueue_in(&mut *transaction, &task, Timestamp::now()).await?;
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```

mod cli;
mod clock;
mod config;
mod daemon;
mod engine;
mod file_trust;
mod handler;
mod home;
mod logs;
mod module;
mod ops;
mod process;
mod redact;
mod scheduler;
mod supervisor;
mod text;
mod web;
mod worker;

pub use anyhow;
pub use async_trait::async_trait;
pub use jiff;
pub use serde_json;
pub use sysconfig;
pub use task_store;

pub use self::{
    daemon::Daemon,
    handler::{Task, TaskContext, TaskError},
    module::{Column, DaemonModule, ModuleContext, Pace, Round, Summary},
};
