//! What this program has: its native modules, registered name → constructor, and the types its functions run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{DaemonModule, ModuleContext};

type Constructor = Arc<dyn Fn(ModuleContext) -> Box<dyn DaemonModule> + Send + Sync>;

/// Every native module that a registration can name, and every type of task with a function.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    constructors: BTreeMap<String, Constructor>,
    /// The types of tasks that functions of this program run.
    handled: BTreeSet<String>,
}

impl Registry {
    pub(crate) fn register<M: DaemonModule + 'static>(
        &mut self,
        module: &str,
        constructor: impl Fn(ModuleContext) -> M + Send + Sync + 'static,
    ) {
        let constructor: Constructor = Arc::new(move |context| Box::new(constructor(context)));
        self.constructors.insert(module.to_owned(), constructor);
    }

    pub(crate) fn set_handled(&mut self, types: impl IntoIterator<Item = String>) {
        self.handled = types.into_iter().collect();
    }

    /// Whether a function of this program runs the tasks of a type.
    pub(crate) fn handles(&self, task_type: &str) -> bool {
        self.handled.contains(task_type)
    }

    pub(crate) fn contains(&self, module: &str) -> bool {
        self.constructors.contains_key(module)
    }

    pub(crate) fn construct(
        &self,
        module: &str,
        context: ModuleContext,
    ) -> Option<Box<dyn DaemonModule>> {
        self.constructors.get(module).map(|constructor| constructor(context))
    }

    /// The registered names, for people: all, or how many.
    pub(crate) fn names(&self) -> String {
        const LEGIBLE: usize = 10;
        if self.constructors.len() > LEGIBLE {
            return format!("{} others", self.constructors.len());
        }
        self.constructors.keys().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    }
}
