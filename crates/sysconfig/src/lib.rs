//! The setting XML of the OTRS family.
