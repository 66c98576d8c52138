//! Checked against images of real Perl, against a running Perl, and against junk.

mod dump;
mod golden;
mod limits;
mod oracle;
mod perl;
mod properties;
mod refusals;
mod strategy;
mod values;
