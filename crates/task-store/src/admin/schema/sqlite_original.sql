-- The original's three tables, where they are ours.
CREATE TABLE IF NOT EXISTS scheduler_task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ident BIGINT NOT NULL UNIQUE DEFAULT (100000000000000000 + abs(random() % 900000000000000000)),
    name VARCHAR(150) DEFAULT '',
    task_type VARCHAR(150) NOT NULL,
    task_data TEXT NOT NULL,
    attempts SMALLINT NOT NULL DEFAULT 1,
    lock_key BIGINT NOT NULL DEFAULT 0,
    lock_time TEXT,
    lock_update_time TEXT,
    create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    priority SMALLINT NOT NULL DEFAULT 0,
    tried SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS otrsd_task_free ON scheduler_task (priority, id) WHERE lock_key = 0;
CREATE INDEX IF NOT EXISTS otrsd_task_locked ON scheduler_task (lock_key) WHERE lock_key <> 0;
CREATE INDEX IF NOT EXISTS otrsd_task_type_name ON scheduler_task (task_type, name);
CREATE TABLE IF NOT EXISTS scheduler_future_task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ident BIGINT NOT NULL UNIQUE DEFAULT (100000000000000000 + abs(random() % 900000000000000000)),
    execution_time TEXT NOT NULL,
    name VARCHAR(150) DEFAULT '',
    task_type VARCHAR(150) NOT NULL,
    task_data TEXT NOT NULL,
    attempts SMALLINT NOT NULL DEFAULT 1,
    lock_key BIGINT NOT NULL DEFAULT 0,
    lock_time TEXT,
    create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    priority SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS otrsd_future_task_due ON scheduler_future_task (execution_time, id);
CREATE TABLE IF NOT EXISTS scheduler_recurrent_task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(150) NOT NULL,
    task_type VARCHAR(150) NOT NULL,
    last_execution_time TEXT NOT NULL,
    last_worker_task_id BIGINT,
    last_worker_status SMALLINT,
    last_worker_running_time INTEGER,
    lock_key BIGINT NOT NULL,
    lock_time TEXT,
    create_time TEXT NOT NULL,
    change_time TEXT NOT NULL,
    UNIQUE (name, task_type)
);
