//! A log of database outages: each outage is reported once, and its end once.

use std::mem::{Discriminant, discriminant};

use task_store::Error;

use crate::{
    config::database,
    logs,
    module::{ModuleContext, degraded},
};

/// The problems reported in the current outage.
#[derive(Debug)]
pub(crate) struct OutageLog {
    context: ModuleContext,
    /// Each kind is reported once: an operator who fixed the password also needs to learn of the missing table.
    told: Vec<Discriminant<Error>>,
    /// Whether an error occurred since `take_met` was last called.
    met: bool,
}

impl OutageLog {
    pub(crate) fn new(context: ModuleContext) -> Self {
        Self { context, told: Vec::new(), met: false }
    }

    /// Whether an error occurred since the last call, even if the outage is over.
    pub(crate) fn take_met(&mut self) -> bool {
        std::mem::take(&mut self.met)
    }

    /// The value, or `None` after reporting the error.
    pub(crate) fn check<T>(&mut self, outcome: task_store::Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                if !std::mem::take(&mut self.told).is_empty() {
                    let name = self.context.name();
                    logs::info(&format!("{name}: the database is there again"));
                    self.context.recovered(degraded::DATABASE);
                }
                Some(value)
            }
            Err(error) => {
                self.met = true;
                if !self.told.contains(&discriminant(&error)) {
                    self.told.push(discriminant(&error));
                    let settings = self.context.settings();
                    logs::warn(&format!(
                        "{}: database {}: {error}; trying again until it works",
                        self.context.name(),
                        database::described(settings),
                    ));
                    let why = format!("{}: {error}", database::shown(settings));
                    self.context.degraded(degraded::DATABASE, why);
                }
                None
            }
        }
    }
}
