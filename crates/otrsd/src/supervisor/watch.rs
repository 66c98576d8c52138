//! Clients that wait for modules to come up.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc::Sender;

use super::{control::Reply, module::Module};

/// One waiting client.
struct Watch {
    reply: Sender<Reply>,
    awaited: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// Until the daemon has stopped, whatever the modules do.
    to_the_end: bool,
}

/// All waiting clients. A client that reads too slowly misses events, never the outcome's order.
#[derive(Default)]
pub(super) struct Watches {
    watches: Vec<Watch>,
}

impl Watches {
    /// `reply` hears of the modules in `awaited` until each is up or has failed.
    pub(super) fn add(&mut self, reply: Sender<Reply>, awaited: BTreeSet<String>) {
        let failed = BTreeSet::new();
        self.watches.push(Watch { reply, awaited, failed, to_the_end: false });
    }

    /// `reply` hears of the modules until the daemon has stopped.
    pub(super) fn add_to_the_end(&mut self, reply: Sender<Reply>, awaited: BTreeSet<String>) {
        let failed = BTreeSet::new();
        self.watches.push(Watch { reply, awaited, failed, to_the_end: true });
    }

    /// Something happened to the module `name`.
    pub(super) fn tell(&self, name: &str, text: &str) {
        for watch in self.watches.iter().filter(|watch| watch.awaited.contains(name)) {
            let _ = watch.reply.try_send(Reply::Event { text: text.to_owned() });
        }
    }

    /// The module `name` will not be up soon.
    pub(super) fn fail(&mut self, name: &str) {
        for watch in self.watches.iter_mut().filter(|watch| watch.awaited.contains(name)) {
            watch.failed.insert(name.to_owned());
        }
    }

    /// Answers the clients whose modules all are up, gone, or failed.
    pub(super) fn settle(
        &mut self,
        modules: &BTreeMap<String, Module>,
        outdated: &BTreeSet<String>,
    ) {
        self.watches.retain_mut(|watch| {
            if watch.to_the_end {
                return true;
            }
            watch.awaited.retain(|name| {
                !watch.failed.contains(name)
                    && (outdated.contains(name)
                        || modules.get(name).is_some_and(|module| !module.is_up()))
            });
            if watch.awaited.is_empty() {
                let _ = watch.reply.try_send(outcome(&watch.failed, modules));
            }
            !watch.awaited.is_empty() && !watch.reply.is_closed()
        });
    }
}

fn outcome(failed: &BTreeSet<String>, modules: &BTreeMap<String, Module>) -> Reply {
    let reason = |name: &String| {
        let exit = modules.get(name)?.exits.front()?;
        Some(format!("{name} is not running: {exit}"))
    };
    let texts: Vec<_> = failed.iter().filter_map(reason).collect();
    if texts.is_empty() { Reply::Done } else { Reply::Failed { text: texts.join("\n") } }
}
