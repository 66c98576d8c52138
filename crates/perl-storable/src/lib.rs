//! Perl's Storable format: [`thaw()`] reads what `freeze`, `nfreeze`, `store` and `nstore` write for plain data,
//! [`freeze()`] and [`freeze_file`] write what `thaw` and `retrieve` read.
//!
//! Read as data: every scalar, arrays, hashes (restricted ones as plain ones), references, including weak and
//! overloaded ones, objects with their class name, and shared data as copies. Version strings lose their spelling;
//! elements that were never set are undef.
//!
//! Refused, each with its offset: cycles; code, regular expressions, tied variables and objects with a
//! `STORABLE_freeze` hook, whose meaning is not in the data; objects of 2 GiB; images of big-endian or 32-bit machines
//! in native order; text with characters that Unicode does not have.
//!
//! No code of an image is executed, and no image can use more memory than its [`Limits`] allow.

mod budget;
mod error;
mod frame;
mod freeze;
mod hash;
mod header;
mod key;
mod limits;
mod mark;
mod reader;
mod source;
mod thaw;
mod value;
mod writer;

pub use error::{Error, FreezeError};
pub use freeze::{freeze, freeze_file};
pub use hash::Hash;
pub use key::Key;
pub use limits::{Limits, MAX_DEPTH};
pub use thaw::thaw_with;
pub use value::{Blessed, Value};

/// Reads an image, in memory or from a file, within the default [`Limits`].
///
/// The value is always a reference, as in Perl: an array, a hash, an object or a [`Value::Ref`].
pub fn thaw(image: &[u8]) -> Result<Value, Error> {
    thaw_with(image, Limits::default())
}
