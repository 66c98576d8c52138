//! What a worker does with tasks: it registers itself, claims, renews its locks, ends, and reclaims from dead workers.

pub(crate) mod claim;
pub(crate) mod claim_mariadb;
pub(crate) mod claim_parts;
pub(crate) mod finish;
pub(crate) mod finish_parts;
pub(crate) mod instance;
pub(crate) mod life_lock;
pub(crate) mod lock;
pub(crate) mod reclaim;
pub(crate) mod task_rows;
