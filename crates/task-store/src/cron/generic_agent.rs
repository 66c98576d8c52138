//! The jobs of the generic agent, which the web interface of an OTRS, Znuny or OTOBO keeps.

use crate::database::arguments;
use crate::database::error::Result;
use crate::store::Store;

/// A job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Its keys with their values, in order; a key may stand several times.
    pub keys: Vec<(String, String)>,
}

impl Job {
    /// All values of a key that are not empty.
    pub fn values(&self, key: &str) -> Vec<&str> {
        self.keys.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }
}

impl Store {
    /// All jobs by name. Where there is no such table there are none.
    pub async fn generic_agent_jobs(&self) -> Result<Vec<Job>> {
        if !self.has_table("generic_agent_jobs").await? {
            return Ok(Vec::new());
        }
        let sql = "SELECT job_name, job_key, job_value FROM generic_agent_jobs ORDER BY job_name, job_key, job_value";
        let mut jobs: Vec<Job> = Vec::new();
        for row in self.rows(sql, arguments![]).await? {
            let name = row.lenient(0);
            if jobs.last().is_none_or(|job| job.name != name) {
                jobs.push(Job { name, keys: Vec::new() });
            }
            if let Some(job) = jobs.last_mut() {
                job.keys.push((row.lenient(1), row.lenient(2)));
            }
        }
        Ok(jobs)
    }

    async fn has_table(&self, name: &str) -> Result<bool> {
        let sql = self.dialect().pick(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
            "SELECT CAST(1 AS bigint) FROM information_schema.tables \
             WHERE table_schema = ANY(current_schemas(false)) AND table_name = ?",
            "SELECT 1 FROM information_schema.tables WHERE table_schema = database() AND table_name = ?",
        );
        Ok(self.row(sql, arguments![name]).await?.is_some())
    }
}
