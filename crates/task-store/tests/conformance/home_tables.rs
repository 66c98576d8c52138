//! The three tables as a home has them: its columns and keys, no priority, and nothing of ours.

use crate::place::Kind;

pub fn statements(kind: Kind) -> [&'static str; 3] {
    match kind {
        Kind::Sqlite => panic!("a home is never on SQLite"),
        Kind::Postgres => [
            "CREATE TABLE scheduler_task (id bigserial PRIMARY KEY, ident bigint NOT NULL UNIQUE, name varchar(150), \
             task_type varchar(150) NOT NULL, task_data text NOT NULL, attempts smallint NOT NULL, \
             lock_key bigint NOT NULL, lock_time timestamp(0), lock_update_time timestamp(0), \
             create_time timestamp(0) NOT NULL); \
             CREATE INDEX scheduler_task_lock_key_id ON scheduler_task (lock_key, id)",
            "CREATE TABLE scheduler_future_task (id bigserial PRIMARY KEY, ident bigint NOT NULL UNIQUE, \
             execution_time timestamp(0) NOT NULL, name varchar(150), task_type varchar(150) NOT NULL, \
             task_data text NOT NULL, attempts smallint NOT NULL, lock_key bigint NOT NULL, \
             lock_time timestamp(0), create_time timestamp(0) NOT NULL)",
            "CREATE TABLE scheduler_recurrent_task (id bigserial PRIMARY KEY, name varchar(150) NOT NULL, \
             task_type varchar(150) NOT NULL, last_execution_time timestamp(0) NOT NULL, last_worker_task_id bigint, \
             last_worker_status smallint, last_worker_running_time integer, lock_key bigint NOT NULL, \
             lock_time timestamp(0), create_time timestamp(0) NOT NULL, change_time timestamp(0) NOT NULL, \
             UNIQUE (name, task_type))",
        ],
        Kind::MariaDb => [
            "CREATE TABLE scheduler_task (id bigint PRIMARY KEY AUTO_INCREMENT, ident bigint NOT NULL UNIQUE, \
             name varchar(150), task_type varchar(150) NOT NULL, task_data longblob NOT NULL, attempts smallint NOT NULL, \
             lock_key bigint NOT NULL, lock_time datetime, lock_update_time datetime, create_time datetime NOT NULL, \
             KEY scheduler_task_lock_key_id (lock_key, id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3",
            "CREATE TABLE scheduler_future_task (id bigint PRIMARY KEY AUTO_INCREMENT, ident bigint NOT NULL UNIQUE, \
             execution_time datetime NOT NULL, name varchar(150), task_type varchar(150) NOT NULL, \
             task_data longblob NOT NULL, attempts smallint NOT NULL, lock_key bigint NOT NULL, lock_time datetime, \
             create_time datetime NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3",
            "CREATE TABLE scheduler_recurrent_task (id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(150) NOT NULL, \
             task_type varchar(150) NOT NULL, last_execution_time datetime NOT NULL, last_worker_task_id bigint, \
             last_worker_status smallint, last_worker_running_time int, lock_key bigint NOT NULL, lock_time datetime, \
             create_time datetime NOT NULL, change_time datetime NOT NULL, UNIQUE (name, task_type)) \
             ENGINE=InnoDB DEFAULT CHARSET=utf8mb3",
        ],
    }
}
