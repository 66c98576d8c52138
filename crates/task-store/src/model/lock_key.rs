//! The wire format of `lock_key`: 0 free, 1 being inserted, else `1NNNPPPPPPPP`, node and process.
//!
//! Ours carry, instead of a process number, the number of an instance, drawn at random for each life of a worker.
//! Linux ends its process numbers at 4,194,304, so a Perl lock and ours, and two lives of ours, cannot be confused.

use std::fmt;

use crate::database::Row;

/// The lowest instance number: what is smaller is a Perl process.
pub const FIRST_INSTANCE: u32 = 10_000_000;
/// Stands for a key that is no number at all, as SQLite's columns may hold.
pub(crate) const NO_NUMBER: i64 = -1;
const PROCESSES: i64 = 100_000_000;
const NODES: i64 = 1000;

/// The holder of a row.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LockKey {
    /// None.
    Free,
    /// Its inserter: the original writes rows with 1 and frees them in a second statement.
    Inserting,
    /// A process of the original on a node.
    Perl {
        /// 1 to 999; 0 occurs in damaged rows.
        node: u16,
        /// Its process number.
        pid: u32,
    },
    /// One life of one of our workers.
    Ours(Owner),
    /// None of the formats: a damaged row. It is never renewed, so it is reclaimed like a dead lock.
    Other(i64),
}

/// A life of one of our workers: the value of its `lock_key`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Owner {
    node: u16,
    instance: u32,
}

impl Owner {
    /// For a node (1 to 999) and an instance number (8 digits from [`FIRST_INSTANCE`] up).
    pub fn new(node: u16, instance: u32) -> Option<Self> {
        let valid = (1..1000).contains(&node) && (FIRST_INSTANCE..100_000_000).contains(&instance);
        valid.then_some(Self { node, instance })
    }

    /// A life that has not been before, on a node from 1 to 999.
    pub fn draw(node: u16) -> Option<Self> {
        Self::new(node, fastrand::u32(FIRST_INSTANCE..100_000_000))
    }

    /// The node.
    pub fn node(self) -> u16 {
        self.node
    }

    /// The instance number.
    pub fn instance(self) -> u32 {
        self.instance
    }

    /// The value of the column.
    pub fn key(self) -> i64 {
        NODES * PROCESSES + i64::from(self.node) * PROCESSES + i64::from(self.instance)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key())
    }
}

impl From<Owner> for LockKey {
    fn from(owner: Owner) -> Self {
        Self::Ours(owner)
    }
}

impl LockKey {
    /// Reads the column; every number means something.
    pub fn parse(column: i64) -> Self {
        match column {
            0 => Self::Free,
            1 => Self::Inserting,
            _ => Self::process(column).unwrap_or(Self::Other(column)),
        }
    }

    fn process(column: i64) -> Option<Self> {
        let rest = column.checked_sub(NODES * PROCESSES).filter(|rest| *rest >= 0)?;
        let node = u16::try_from(rest / PROCESSES).ok().filter(|node| *node < 1000)?;
        let number = u32::try_from(rest % PROCESSES).ok()?;
        Some(Owner::new(node, number).map_or(Self::Perl { node, pid: number }, Self::Ours))
    }

    /// The value of the column.
    pub fn key(self) -> i64 {
        match self {
            Self::Free => 0,
            Self::Inserting => 1,
            Self::Perl { node, pid } => {
                NODES * PROCESSES + i64::from(node) * PROCESSES + i64::from(pid)
            }
            Self::Ours(owner) => owner.key(),
            Self::Other(column) => column,
        }
    }
}

impl Row {
    /// A lock key; what is no number has no known owner.
    pub(crate) fn lock_key(&self, position: usize) -> LockKey {
        self.int(position).map_or(LockKey::Other(NO_NUMBER), LockKey::parse)
    }
}
