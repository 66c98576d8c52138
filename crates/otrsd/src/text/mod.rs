//! How values are read from people and shown to them: times, JSON, slips in names, texts from outside.

pub(crate) mod escape;
pub(crate) mod json;
pub(crate) mod nearest;
pub(crate) mod time;
