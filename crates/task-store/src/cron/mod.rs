//! Cron tasks: each fire time is fired, skipped or missed once in the whole cluster.

pub(crate) mod cron_run;
pub(crate) mod fire;
pub(crate) mod fire_parts;
pub(crate) mod fire_plan;
pub(crate) mod generic_agent;
pub(crate) mod pause;
pub(crate) mod recurrent;
pub(crate) mod schedule;
pub(crate) mod tally;
