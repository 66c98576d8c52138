//! Environment variables that mark the processes of a run, so that the guard, the next start and the next incarnation
//! of a module can find them.

use std::{env, ffi::OsString};

/// Marks every process of a run and their descendants.
pub(crate) const RUN: &str = "OTRSD_RUN";
/// Marks the processes of one incarnation of a module.
pub(crate) const INSTANCE: &str = "OTRSD_INSTANCE";
/// Names the module.
pub(crate) const MODULE: &str = "OTRSD_MODULE";

/// The marks of this process, for a child that does not inherit its environment.
pub(crate) fn marks() -> impl Iterator<Item = (&'static str, OsString)> {
    [RUN, INSTANCE, MODULE].into_iter().filter_map(|name| Some((name, env::var_os(name)?)))
}
