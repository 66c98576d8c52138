-- The original's three tables, where they are ours.
CREATE TABLE IF NOT EXISTS scheduler_task (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    ident BIGINT NOT NULL UNIQUE DEFAULT (100000000000000000 + CAST(floor(rand() * 900000000) AS SIGNED) * 1000000000 + CAST(floor(rand() * 1000000000) AS SIGNED)),
    name VARCHAR(150) DEFAULT '',
    task_type VARCHAR(150) NOT NULL,
    task_data LONGBLOB NOT NULL,
    attempts SMALLINT NOT NULL DEFAULT 1,
    lock_key BIGINT NOT NULL DEFAULT 0,
    lock_time DATETIME,
    lock_update_time DATETIME,
    create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    priority SMALLINT NOT NULL DEFAULT 0,
    tried SMALLINT NOT NULL DEFAULT 0,
    KEY otrsd_task_free (lock_key, priority, id),
    KEY otrsd_task_type_name (task_type, name)
) {options};
CREATE TABLE IF NOT EXISTS scheduler_future_task (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    ident BIGINT NOT NULL UNIQUE DEFAULT (100000000000000000 + CAST(floor(rand() * 900000000) AS SIGNED) * 1000000000 + CAST(floor(rand() * 1000000000) AS SIGNED)),
    execution_time DATETIME NOT NULL,
    name VARCHAR(150) DEFAULT '',
    task_type VARCHAR(150) NOT NULL,
    task_data LONGBLOB NOT NULL,
    attempts SMALLINT NOT NULL DEFAULT 1,
    lock_key BIGINT NOT NULL DEFAULT 0,
    lock_time DATETIME,
    create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    priority SMALLINT NOT NULL DEFAULT 0,
    KEY otrsd_future_task_due (execution_time, id)
) {options};
CREATE TABLE IF NOT EXISTS scheduler_recurrent_task (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(150) NOT NULL,
    task_type VARCHAR(150) NOT NULL,
    last_execution_time DATETIME NOT NULL,
    last_worker_task_id BIGINT,
    last_worker_status SMALLINT,
    last_worker_running_time INT,
    lock_key BIGINT NOT NULL,
    lock_time DATETIME,
    create_time DATETIME NOT NULL,
    change_time DATETIME NOT NULL,
    UNIQUE KEY (name, task_type)
) {options};
