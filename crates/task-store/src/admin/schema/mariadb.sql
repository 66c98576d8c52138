-- What is ours, beside any installation's tables. Times are microseconds of UTC since 1970.
CREATE TABLE IF NOT EXISTS otrsd_schema (
    name VARCHAR(50) NOT NULL PRIMARY KEY,
    value MEDIUMTEXT NOT NULL
) {options};
CREATE TABLE IF NOT EXISTS otrsd_execution (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
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
    error MEDIUMTEXT,
    output MEDIUMTEXT,
    KEY otrsd_execution_ident (ident)
) {options};
CREATE TABLE IF NOT EXISTS otrsd_held (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    ident BIGINT NOT NULL UNIQUE,
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    task_data LONGBLOB NOT NULL,
    attempts SMALLINT NOT NULL,
    priority SMALLINT NOT NULL,
    create_time DATETIME NOT NULL,
    state VARCHAR(20) NOT NULL,
    due BIGINT,
    held BIGINT NOT NULL,
    reason MEDIUMTEXT NOT NULL,
    KEY otrsd_held_due (state, due)
) {options};
CREATE TABLE IF NOT EXISTS otrsd_occurrence (
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    due BIGINT NOT NULL,
    last_due BIGINT NOT NULL,
    instants BIGINT NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    reason MEDIUMTEXT NOT NULL,
    ident BIGINT,
    node SMALLINT NOT NULL,
    decided BIGINT NOT NULL,
    PRIMARY KEY (task_type, name, due)
) {options};
CREATE TABLE IF NOT EXISTS otrsd_instance (
    lock_key BIGINT NOT NULL PRIMARY KEY,
    node SMALLINT NOT NULL,
    host VARCHAR(250) NOT NULL,
    pid BIGINT NOT NULL,
    started BIGINT NOT NULL,
    beats BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    slots BIGINT NOT NULL
) {options};
CREATE TABLE IF NOT EXISTS otrsd_limit (
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    touched BIGINT NOT NULL,
    PRIMARY KEY (task_type, name)
) {options};
CREATE TABLE IF NOT EXISTS otrsd_cancel (
    ident BIGINT NOT NULL PRIMARY KEY,
    asked BIGINT NOT NULL,
    by_whom TEXT NOT NULL
) {options};
CREATE TABLE IF NOT EXISTS otrsd_cron_pause (
    task_type VARCHAR(150) NOT NULL,
    name VARCHAR(150) NOT NULL,
    since BIGINT NOT NULL,
    reason MEDIUMTEXT NOT NULL,
    PRIMARY KEY (task_type, name)
) {options};
CREATE TABLE IF NOT EXISTS otrsd_pause (
    task_type VARCHAR(150) NOT NULL,
    node SMALLINT NOT NULL,
    since BIGINT NOT NULL,
    reason MEDIUMTEXT NOT NULL,
    PRIMARY KEY (task_type, node)
) {options};
