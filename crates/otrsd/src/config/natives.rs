//! The modules and functions of the program. They are passed in, so that the configuration depends on no module and no
//! function.

use std::collections::BTreeSet;

/// The modules that a registration can name, and the types of tasks that have a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Natives {
    modules: BTreeSet<String>,
    /// The types of tasks that functions of this program run.
    handled: BTreeSet<String>,
}

impl Natives {
    pub(crate) fn add(&mut self, module: &str) {
        self.modules.insert(module.to_owned());
    }

    pub(crate) fn set_handled(&mut self, types: impl IntoIterator<Item = String>) {
        self.handled = types.into_iter().collect();
    }

    /// Whether a function of this program runs the tasks of a type.
    pub(crate) fn handles(&self, task_type: &str) -> bool {
        self.handled.contains(task_type)
    }

    pub(crate) fn contains(&self, module: &str) -> bool {
        self.modules.contains(module)
    }

    /// The names of the modules for display: all, or their number.
    pub(crate) fn names(&self) -> String {
        const LEGIBLE: usize = 10;
        if self.modules.len() > LEGIBLE {
            return format!("{} others", self.modules.len());
        }
        self.modules.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    }
}
