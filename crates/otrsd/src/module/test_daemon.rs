//! The handbook's example module: it prints the time every two seconds, and is discarded every hour.

use async_trait::async_trait;

use super::{Column, DaemonModule, ModuleContext, Round, Summary};
use crate::{clock, config::pace::Pace};

pub(crate) struct TestDaemon {
    context: ModuleContext,
}

impl TestDaemon {
    pub(crate) fn new(context: ModuleContext) -> Self {
        Self { context }
    }
}

#[async_trait]
impl DaemonModule for TestDaemon {
    async fn run(&mut self) -> anyhow::Result<Round> {
        let now = clock::now_utc().to_zoned(jiff::tz::TimeZone::system());
        self.context.say(&now.strftime("Current time %a %b %e %H:%M:%S %Y").to_string());
        Ok(Round::Continue)
    }

    fn pace(&self) -> Pace {
        Pace::seconds(2, 60 * 60)
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let row = |number: u8| {
            [
                ("SomeColumn".to_owned(), format!("Some Data {number}")),
                ("AnotherColumn".to_owned(), format!("Another Data {number}")),
            ]
            .into()
        };
        Ok(vec![Summary {
            header: "Test Daemon Summary:".to_owned(),
            columns: vec![
                Column::new("SomeColumn", "Some Column", 15),
                Column::new("AnotherColumn", "Another Column", 15),
            ],
            rows: vec![row(1), row(2)],
            no_data_message: String::new(),
        }])
    }
}
