//! Our tables beside the original's three: made, looked at, and taken away again.
//!
//! In a home the three tables are never altered. Standalone they are ours too, with a priority and indexes
//! that serve exactly the claim's order.

mod identity;
mod memory;
mod migrate;
mod remove;
mod status;
mod text;

pub use identity::{Difference, Facts, FileId, Identity};
pub use status::{Moved, SchemaStatus};
pub(crate) use text::{ORIGINAL, OURS};

/// The version of our tables that this program makes and wants.
pub const SCHEMA_VERSION: i64 = 1;
