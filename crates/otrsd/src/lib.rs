//! otrsd, the daemon of the OTRS family, as a library.
//!
//! A supervisor runs the daemon modules that the system configuration registers, each as a process
//! of its own. A program of yours that adds its modules to a [`Daemon`] and calls [`Daemon::run`]
//! *is* that daemon, with the whole command line.

mod cli;
mod clock;
mod config;
mod daemon;
mod logs;
mod module;
mod notify;
mod process;
mod scheduler;
mod supervisor;
mod worker;

pub use anyhow;
pub use async_trait::async_trait;
pub use sysconfig;

pub use self::{
    daemon::Daemon,
    module::{Column, DaemonModule, ModuleContext, Pace, Round, Summary},
};
