//! The reaper of the worker's children: handlers, and the processes that they left. No other code waits for them.
//!
//! A handler's group is killed before the handler is taken, while its number cannot be reassigned. Processes that left
//! the group are identified by the task in their environment. Only then is the handler's end reported.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::sys::prctl::set_child_subreaper;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{command::TASK_ID, perl::TITLE};
use crate::process::{
    reaper::{Reaped, end_group, next_dead, take},
    sweep,
};

/// Shared by all executions of this process.
#[derive(Debug, Default)]
pub(super) struct Reaper {
    handlers: Mutex<HashMap<i32, Handler>>,
}

#[derive(Debug)]
struct Handler {
    task: String,
    end: oneshot::Sender<Reaped>,
}

impl Reaper {
    /// Starts waiting for children, from now on also those of dead children.
    pub(super) fn start() -> anyhow::Result<Arc<Self>> {
        set_child_subreaper(true)?;
        let mut deaths = signal(SignalKind::child())?;
        let reaper = Arc::new(Self::default());
        let own = Arc::downgrade(&reaper);
        tokio::spawn(async move {
            while deaths.recv().await.is_some() {
                let Some(reaper) = own.upgrade() else { return };
                reaper.collect();
            }
        });
        Ok(reaper)
    }

    /// The receiver for the end of a handler that was just started.
    pub(super) fn expect(&self, leader: i32, task: String) -> oneshot::Receiver<Reaped> {
        let (end, told) = oneshot::channel();
        self.handlers().insert(leader, Handler { task, end });
        told
    }

    /// Records that the process has started another task.
    pub(super) fn mark(&self, leader: i32, task: &str) {
        if let Some(handler) = self.handlers().get_mut(&leader) {
            task.clone_into(&mut handler.task);
        }
    }

    fn collect(&self) {
        while let Some(pid) = next_dead() {
            end_group(pid);
            let Some(reaped) = take(pid) else { return };
            let handler = self.handlers().remove(&reaped.pid);
            self.end_strays();
            if let Some(handler) = handler {
                let _ = handler.end.send(reaped);
            }
        }
    }

    fn end_strays(&self) {
        let handlers = self.handlers();
        let is_over = |task: &str| !handlers.values().any(|handler| handler.task == task);
        let mark = |pid| sweep::mark(pid, TASK_ID).or_else(|| sweep::mark_in_title(pid, TITLE));
        sweep::strays(mark, |pid| handlers.contains_key(&pid), is_over);
    }

    fn handlers(&self) -> MutexGuard<'_, HashMap<i32, Handler>> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
