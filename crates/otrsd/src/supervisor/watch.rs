//! Clients that wait for modules to come up.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc::Sender;

use super::{control::Reply, module::Module};
use crate::{clock::MonotonicTime, process::exit::printable};

/// One waiting client.
struct Watch {
    reply: Sender<Reply>,
    awaited: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// Started, but not ready in time.
    slow: BTreeSet<String>,
    /// The client waits until the daemon has stopped, whatever the modules do.
    to_the_end: bool,
}

/// All waiting clients. A client that reads too slowly misses events, but never the outcome.
#[derive(Default)]
pub(super) struct Watches {
    watches: Vec<Watch>,
}

impl Watches {
    /// Reports the modules in `awaited` to `reply` until each is up or has failed.
    pub(super) fn add(&mut self, reply: Sender<Reply>, awaited: BTreeSet<String>) {
        self.push(reply, awaited, false);
    }

    /// Reports the modules to `reply` until the daemon has stopped.
    pub(super) fn add_to_the_end(&mut self, reply: Sender<Reply>, awaited: BTreeSet<String>) {
        self.push(reply, awaited, true);
    }

    fn push(&mut self, reply: Sender<Reply>, awaited: BTreeSet<String>, to_the_end: bool) {
        let (failed, slow) = (BTreeSet::new(), BTreeSet::new());
        self.watches.push(Watch { reply, awaited, failed, slow, to_the_end });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// Reports an event of the module `name`.
    pub(super) fn tell(&self, name: &str, text: &str) {
        for watch in self.watches.iter().filter(|watch| watch.awaited.contains(name)) {
            watch.tell(text);
        }
    }

    /// Passes a message of a module on to the clients that wait for the daemon's end; an operator may read it at a
    /// terminal.
    pub(super) fn pass_on(&self, name: &str, line: &str, stopping: bool) {
        let Some(status) = line.strip_prefix("STATUS=") else { return };
        let text = format!("{name} {}", printable(status));
        if stopping {
            tracing::info!("{text}");
        }
        for watch in self.watches.iter().filter(|watch| watch.to_the_end) {
            watch.tell(&text);
        }
    }

    /// The module `name` will not be up soon.
    pub(super) fn fail(&mut self, name: &str) {
        for watch in self.watches.iter_mut().filter(|watch| watch.awaited.contains(name)) {
            watch.failed.insert(name.to_owned());
        }
    }

    /// A process of the module `name` worked until its planned end; the next one does the same.
    pub(super) fn pass(&mut self, name: &str) {
        for watch in self.watches.iter_mut().filter(|watch| !watch.to_the_end) {
            watch.awaited.remove(name);
        }
    }

    /// Answers the clients whose modules are all up, gone, or failed; `old` names the modules of which an earlier
    /// process still works as before.
    pub(super) fn settle(
        &mut self,
        modules: &BTreeMap<String, Module>,
        old: &BTreeSet<&str>,
        now: MonotonicTime,
    ) {
        self.watches.retain_mut(|watch| {
            if watch.to_the_end {
                return true;
            }
            let is_slow = |module: &Module| module.ready_deadline().is_some_and(|due| due <= now);
            watch.slow.extend(
                watch
                    .awaited
                    .iter()
                    .filter(|name| modules.get(*name).is_some_and(is_slow))
                    .cloned(),
            );
            watch.awaited.retain(|name| {
                !watch.failed.contains(name)
                    && !watch.slow.contains(name)
                    && (old.contains(name.as_str())
                        || modules.get(name).is_some_and(|module| !module.has_begun(now)))
            });
            if watch.awaited.is_empty() {
                let _ = watch.reply.try_send(watch.outcome(modules));
            }
            !watch.awaited.is_empty() && !watch.reply.is_closed()
        });
    }
}

impl Watch {
    fn tell(&self, text: &str) {
        // The last slot is kept for the outcome.
        if self.reply.capacity() > 1 {
            let _ = self.reply.try_send(Reply::Event { text: text.to_owned() });
        }
    }

    fn outcome(&self, modules: &BTreeMap<String, Module>) -> Reply {
        let failure = |name: &String| {
            let exit = modules.get(name)?.exits.front()?;
            Some(format!("{name} is not running: {exit}"))
        };
        let slow = self.slow.iter().map(|name| format!("{name} is still starting: see status"));
        let texts: Vec<_> = self.failed.iter().filter_map(failure).chain(slow).collect();
        if texts.is_empty() { Reply::Done } else { Reply::Failed { text: texts.join("\n") } }
    }
}
