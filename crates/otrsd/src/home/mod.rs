//! The help desk that this daemon works for: the requests to its Perl, its mail, its heartbeat, and the checks of it.
//!
//! Its code is never changed. Its identity and its configuration are in `config::home`.

pub(crate) mod adds;
mod cache;
pub(crate) mod check;
pub(crate) mod heartbeat;
mod mail;
pub(crate) mod sync;
