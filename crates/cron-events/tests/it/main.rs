//! Tests of the whole crate, from the outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod clock_changes;
mod habits;
mod messages;
mod perl_oracle;
mod properties;
mod reference;
mod vixie_oracle;
