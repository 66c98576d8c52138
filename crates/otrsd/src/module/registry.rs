//! The native modules of this program: registered name → constructor.

use std::{collections::BTreeMap, sync::Arc};

use super::{DaemonModule, ModuleContext};

type Constructor = Arc<dyn Fn(ModuleContext) -> Box<dyn DaemonModule> + Send + Sync>;

/// Every native module that a registration can name.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    constructors: BTreeMap<String, Constructor>,
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
