//! Durable tasks in SQLite, PostgreSQL, MariaDB and MySQL.

mod add;
mod claim;
mod counts;
mod database;
mod error;
mod finish;
mod held;
mod ledger;
mod lock;
mod lock_key;
mod pause;
mod payload;
mod plain_sql;
mod schema;
mod store;
mod task;
mod task_id;
mod timestamp;

pub use add::Added;
pub use claim::Claim;
pub use counts::Count;
pub use database::{Connection, Dialect};
pub use error::{Error, Result};
pub use finish::{Finish, Finished, Then};
pub use held::{HeldState, Hold};
pub use ledger::{Execution, History, Outcome};
pub use lock::{Locked, SeenLock};
pub use lock_key::{FIRST_INSTANCE, LockKey, Owner};
pub use pause::Pause;
pub use payload::{Encoding, PayloadError, decode, encode};
pub use plain_sql::plain_sql;
pub use schema::{Identity, Moved, SCHEMA_VERSION, SchemaStatus};
pub use store::{Options, Store};
pub use task::{LONGEST_NAME, NewTask, Task};
pub use task_id::{NotATaskId, TaskId};
pub use timestamp::{from_micros, from_wall_clock, wall_clock};
