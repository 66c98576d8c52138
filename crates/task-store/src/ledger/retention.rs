//! Deleting what the ledger kept long enough.

use jiff::Timestamp;

use crate::database::arguments;
use crate::database::error::Result;
use crate::model::bounds::named;
use crate::model::timestamp::from_micros;
use crate::store::Store;

impl Store {
    /// Forgets, of the `limit` oldest executions after row `after`, those whose type and end are over.
    ///
    /// The rows are in order of their ends but for small changes, so the oldest are found without an index.
    pub async fn forget(
        &self,
        after: i64,
        limit: u32,
        is_over: &(impl Fn(&str, Timestamp) -> bool + Sync),
    ) -> Result<Forgotten> {
        let sql = concat!(
            "SELECT id, ended, ",
            named!(word "task_type"),
            " FROM otrsd_execution WHERE id > ? ORDER BY id LIMIT ?"
        );
        let rows = self.rows(sql, arguments![after, i64::from(limit)]).await?;
        let (mut over, mut last) = (Vec::new(), None);
        for row in &rows {
            let id = row.int(0)?;
            // An end that cannot be read is never long ago.
            let ended = row.maybe_int(1).ok().flatten().and_then(from_micros);
            let ended = ended.unwrap_or(Timestamp::MAX);
            last = Some((id, ended));
            if is_over(&row.lenient(2), ended) {
                over.push(id);
            }
        }
        let sql = "DELETE FROM otrsd_execution WHERE id IN (?*)";
        let gone = if over.is_empty() { 0 } else { self.change(sql, arguments![&over]).await? };
        Ok(Forgotten { gone, last })
    }
}

/// What a look at the oldest executions gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forgotten {
    /// How many are gone.
    pub gone: u64,
    /// The last row that was looked at, and when it ended; `None` if there was none.
    pub last: Option<(i64, Timestamp)>,
}
