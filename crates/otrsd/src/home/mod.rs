//! A help desk that this daemon works for: what its Perl is asked and told, its mail, its heartbeat, what would hurt it.
//!
//! Its code is never changed. What identifies it, and its configuration, are in `config::home`.

pub(crate) mod adds;
mod cache;
pub(crate) mod check;
pub(crate) mod heartbeat;
mod mail;
pub(crate) mod sync;
