//! The stock program.

use std::process::ExitCode;

fn main() -> ExitCode {
    otrsd::Daemon::new().run()
}
