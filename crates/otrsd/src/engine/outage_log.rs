//! A database that is away is told of once, and once when it is back.

use std::mem::{Discriminant, discriminant};

use task_store::Error;

use crate::{
    config::database,
    logs,
    module::{ModuleContext, degraded},
};

/// What we told of a trouble that is not over.
#[derive(Debug)]
pub(crate) struct OutageLog {
    context: ModuleContext,
    /// Each kind once: who mended the password should hear of the missing table.
    told: Vec<Discriminant<Error>>,
    /// Whether there was any since somebody asked.
    met: bool,
}

impl OutageLog {
    pub(crate) fn new(context: ModuleContext) -> Self {
        Self { context, told: Vec::new(), met: false }
    }

    /// Whether there was any trouble since the last call, over or not.
    pub(crate) fn take_met(&mut self) -> bool {
        std::mem::take(&mut self.met)
    }

    /// The value, or `None` after telling what is wrong.
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
