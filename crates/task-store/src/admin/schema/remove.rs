//! The way back: tasks that wait in our table return to the original's, then what is ours goes.

use crate::admin::schema::text::OURS;
use crate::database::error::Result;
use crate::database::{Connection, Dialect, arguments};
use crate::store::{Store, Transaction};

impl Store {
    /// Puts all held tasks back into `scheduler_task` and drops our tables and trigger; returns how
    /// many tasks came back. No other process may use the database meanwhile. Standalone the three tables stay.
    pub async fn remove_schema(&self) -> Result<u64> {
        let back = self.transact(&PutBack { home: self.is_home() }).await?;
        let mut session = self.pools().write().await?;
        let mut answer = Ok(());
        for text in drops(self.dialect()) {
            answer = session.connection().plain(&text).await;
            if answer.is_err() {
                break;
            }
        }
        session.release(answer).map(|()| back)
    }
}

struct PutBack {
    home: bool,
}

impl Transaction for PutBack {
    type Output = u64;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<u64> {
        let sql = if self.home {
            "INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time) \
             SELECT ident, name, task_type, task_data, attempts, 0, create_time FROM otrsd_held ORDER BY id"
        } else {
            "INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time, priority) \
             SELECT ident, name, task_type, task_data, attempts, 0, create_time, priority FROM otrsd_held ORDER BY id"
        };
        let back = connection.execute(sql, arguments![]).await?;
        connection.execute("DELETE FROM otrsd_held", arguments![]).await?;
        Ok(back)
    }
}

fn drops(dialect: Dialect) -> Vec<String> {
    let mut texts = Vec::new();
    if dialect == Dialect::Postgres {
        for table in ["scheduler_task", "scheduler_future_task"] {
            texts.push(format!("DROP TRIGGER IF EXISTS otrsd_wake ON {table}"));
        }
        texts.push("DROP FUNCTION IF EXISTS otrsd_wake()".into());
    }
    texts.extend(OURS.iter().map(|table| format!("DROP TABLE IF EXISTS {table}")));
    texts
}
