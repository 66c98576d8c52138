//! otrsd
