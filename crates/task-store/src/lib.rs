//! Durable tasks in SQLite, PostgreSQL, MariaDB and MySQL: the only crate that knows SQL.
//!
//! A [`Store`] is a handle to one database. A task is a row of `scheduler_task`; it is claimed by writing a
//! lock key into it, renewed while it runs, and ends in one of three ways: deleted, freed, or held. Every end is
//! fenced by the lock key and written into the ledger in the same transaction, so that whoever lost its lock
//! changes nothing.
//!
//! What holds on every database:
//!
//! * Each call is one transaction, and each statement has a deadline. Deadlocks and broken connections are
//!   tried again here; [`Error::is_transient`] says whether the caller should try later.
//! * If a connection ends during a commit, the call looks whether the commit happened before it answers.
//! * Times come from the caller. The original's columns hold wall clock in the installation's time zone, our
//!   own microseconds of UTC.
//! * The three tables of an OTRS, Znuny or OTOBO are never altered, and Perl daemons may work beside us.
//!
//! Other programs add tasks by SQL: see [`plain_sql()`].

#![expect(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names of products, not code")]

mod account;
mod add;
mod aside;
mod batch;
mod bounds;
mod cancel;
mod cancel_request;
mod claim;
mod claim_mariadb;
mod claim_parts;
mod counts;
mod cron_pause;
mod cron_tally;
mod database;
mod decide;
mod decide_parts;
mod deployment;
mod error;
mod failure;
mod finish;
mod finish_parts;
mod front;
mod future;
mod generic_agent;
mod held;
mod held_parts;
mod instance;
mod json;
mod known;
mod ledger;
mod ledger_search;
mod life_lock;
mod list;
mod lock;
mod lock_key;
mod occurrence;
mod pause;
mod payload;
mod plain_sql;
mod recurrent;
mod rights;
mod schedule;
mod schema;
mod store;
mod tally;
mod task;
mod task_id;
mod timestamp;
mod wake;

pub use add::Added;
pub use aside::LeftOut;
pub use bounds::LARGEST_DATA;
pub use cancel::Cancelled;
pub use claim::Claim;
pub use counts::{Count, MOST_TYPES, OTHER_TYPES};
pub use cron_pause::CronPause;
pub use cron_tally::{CronTally, LAG_BUCKETS};
pub use database::{Connection, DatabaseUrl, Dialect};
pub use decide::{Decided, Decision, Verdict};
pub use error::{Error, Result};
pub use finish::{Finish, Finished, Instead, Refused, Then};
pub use future::Planned;
pub use generic_agent::Job;
pub use held::{HeldState, Hold};
pub use instance::Instance;
pub use json::{Payload, PayloadError, Shape};
pub use ledger::{Execution, Forgotten, History, Outcome};
pub use ledger_search::{Found, Search};
pub use life_lock::LifeLock;
pub use list::{Entry, Explanation, Filter, State};
pub use lock::{Death, Locked, SeenLock};
pub use lock_key::{FIRST_INSTANCE, LockKey, Owner};
pub use occurrence::{Fate, Occurrence};
pub use pause::Pause;
pub use payload::{Encoding, decode, encode};
pub use plain_sql::plain_sql;
pub use recurrent::Recurrent;
pub use rights::Forbidden;
pub use schedule::Replanned;
pub use schema::{Difference, Facts, FileId, Identity, Moved, SCHEMA_VERSION, SchemaStatus};
pub use store::{Options, Store};
pub use tally::{BUCKETS, Tally};
pub use task::{LONGEST_NAME, NewTask, Task};
pub use task_id::{NotATaskId, TaskId};
pub use timestamp::{earlier, from_micros, from_wall_clock, later, wall_clock};
pub use wake::{Notifier, Waiter, Woken};
