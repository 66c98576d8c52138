//! Whether tasks are anywhere, or were: for programs that must not enqueue one twice.

use std::collections::HashMap;

use crate::database::arguments;
use crate::database::error::Result;
use crate::model::bounds::bounded;
use crate::model::task_id::TaskId;
use crate::store::Store;

/// One look at all places: a task that moves meanwhile is in one of them.
macro_rules! of {
    ($table:literal) => {
        concat!("SELECT ident, ", bounded!(word "task_type"), ", ", bounded!(word "name"), " FROM ", $table, " WHERE ident IN (?*)")
    };
}
const EVERYWHERE: &str = concat!(
    of!("scheduler_task"),
    " UNION ALL ",
    of!("scheduler_future_task"),
    " UNION ALL ",
    of!("otrsd_held"),
    " UNION ALL ",
    of!("otrsd_execution")
);

impl Store {
    /// Type and name of those tasks that are to run, are held, or have run as far as the ledger remembers.
    pub async fn known(&self, ids: &[TaskId]) -> Result<HashMap<TaskId, (String, String)>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let idents: Vec<i64> = ids.iter().map(|id| id.ident()).collect();
        let rows = self.rows(EVERYWHERE, arguments![&idents, &idents, &idents, &idents]).await?;
        Ok(self.readable(&rows, |row| {
            Ok((TaskId::from_ident(row.int(0)?), (row.lenient(1), row.lenient(2))))
        }))
    }
}
