//! Calling PostgreSQL's workers.
//!
//! Transactions with a notice commit one after the other, each with a write to the disk of its own. So where
//! several add at once, they call afterwards, in a transaction that writes nothing, and one call serves all who
//! added by then. Who adds alone calls with the addition, and saves the round trip.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Mutex;

use crate::database::{Connection, Dialect, arguments};
use crate::error::Result;
use crate::store::Store;

const NOTICE: &str = "SELECT pg_notify('otrsd_task', '')";

/// The calls of one process.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    adders: AtomicUsize,
    wanted: AtomicU64,
    /// The last that was served.
    served: Mutex<u64>,
}

/// Somebody who adds, until dropped.
pub(crate) struct Adder<'a> {
    adders: &'a AtomicUsize,
    /// Nobody else did when he began.
    pub(crate) is_alone: bool,
}

impl Calls {
    pub(crate) fn adder(&self) -> Adder<'_> {
        let is_alone = self.adders.fetch_add(1, Ordering::SeqCst) == 0;
        Adder { adders: &self.adders, is_alone }
    }
}

impl Drop for Adder<'_> {
    fn drop(&mut self) {
        self.adders.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Store {
    /// Calls the workers to what was committed. A call is a hint, so nobody hears of one that failed.
    pub(crate) async fn call(&self) {
        if self.dialect() != Dialect::Postgres {
            return;
        }
        let calls = self.calls();
        let own = calls.wanted.fetch_add(1, Ordering::SeqCst) + 1;
        let mut served = calls.served.lock().await;
        if *served < own {
            let all = calls.wanted.load(Ordering::SeqCst);
            if self.rows(NOTICE, arguments![]).await.is_ok() {
                *served = all;
            }
        }
    }
}

/// Calls them by the transaction's commit.
pub(crate) async fn call_with(connection: &mut Connection<'_>) -> Result<()> {
    match connection.dialect() {
        Dialect::Postgres => connection.rows(NOTICE, arguments![]).await.map(drop),
        _ => Ok(()),
    }
}
