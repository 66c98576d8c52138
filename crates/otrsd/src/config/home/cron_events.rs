//! The time zone in which an installation reads schedules. Its own Perl is probed, because no version number tells.
//!
//! Znuny from 6.5.12 and from 7.1.4 interprets the fields as times of `OTRSTimeZone`; earlier releases, OTRS and OTOBO
//! interpret them in UTC. The probes are times at which the two differ, also around both changes of the clocks. An
//! answer that fits neither means that the installation computes schedules in a way of its own; then its own managers
//! run.

use std::sync::OnceLock;

use cron_events::{Dialect, Schedule};
use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use sysconfig::{Origin, Setting, SysConfig, Value};
use task_store::wall_clock;

use crate::config::{
    database,
    home::{Home, question::ask_with},
    text,
};

const SCRIPT: &str = include_str!("perl/cron_events.pl");
/// The setting with the result, so that one process probes for all that are started with a configuration.
const SETTING: &str = "HomeCronEvents";
const UTC: &str = "UTC";
const ZONE: &str = "OTRSTimeZone";

/// The year of the probes, fixed so that every node gets the same answer.
const YEAR: &str = "2027-01-01T12:00:00Z";
/// The distances of the probes from a change of the clocks: outside of the hour that is skipped or repeated, where
/// Perl's `CronEvent` may give inconsistent answers for neighbouring times.
const AROUND: [SignedDuration; 2] = [SignedDuration::from_hours(-3), SignedDuration::from_hours(6)];

/// How an installation reads schedules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CronEvents {
    /// In UTC.
    Utc,
    /// In `OTRSTimeZone`.
    Zone,
    /// In another way, or its Perl does not answer, with the reason.
    Other(String),
}

impl CronEvents {
    fn text(&self) -> &str {
        match self {
            Self::Utc => UTC,
            Self::Zone => ZONE,
            Self::Other(why) => why,
        }
    }

    fn of_text(text: &str) -> Self {
        match text {
            UTC => Self::Utc,
            ZONE => Self::Zone,
            why => Self::Other(why.to_owned()),
        }
    }
}

/// The time zone of all schedules that name none.
pub(crate) fn zone(settings: &SysConfig) -> TimeZone {
    match of(settings) {
        CronEvents::Zone => database::zone(settings).unwrap_or(TimeZone::UTC),
        CronEvents::Utc | CronEvents::Other(_) => TimeZone::UTC,
    }
}

/// Why the managers of scheduled tasks must be the installation's own, if it is known that they must.
pub(crate) fn foreign(settings: &SysConfig) -> Option<String> {
    match CronEvents::of_text(text(settings, SETTING)?) {
        CronEvents::Other(why) => Some(why),
        CronEvents::Utc | CronEvents::Zone => None,
    }
}

/// The result as a setting, where probing is needed.
pub(crate) fn setting(settings: &SysConfig) -> Option<Setting> {
    let home = Home::of(settings)?;
    let zone = database::zone(settings).ok().filter(|zone| !is_same(zone))?;
    Some(Setting {
        name: SETTING.to_owned(),
        value: Value::Text(ask(&home, &zone).text().to_owned()),
        valid: true,
        required: true,
        read_only: false,
        origin: Origin::named(&home.configuration()),
    })
}

/// The result in the settings. A command that only reads the settings probes when the result matters.
fn of(settings: &SysConfig) -> CronEvents {
    static ASKED: OnceLock<CronEvents> = OnceLock::new();
    if let Some(known) = text(settings, SETTING) {
        return CronEvents::of_text(known);
    }
    let Some(home) = Home::of(settings) else { return CronEvents::Utc };
    match database::zone(settings).ok().filter(|zone| !is_same(zone)) {
        Some(zone) => ASKED.get_or_init(|| ask(&home, &zone)).clone(),
        None => CronEvents::Utc,
    }
}

fn ask(home: &Home, zone: &TimeZone) -> CronEvents {
    let probes = probes(zone);
    match answers(home, &probes) {
        Ok(answers) => judged(&probes, &answers, zone),
        Err(error) => {
            CronEvents::Other(format!("its Kernel::System::CronEvent gave no answer: {error:#}"))
        }
    }
}

/// A schedule, and the second after and before which its scheduled times are asked for.
type Probe = (String, i64);
/// The wall clock times of the next and the previous scheduled time.
type Answer = [Option<String>; 2];

fn answers(home: &Home, probes: &[Probe]) -> anyhow::Result<Vec<Answer>> {
    let argv = home.perl(SCRIPT, &[] as &[&str]);
    let (answer, complaint) = ask_with(&argv, home.directory(), &serde_json::to_vec(probes)?)?;
    match serde_json::from_slice(&answer) {
        Ok(answers) => Ok(answers),
        Err(_) if !complaint.is_empty() => anyhow::bail!(complaint),
        Err(error) => anyhow::bail!("what Perl answered is no JSON: {error}"),
    }
}

/// Whether both zones are the same.
fn is_same(zone: &TimeZone) -> bool {
    let probes = probes(zone);
    expected(&probes, zone, zone) == expected(&probes, &TimeZone::UTC, zone)
}

/// A fixed time that each change of the clocks skips or repeats, and one of every hour, probed around the changes and
/// in each quarter of the year.
fn probes(zone: &TimeZone) -> Vec<Probe> {
    let Ok(start) = YEAR.parse::<Timestamp>() else { return Vec::new() };
    let hours = |hours: i64| start + SignedDuration::from_hours(hours);
    let mut instants: Vec<Timestamp> = (0..4).map(|quarter| hours(quarter * 24 * 91)).collect();
    let mut schedules = vec!["30 2 * * *".to_owned(), "*/20 * * * *".to_owned()];
    let changes = zone.following(start).take_while(|change| change.timestamp() < hours(24 * 365));
    for change in changes {
        let at = change.timestamp();
        let before = zone.to_offset(at - SignedDuration::from_secs(1));
        let by = i64::from(change.offset().seconds() - before.seconds());
        // The middle of the skipped time, in terms of the clocks before the change, or of the time that the clocks show
        // twice.
        let middle = before.to_datetime(at).saturating_add((by / 2).seconds());
        schedules.push(format!("{} {} * * *", middle.minute(), middle.hour()));
        instants.extend(AROUND.map(|distance| at + distance));
    }
    let at = |instant: &Timestamp| instant.as_second();
    schedules
        .iter()
        .flat_map(|it| instants.iter().map(|instant| (it.clone(), at(instant))))
        .collect()
}

fn expected(probes: &[Probe], zone: &TimeZone, shown: &TimeZone) -> Vec<Answer> {
    let one = |(schedule, second): &Probe| {
        let parsed = Schedule::parse(schedule, Dialect::Perl).ok().map(Schedule::moving_skipped);
        let at = Timestamp::from_second(*second).unwrap_or_default();
        let due =
            [parsed.and_then(|it| it.next(at, zone)), parsed.and_then(|it| it.previous(at, zone))];
        due.map(|due| due.map(|due| wall_clock(due.instant, shown)))
    };
    probes.iter().map(one).collect()
}

/// The zone whose scheduled times match the answers.
fn judged(probes: &[Probe], answers: &[Answer], zone: &TimeZone) -> CronEvents {
    let utc = expected(probes, &TimeZone::UTC, zone);
    if answers == utc {
        return CronEvents::Utc;
    }
    let local = expected(probes, zone, zone);
    if answers == local {
        return CronEvents::Zone;
    }
    CronEvents::Other(difference(probes, answers, [&utc, &local]))
}

/// The first answer that is neither in UTC nor in the zone, or else the first that is not in the zone.
fn difference(probes: &[Probe], answers: &[Answer], [utc, local]: [&[Answer]; 2]) -> String {
    let is_foreign =
        |it: &usize| answers.get(*it) != utc.get(*it) && answers.get(*it) != local.get(*it);
    let is_odd = |it: &usize| answers.get(*it) != local.get(*it);
    let all = 0..probes.len();
    let Some(odd) = all.clone().find(is_foreign).or_else(|| all.clone().find(is_odd)) else {
        return "its Kernel::System::CronEvent answered more than it was asked".to_owned();
    };
    let (schedule, second) = &probes[odd];
    let at = Timestamp::from_second(*second).unwrap_or_default();
    let said = |answers: &[Answer]| {
        let words = answers.get(odd).into_iter().flatten();
        words.map(|it| it.as_deref().unwrap_or("nothing")).collect::<Vec<_>>().join(" and ")
    };
    let (answered, utc, local) = (said(answers), said(utc), said(local));
    format!(
        "its Kernel::System::CronEvent says that '{schedule}' is due next and before {at} at {answered}: \
         in UTC that is {utc}, in OTRSTimeZone {local}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[test]
    fn the_probes_tell_the_ways_apart() {
        let zone = berlin();
        let probes = probes(&zone);
        let fixed: std::collections::BTreeSet<_> =
            probes.iter().map(|(it, _)| it.as_str()).collect();
        assert_eq!(fixed.len(), 2, "02:30 is skipped and repeated: {fixed:?}");
        let [utc, local] = [&TimeZone::UTC, &zone].map(|it| expected(&probes, it, &zone));
        assert_eq!(judged(&probes, &utc, &zone), CronEvents::Utc);
        assert_eq!(judged(&probes, &local, &zone), CronEvents::Zone);
        // Each single answer counts.
        for number in 0..probes.len() {
            let mut odd = local.clone();
            odd[number][1] = Some("2027-02-03 04:05:06".to_owned());
            let CronEvents::Other(why) = judged(&probes, &odd, &zone) else { panic!("{number}") };
            assert!(why.contains("04:05:06") && why.contains(&probes[number].0), "{why}");
        }
        assert!(matches!(judged(&probes, &local[1..], &zone), CronEvents::Other(_)));
        assert!(matches!(judged(&probes, &[], &zone), CronEvents::Other(_)));
    }

    /// Where the clocks always show UTC no probe is needed.
    #[test]
    fn who_is_asked() {
        for (name, expected) in [
            ("UTC", true),
            ("Africa/Abidjan", true),
            ("Europe/London", false),
            ("Asia/Kolkata", false),
            ("Australia/Lord_Howe", false),
            ("America/Havana", false),
        ] {
            assert_eq!(is_same(&TimeZone::get(name).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn an_answer_is_a_setting() {
        for it in [CronEvents::Utc, CronEvents::Zone, CronEvents::Other("odd".to_owned())] {
            assert_eq!(CronEvents::of_text(it.text()), it);
        }
    }
}
