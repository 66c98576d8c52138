//! The managers: they put tasks into the queue when their time comes, and run none.

pub(crate) mod future;
