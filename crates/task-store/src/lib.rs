//! Durable tasks in SQLite, PostgreSQL, MariaDB and MySQL: the only crate that knows SQL.
//!
//! A [`Store`] is a handle to one database. A task is a row of `scheduler_task`; it is claimed by writing a
//! lock key into it, renewed while it runs, and ends in one of three ways: deleted, freed, or held. Every end is
//! fenced by the lock key and written into the ledger in the same transaction, so that a worker
//! that lost its lock changes nothing.
//!
//! On every database:
//!
//! * Each call is one transaction, and each statement has a deadline. Deadlocks and broken connections are
//!   retried here; [`Error::is_transient`] says whether the caller should retry later.
//! * If a connection ends during a commit, the call finds out whether the commit happened before it returns.
//! * Times come from the caller. The original's columns hold wall clock in the installation's time zone, our
//!   own microseconds of UTC.
//! * The three tables of an OTRS, Znuny or OTOBO are never altered, and Perl daemons may work beside us.
//!
//! Other programs enqueue tasks by SQL: see [`plain_sql()`].

#![expect(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names of products, not code")]

mod admin;
mod cron;
mod database;
mod ledger;
mod model;
mod notify;
mod query;
mod store;
mod task;
mod worker;

pub use admin::plain_sql::plain_sql;
pub use admin::rights::Forbidden;
pub use admin::schema::{Difference, Facts, FileId, Identity, Moved, SCHEMA_VERSION, SchemaStatus};
pub use cron::cron_run::{CronRun, RunStatus};
pub use cron::fire::{FireAction, FireOutcome, FireRequest};
pub use cron::generic_agent::Job;
pub use cron::pause::CronPause;
pub use cron::recurrent::Recurrent;
pub use cron::schedule::Replanned;
pub use cron::tally::{CronTally, LAG_BUCKETS};
pub use database::error::{Error, Result};
pub use database::{Connection, DatabaseUrl, Dialect};
pub use ledger::retention::Forgotten;
pub use ledger::search::{Found, Search};
pub use ledger::tally::{BUCKETS, Tally};
pub use ledger::{Execution, History, Outcome};
pub use model::bounds::MAX_DATA_SIZE;
pub use model::json::{Payload, PayloadError, Shape};
pub use model::lock_key::{FIRST_INSTANCE, LockKey, Owner};
pub use model::locked::Locked;
pub use model::payload::{Encoding, decode, encode};
pub use model::task::{MAX_NAME_LENGTH, NewTask, Task};
pub use model::task_id::{NotATaskId, TaskId};
pub use model::timestamp::{earlier, from_micros, from_wall_clock, later, wall_clock};
pub use notify::{Waiter, Woken};
pub use query::counts::{Count, MAX_TYPES, OTHER_TYPES};
pub use query::list::{Entry, Explanation, Filter, State};
pub use store::left_out::LeftOut;
pub use store::{Notifier, Options, Store};
pub use task::cancel::Cancelled;
pub use task::enqueue::Added;
pub use task::future::Planned;
pub use task::held::{HeldState, Hold};
pub use task::pause::Pause;
pub use worker::claim::Claim;
pub use worker::finish::{Finish, Finished, Instead, Refused, Then};
pub use worker::instance::Instance;
pub use worker::life_lock::LifeLock;
pub use worker::lock::SeenLock;
pub use worker::reclaim::Death;
