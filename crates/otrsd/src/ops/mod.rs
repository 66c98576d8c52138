//! The use cases, shared by the command line and the web console, without arguments, pages or colours.
//!
//! Each takes the store and the settings, and fails with one [`Error`], whose kind says who must act.

pub(crate) mod cron;
pub(crate) mod daemon;
mod error;
pub(crate) mod event;
pub(crate) mod task;
pub(crate) mod worker;

pub(crate) use self::error::{Error, Result};
