//! The registry of this program's native modules: registered name → constructor.

use std::{collections::BTreeMap, sync::Arc};

use sysconfig::SysConfig;

use super::{DaemonModule, ModuleContext};
use crate::config::natives::Natives;

type Constructor = Arc<dyn Fn(ModuleContext) -> Box<dyn DaemonModule> + Send + Sync>;

/// Drops privileges before a module's process has a second thread. The flag: whether it is in debug mode.
pub(crate) type Confinement = fn(&SysConfig, bool);

/// Every native module that a registration can name, and every task type that has a function.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    natives: Natives,
    constructors: BTreeMap<String, Constructor>,
    confinements: BTreeMap<String, Confinement>,
}

impl Registry {
    pub(crate) fn register<M: DaemonModule + 'static>(
        &mut self,
        module: &str,
        constructor: impl Fn(ModuleContext) -> M + Send + Sync + 'static,
    ) {
        let constructor: Constructor = Arc::new(move |context| Box::new(constructor(context)));
        self.natives.add(module);
        self.constructors.insert(module.to_owned(), constructor);
        self.confinements.remove(module);
    }

    /// Sets the function by which the process of a registered module confines itself.
    pub(crate) fn confine(&mut self, module: &str, confinement: Confinement) {
        self.confinements.insert(module.to_owned(), confinement);
    }

    pub(crate) fn set_handled(&mut self, types: impl IntoIterator<Item = String>) {
        self.natives.set_handled(types);
    }

    /// The names of what is registered, without the constructors.
    pub(crate) fn natives(&self) -> &Natives {
        &self.natives
    }

    pub(crate) fn construct(
        &self,
        module: &str,
        context: ModuleContext,
    ) -> Option<Box<dyn DaemonModule>> {
        self.constructors.get(module).map(|constructor| constructor(context))
    }

    pub(crate) fn confinement(&self, module: &str) -> Option<Confinement> {
        self.confinements.get(module).copied()
    }
}
