//! The handbook's `TestDaemon` as a program of one's own: it prints the time every two seconds and is
//! discarded every hour.
//!
//! This program *is* the daemon, with the whole command line. Register the module with the setting
//! XML in `examples/own-binary/`, then:
//!
//! ```sh
//! cargo run --example test_daemon -- --config examples/own-binary start --foreground
//! ```

use std::{collections::BTreeMap, process::ExitCode};

use otrsd::{Column, Daemon, DaemonModule, ModuleContext, Pace, Round, Summary, async_trait};

struct TestDaemon {
    context: ModuleContext,
}

impl TestDaemon {
    fn new(context: ModuleContext) -> Self {
        Self { context }
    }
}

#[async_trait]
impl DaemonModule for TestDaemon {
    async fn run(&mut self) -> anyhow::Result<Round> {
        let now = jiff::Zoned::now();
        self.context.say(&format!("Current time {}", now.strftime("%a %b %e %H:%M:%S %Y")));
        Ok(Round::Continue)
    }

    fn pace(&self) -> Pace {
        Pace::seconds(2, 3600)
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        Ok(vec![Summary {
            header: "Test Daemon Summary:".to_owned(),
            columns: vec![
                Column::new("SomeColumn", "Some Column", 15),
                Column::new("AnotherColumn", "Another Column", 15),
            ],
            rows: vec![row("Some Data 1", "Another Data 1"), row("Some Data 2", "Another Data 2")],
            no_data_message: String::new(),
        }])
    }
}

fn row(some: &str, another: &str) -> BTreeMap<String, String> {
    [("SomeColumn", some), ("AnotherColumn", another)]
        .map(|(column, cell)| (column.to_owned(), cell.to_owned()))
        .into()
}

fn main() -> ExitCode {
    Daemon::new().module("Acme::TestDaemon", TestDaemon::new).run()
}
