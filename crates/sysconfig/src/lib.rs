//! The setting XML of the OTRS family, read as the original reads it, and layered.
//!
//! [`parse`], [`read_file`] and [`read_directory`] turn `<otrs_config>` documents (also `<otobo_config>`,
//! `<znuny_config>` and `<otrsd_config>`) into [`Setting`]s whose [`Value`]s equal what the original's own
//! Perl computes; [`SysConfig`] lays layers of settings over each other and remembers for every value
//! where it came from. Not here: what a setting means, translations, modified values in the database.

mod clean;
mod document;
mod error;
mod guard;
mod item;
mod origin;
mod position;
mod read;
mod sysconfig;
mod trim;
mod value;
mod value_type;
mod wording;

pub use document::{Document, Init, Setting, parse};
pub use error::Error;
pub use origin::{Origin, Problem};
pub use read::{read_directory, read_file};
pub use sysconfig::SysConfig;
pub use value::Value;
