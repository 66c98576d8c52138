//! Claiming when the database refuses to lock a row: that row is left out, and the others are claimed.

use jiff::Timestamp;

use crate::database::error::{Error, Result};
use crate::database::{Connection, Dialect, arguments};
use crate::model::task::Task;
use crate::store::claim_cursor::START;
use crate::store::{Store, Transaction};
use crate::worker::claim::{Claim, Claiming, free};
use crate::worker::task_rows::task_columns;

const TABLE: &str = "scheduler_task";

impl Store {
    /// Whether rows of the queue are left out at present.
    pub(crate) fn leaves_out_tasks(&self) -> bool {
        !self.left_out_rows().ids(TABLE).is_empty()
    }

    /// Claims what is seen from the beginning of the queue, but for what is left out; what is refused is left out
    /// from now on.
    pub(crate) async fn claim_in_parts(
        &self,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<Vec<Task>> {
        let mut tasks: Vec<Task> = Vec::new();
        while let Some(ids) = self.candidates(claim, now, tasks.len()).await? {
            let part = |rows| Rows { claiming: Claiming { store: self, claim, now }, rows };
            for (part, outcome) in self.in_halves(&ids, part).await {
                let answer = match (outcome, part) {
                    (Ok(claimed), _) => {
                        tasks.extend(claimed);
                        Ok(())
                    }
                    (Err(error), [row]) if error.is_refusal() => self.leave_out_task(*row, error),
                    (Err(error), _) => Err(error),
                };
                match answer {
                    Err(error) if tasks.is_empty() => return Err(error),
                    // The next claim hears of it.
                    Err(_) => return Ok(tasks),
                    Ok(()) => {}
                }
            }
        }
        tasks.sort_by_key(|task| (task.priority, task.row));
        Ok(tasks)
    }

    /// The error, if too many are left out.
    fn leave_out_task(&self, row: i64, error: Error) -> Result<()> {
        let reason = format!("it cannot be claimed: {error}");
        if self.left_out_rows().insert(TABLE, row, reason) { Ok(()) } else { Err(error) }
    }

    /// Rows to be claimed beside `have`; `None` if there are none.
    async fn candidates(
        &self,
        claim: &Claim<'_>,
        now: Timestamp,
        have: usize,
    ) -> Result<Option<Vec<i64>>> {
        let except = self.left_out_rows().ids(TABLE);
        let wanted = (claim.slots as usize).saturating_sub(have);
        let seen = u32::try_from(wanted + except.len()).unwrap_or(u32::MAX);
        let look = Claim { slots: seen, ..*claim };
        let claiming = Claiming { store: self, claim: &look, now };
        let sql = match (self.dialect(), self.is_home()) {
            (_, true) => concat!("SELECT id", free!("", "id > ?"), "id LIMIT ?"),
            (Dialect::MariaDb, false) => concat!(
                "SELECT id",
                free!("", "(priority > ? OR priority = ? AND id > ?)"),
                "priority, id LIMIT ?"
            ),
            (_, false) => {
                concat!("SELECT id", free!("", "(priority, id) > (?, ?)"), "priority, id LIMIT ?")
            }
        };
        let rows = self.rows(sql, &claiming.free(START)).await?;
        let ids = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
        let new = ids.into_iter().filter(|id| !except.contains(id)).take(wanted);
        Ok(Some(new.collect::<Vec<_>>()).filter(|new| !new.is_empty()))
    }
}

/// Claims these rows, as far as they are free.
struct Rows<'a> {
    claiming: Claiming<'a>,
    rows: &'a [i64],
}

impl Transaction for Rows<'_> {
    type Output = Vec<Task>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Task>> {
        let Claiming { store, claim, now } = self.claiming;
        let (key, locked) = (claim.owner.key(), store.wall_clock(now));
        let update = "UPDATE scheduler_task SET lock_key = ?, lock_time = ?t, lock_update_time = ?t \
                      WHERE lock_key + 0 = 0 AND id IN (?*)";
        connection.execute(update, arguments![key, &locked, &locked, self.rows]).await?;
        let sql = if store.is_home() {
            concat!(
                "SELECT ",
                task_columns!(home),
                " FROM scheduler_task WHERE lock_key + 0 = ? AND id IN (?*)"
            )
        } else {
            concat!(
                "SELECT ",
                task_columns!(),
                " FROM scheduler_task WHERE lock_key + 0 = ? AND id IN (?*)"
            )
        };
        Ok(store.tasks(&connection.rows(sql, arguments![key, self.rows]).await?))
    }
}
