//! A database that is away is told of once, and once when it is back.

use crate::{logs, module::ModuleContext};

/// Whether we told of a trouble that is not over.
#[derive(Debug)]
pub(crate) struct Trouble {
    context: ModuleContext,
    told: bool,
}

impl Trouble {
    pub(crate) fn new(context: ModuleContext) -> Self {
        Self { context, told: false }
    }

    /// The value, or `None` after telling what is wrong.
    pub(crate) fn check<T>(&mut self, outcome: task_store::Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                if std::mem::take(&mut self.told) {
                    let name = self.context.name();
                    logs::complain(&format!("{name}: the database is there again"));
                }
                Some(value)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    let name = self.context.name();
                    logs::complain(&format!("{name}: {error}; trying again until it works"));
                }
                None
            }
        }
    }
}
