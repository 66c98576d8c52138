//! Whole-daemon tests: real processes in a temporary directory, one file a topic.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]
#![expect(clippy::disallowed_methods, reason = "deadlines are real time")]
#![expect(clippy::print_stderr, reason = "the message of a test that fails")]

mod door;
mod harness;
mod installation;
mod registration;

mod status;
mod tasks;
mod web;

mod callers;
mod cli;
mod control;
mod crash;
mod cron;
mod cron_cli;
mod cron_clock;
mod cron_document;
mod cron_life;
mod cron_znuny;
mod databases;
mod db_cli;
mod events;
mod generic_agent;
mod handbook;
mod home;
mod home_beside;
mod home_check;
mod home_faults;
mod home_log;
mod home_mail;
mod home_same;
mod home_service;
mod home_tasks;
mod home_together;
mod home_web;
mod hostile;
mod leaks;
mod life;
mod logs;
mod original;
mod packaging;
mod pages;
mod pid_file;
mod places;
mod planned;
mod process;
mod quickstart;
mod refused;
mod reload;
mod rounds;
mod secrets;
mod start;
mod stop;
mod surroundings;
mod takeover;
mod task_cli;
mod tasks_away;
mod tasks_cancel;
mod tasks_clock;
mod tasks_cluster;
mod tasks_deaths;
mod tasks_document;
mod tasks_file;
mod tasks_future;
mod tasks_handlers;
mod tasks_handover;
mod tasks_http;
mod tasks_life;
mod tasks_locks;
mod tasks_native;
mod tasks_nodes;
mod tasks_payloads;
mod tasks_readonly;
mod tasks_refused;
mod tasks_tables;
mod tasks_wake;
mod upgrade;
mod users;
mod web_api;
mod web_faults;
mod web_health;
mod web_place;
