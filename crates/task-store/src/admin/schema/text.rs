//! The texts of the schema, a file a dialect.

use crate::admin::schema::SCHEMA_VERSION;
use crate::database::Dialect;

/// Where Perl's rows become visible: freed after their insertion with lock_key 1.
pub(super) const WAKE_TRIGGER: &[&str] = &[
    "CREATE OR REPLACE FUNCTION otrsd_wake() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_notify('otrsd_task', ''); RETURN NULL; END $$",
    "DROP TRIGGER IF EXISTS otrsd_wake ON scheduler_task",
    "CREATE TRIGGER otrsd_wake AFTER UPDATE ON scheduler_task FOR EACH ROW \
     WHEN (OLD.lock_key = 1 AND NEW.lock_key = 0) EXECUTE FUNCTION otrsd_wake()",
];

/// Where the tables are ours: the manager of planned tasks is called too.
pub(super) const PLAN_TRIGGER: &[&str] = &[
    "DROP TRIGGER IF EXISTS otrsd_wake ON scheduler_future_task",
    "CREATE TRIGGER otrsd_wake AFTER INSERT OR UPDATE ON scheduler_future_task \
     FOR EACH STATEMENT EXECUTE FUNCTION otrsd_wake()",
];

/// The tables that are ours everywhere.
pub(crate) const OURS: [&str; 9] = [
    "otrsd_execution",
    "otrsd_held",
    "otrsd_occurrence",
    "otrsd_instance",
    "otrsd_limit",
    "otrsd_cancel",
    "otrsd_cron_pause",
    "otrsd_pause",
    "otrsd_schema",
];

/// The three tables of the original.
pub(crate) const ORIGINAL: [&str; 3] =
    ["scheduler_task", "scheduler_future_task", "scheduler_recurrent_task"];

/// The engine of MariaDB's tables is the home's. The character set is the full one even where a home has an
/// older one, since error texts and output hold anything. Names are compared as bytes: two cron tasks that
/// differ in case are two.
pub(super) fn options(engine: Option<&str>) -> String {
    let word = |engine: &&str| engine.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let engine = engine.filter(word).unwrap_or("InnoDB");
    format!("ENGINE={engine} DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin")
}

/// The statements that create what may be missing, in order.
pub(super) fn statements(dialect: Dialect, home: bool, options: &str) -> Vec<String> {
    let original = dialect.pick(
        include_str!("sqlite_original.sql"),
        include_str!("postgres_original.sql"),
        include_str!("mariadb_original.sql"),
    );
    let ours = dialect.pick(
        include_str!("sqlite.sql"),
        include_str!("postgres.sql"),
        include_str!("mariadb.sql"),
    );
    let original = if home { "" } else { original };
    [original, ours]
        .iter()
        .flat_map(|text| text.split(";\n"))
        .filter(|statement| !statement.trim().is_empty())
        .map(|statement| statement.replace("{options}", options))
        .collect()
}

/// The statement that says which version the tables are.
pub(super) fn version_is_made(dialect: Dialect) -> String {
    let version = SCHEMA_VERSION;
    let replace = dialect.pick(
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        "ON DUPLICATE KEY UPDATE value = VALUES(value)",
    );
    format!("INSERT INTO otrsd_schema (name, value) VALUES ('version', '{version}') {replace}")
}
