//! Instances of workers: one row each, whose counter moves while the worker lives.
//!
//! Each observer decides by its own clock whether another instance is dead: times of other nodes are shown to people, and
//! never compared.

use jiff::Timestamp;

use crate::database::arguments;
use crate::database::error::{Error, Result};
use crate::model::bounds::named;
use crate::model::lock_key::{LockKey, Owner};
use crate::model::timestamp::from_micros;
use crate::store::Store;

/// A worker's life as it is registered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instance {
    /// The value of its locks.
    pub owner: Owner,
    /// The host it runs on.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// When it began, by its own clock.
    pub started: Option<Timestamp>,
    /// The count of its heartbeats: it is alive if this moves. Negative since it lost its lease.
    pub beats: i64,
    /// Its last heartbeat, by its own clock.
    pub beat: Option<Timestamp>,
    /// How many tasks it runs at once.
    pub slots: u32,
}

/// How many numbers are drawn before giving up: one in 90 million is taken by each living worker.
const MAX_DRAWS: u32 = 5;

impl Store {
    /// Registers an instance on a node, under a number that no other instance has.
    pub async fn register(
        &self,
        node: u16,
        host: &str,
        pid: u32,
        slots: u32,
        now: Timestamp,
    ) -> Result<Owner> {
        let sql = "INSERT INTO otrsd_instance (lock_key, node, host, pid, started, beats, beat, slots) \
                   VALUES (?, ?, ?, ?, ?, 0, ?, ?)";
        let micros = now.as_microsecond();
        for _ in 0..MAX_DRAWS {
            let owner = Owner::draw(node)
                .ok_or_else(|| Error::Invalid("a node has a number from 1 to 999".into()))?;
            let arguments = arguments![
                owner.key(),
                i64::from(node),
                host,
                i64::from(pid),
                micros,
                micros,
                i64::from(slots)
            ];
            match self.change(sql, arguments).await {
                // Ours, of a try whose answer was lost, or another's: a new number is right for both.
                Err(Error::Duplicate(_)) => (),
                Err(error) => return Err(error),
                Ok(_) => return Ok(owner),
            }
        }
        Err(Error::Conflict(format!("{MAX_DRAWS} instance numbers in a row were taken")))
    }

    /// Shows that a worker lives. False if others took it for dead, and its tasks are theirs.
    ///
    /// An answer comes within seconds, whatever else the store does and [`Options::deadline`](crate::Options) says; an
    /// error means that it is not known.
    pub async fn beat(&self, owner: Owner, slots: u32, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE otrsd_instance SET beats = beats + 1, beat = ?, slots = ? \
                   WHERE lock_key = ? AND beats >= 0";
        let arguments = arguments![now.as_microsecond(), i64::from(slots), owner.key()];
        Ok(self.pools().heartbeat(sql, arguments).await? > 0)
    }

    /// Shows that a worker lives which has lost its lease, for the sake of the tasks that go on without it.
    /// False if they are others' by now.
    pub async fn beat_on(&self, owner: Owner, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE otrsd_instance SET beats = CASE WHEN beats < 0 THEN beats - 1 ELSE -1 END, \
                   beat = ?, slots = 0 WHERE lock_key = ?";
        let arguments = arguments![now.as_microsecond(), owner.key()];
        Ok(self.pools().heartbeat(sql, arguments).await? > 0)
    }

    /// Ends a life that has let go of all its tasks.
    pub async fn unregister(&self, owner: Owner) -> Result<()> {
        self.change("DELETE FROM otrsd_instance WHERE lock_key = ?", arguments![owner.key()])
            .await
            .map(drop)
    }

    /// All lives, by node.
    pub async fn instances(&self) -> Result<Vec<Instance>> {
        let sql = concat!(
            "SELECT lock_key, ",
            named!(prose "host"),
            ", pid, started, beats, beat, slots FROM otrsd_instance ORDER BY lock_key"
        );
        let rows = self.rows(sql, arguments![]).await?;
        let instance = |row: &crate::database::Row| {
            let LockKey::Ours(owner) = LockKey::parse(row.int(0)?) else {
                return Err(row.bad(0, "the lock key of an instance"));
            };
            Ok(Instance {
                owner,
                host: row.lenient(1),
                pid: row.int(2).ok().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0),
                started: row.int(3).ok().and_then(from_micros),
                beats: row.int(4)?,
                beat: row.int(5).ok().and_then(from_micros),
                slots: row.int(6).ok().and_then(|slots| u32::try_from(slots).ok()).unwrap_or(0),
            })
        };
        Ok(self.readable(&rows, instance))
    }
}
