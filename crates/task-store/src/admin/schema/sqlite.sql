-- What is ours, beside any installation's tables. Times are microseconds of UTC since 1970.
CREATE TABLE IF NOT EXISTS otrsd_schema (
    name VARCHAR(50) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS otrsd_execution (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ident BIGINT NOT NULL,
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    node SMALLINT NOT NULL,
    lock_key BIGINT NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    cpu BIGINT,
    peak_memory BIGINT,
    error TEXT,
    output TEXT
);
CREATE INDEX IF NOT EXISTS otrsd_execution_ident ON otrsd_execution (ident);
CREATE TABLE IF NOT EXISTS otrsd_held (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ident BIGINT NOT NULL UNIQUE,
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    task_data TEXT NOT NULL,
    attempts SMALLINT NOT NULL,
    priority SMALLINT NOT NULL,
    create_time TEXT NOT NULL,
    state VARCHAR(20) NOT NULL,
    due BIGINT,
    held BIGINT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS otrsd_held_due ON otrsd_held (state, due);
CREATE TABLE IF NOT EXISTS otrsd_occurrence (
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    due BIGINT NOT NULL,
    last_due BIGINT NOT NULL,
    instants BIGINT NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    reason TEXT NOT NULL,
    ident BIGINT,
    node SMALLINT NOT NULL,
    decided BIGINT NOT NULL,
    PRIMARY KEY (task_type, name, due)
);
CREATE TABLE IF NOT EXISTS otrsd_instance (
    lock_key BIGINT NOT NULL PRIMARY KEY,
    node SMALLINT NOT NULL,
    host VARCHAR(250) NOT NULL,
    pid BIGINT NOT NULL,
    started BIGINT NOT NULL,
    beats BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    slots BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS otrsd_limit (
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    touched BIGINT NOT NULL,
    PRIMARY KEY (task_type, name)
);
CREATE TABLE IF NOT EXISTS otrsd_cancel (
    ident BIGINT NOT NULL PRIMARY KEY,
    asked BIGINT NOT NULL,
    by_whom TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS otrsd_cron_pause (
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    since BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (task_type, name)
);
CREATE TABLE IF NOT EXISTS otrsd_pause (
    task_type VARCHAR(150) NOT NULL,
    node SMALLINT NOT NULL,
    since BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (task_type, node)
);
