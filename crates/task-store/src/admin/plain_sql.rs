//! How programs in any language add a task: one statement a database, as the documentation prints it.

use crate::database::Dialect;

/// The statement to add a task to a standalone database, with an example's values. `task_data` is JSON;
/// id, attempts, time and priority have defaults. On PostgreSQL the notice starts the task at once.
pub fn plain_sql(dialect: Dialect) -> &'static str {
    dialect.pick(
        "INSERT INTO scheduler_task (task_type, name, task_data) \
         VALUES ('Thumbnail', 'photo 7', '{\"file\": \"7.jpg\"}')",
        "WITH task AS (INSERT INTO scheduler_task (task_type, name, task_data) \
         VALUES ('Thumbnail', 'photo 7', '{\"file\": \"7.jpg\"}')) \
         SELECT pg_notify('otrsd_task', '')",
        "INSERT INTO scheduler_task (task_type, name, task_data) \
         VALUES ('Thumbnail', 'photo 7', '{\"file\": \"7.jpg\"}')",
    )
}
