//! Text helpers: values are parsed from user input and formatted for display: times, JSON, misspelt names, untrusted
//! text.

pub(crate) mod escape;
pub(crate) mod json;
pub(crate) mod nearest;
pub(crate) mod time;
