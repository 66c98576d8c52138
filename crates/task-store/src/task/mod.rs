//! What a program does with tasks: it enqueues them, now or for later, cancels them, and sees to those that are held.

pub(crate) mod cancel;
pub(crate) mod cancel_request;
pub(crate) mod enqueue;
pub(crate) mod enqueue_batch;
pub(crate) mod future;
pub(crate) mod held;
pub(crate) mod held_parts;
mod move_due;
pub(crate) mod pause;
pub(crate) mod quarantine;
pub(crate) mod schedule_at;
