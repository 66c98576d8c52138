//! The generic agent's jobs as the web interface stores them: which ones are scheduled, and when. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cron_events::{Dialect, Schedule};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use task_store::{Job, MAX_NAME_LENGTH};

use crate::config::cron_tasks::{CronTask, CronWork, MissedRuns};

/// The type of the jobs' tasks.
pub(super) const TYPE: &str = "GenericAgent";
/// Hours of a day.
const HOURS: usize = 24;

/// The jobs that are scheduled.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) tasks: Vec<CronTask>,
    /// The problems of the other jobs.
    pub(super) problems: BTreeSet<String>,
}

/// As the original: a job that is not valid, or lacks one of the three lists, is not scheduled.
///
/// `zone`: the time zone of the schedules.
pub(super) fn planned(jobs: &[Job], zone: &TimeZone) -> Jobs {
    let mut planned = Jobs::default();
    for job in jobs {
        let lists = ["ScheduleMinutes", "ScheduleHours", "ScheduleDays"].map(|key| job.values(key));
        let is_valid = job.values("Valid").iter().any(|value| !matches!(*value, "" | "0"));
        if !is_valid || lists.iter().any(Vec::is_empty) {
            continue;
        }
        match task(job, &lists, zone) {
            Ok(task) => planned.tasks.push(task),
            Err(what) => {
                let name = &job.name;
                planned.problems.insert(format!(
                    "table generic_agent_jobs, job '{name}': {what}; this job is skipped"
                ));
            }
        }
    }
    planned
}

fn task(
    job: &Job,
    [minutes, hours, days]: &[Vec<&str>; 3],
    zone: &TimeZone,
) -> Result<CronTask, String> {
    if job.name.chars().count() > MAX_NAME_LENGTH {
        return Err(format!("its name is longer than {MAX_NAME_LENGTH} characters"));
    }
    // A list of all hours means every hour, including the one that is repeated when the clocks go back.
    let hours = if hours.len() == HOURS { "*".to_owned() } else { hours.join(",") };
    let text = format!("{} {hours} * * {}", minutes.join(","), days.join(","));
    let schedule = Schedule::parse(&text, Dialect::Vixie).map_err(|error| error.to_string())?;
    Ok(CronTask {
        key: job.name.clone(),
        name: job.name.clone(),
        text,
        schedule: schedule.moving_skipped(),
        dialect: Dialect::Vixie,
        zone: zone.clone(),
        missed: MissedRuns::Latest,
        max_parallel: 1,
        work: CronWork::Task { task_type: TYPE.to_owned(), data: data(job) },
    })
}

/// The job's name and keys; a key that occurs several times is a list.
fn data(job: &Job) -> Json {
    let mut keys: BTreeMap<&str, Json> = BTreeMap::new();
    for (key, _) in &job.keys {
        let values = job.values(key);
        let is_list = values.len() > 1 || key.starts_with("Schedule");
        keys.insert(key, if is_list { json!(values) } else { json!(values[0]) });
    }
    keys.insert("Name", json!(job.name));
    json!(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, keys: &[(&str, &str)]) -> Job {
        let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Job { name: name.to_owned(), keys: keys.collect() }
    }

    const CLOCK: [(&str, &str); 4] =
        [("Valid", "1"), ("ScheduleMinutes", "10"), ("ScheduleHours", "3"), ("ScheduleDays", "0")];

    #[test]
    fn a_job_with_all_lists_is_planned() {
        let more =
            [("ScheduleDays", "6"), ("NewQueueID", "5"), ("StateIDs", "1"), ("StateIDs", "2")];
        let jobs = planned(&[job("Close", &[&CLOCK[..], &more].concat())], &TimeZone::UTC);
        let task = &jobs.tasks[0];
        assert_eq!((task.text.as_str(), task.max_parallel), ("10 3 * * 0,6", 1));
        let (task_type, data) = task.payload(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(task_type, "GenericAgent");
        assert_eq!((&data["Name"], &data["NewQueueID"]), (&json!("Close"), &json!("5")));
        assert_eq!(
            (&data["StateIDs"], &data["ScheduleHours"]),
            (&json!(["1", "2"]), &json!(["3"]))
        );
    }

    #[test]
    fn others_are_not() {
        let invalid = [&[("Valid", "0")], &CLOCK[1..]].concat();
        let jobs = planned(
            &[job("A", &invalid), job("B", &CLOCK[..3]), job("C", &CLOCK[1..])],
            &TimeZone::UTC,
        );
        assert!(jobs.tasks.is_empty() && jobs.problems.is_empty());
        let damaged = [&CLOCK[..], &[("ScheduleDays", "Sonntag")]].concat();
        let jobs = planned(
            &[job("Bad", &damaged), job("Good", &CLOCK), job(&"x".repeat(151), &CLOCK)],
            &TimeZone::UTC,
        );
        assert_eq!(jobs.tasks.len(), 1);
        let problems: Vec<_> = jobs.problems.iter().collect();
        assert!(
            problems[0].contains("job 'Bad'") && problems[0].contains("Sonntag"),
            "{problems:?}"
        );
        assert!(problems[1].contains("longer than 150 characters"), "{problems:?}");
    }
}
