//! The picture as SVG, with the hours above it, and the legend.

use jiff::{Timestamp, ToSpan as _, Unit, tz::TimeZone};
use maud::{Markup, html};

use super::picture::{BINS, DAY, Kind, Mark, Picture};

/// The width of a bin.
const WIDTH: usize = 2;
const HEIGHT: usize = 22;
const KINDS: [Kind; 7] =
    [Kind::Ran, Kind::Late, Kind::Failed, Kind::Skipped, Kind::Missed, Kind::Running, Kind::Due];

pub(super) fn legend() -> Markup {
    html! {
        ul.legend {
            @for kind in KINDS { li class=(kind.as_str()) { span.swatch {} (name(kind)) } }
        }
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Due => "to come",
        Kind::Ran => "ran on time",
        Kind::Running => "waits or runs",
        Kind::Late => "late",
        Kind::Skipped => "skipped, with a reason",
        Kind::Failed => "ran and failed",
        Kind::Missed => "missed",
    }
}

/// A mark every six hours, in the time zone of this host.
pub(super) fn hours(now: Timestamp, zone: &TimeZone) -> Markup {
    let full = BINS * WIDTH;
    let mut ticks = Vec::new();
    let begin = now - DAY;
    let mut at = begin.to_zoned(zone.clone()).round(Unit::Hour).ok();
    while let Some(time) = at.filter(|time| time.timestamp() < now + DAY) {
        let share =
            time.timestamp().duration_since(begin).as_secs_f64() / (2.0 * DAY.as_secs_f64());
        // Neither over the edges nor over "now".
        let has_room = (0.02..0.98).contains(&share) && (share - 0.5).abs() > 0.03;
        if time.hour() % 6 == 0 && has_room {
            ticks.push((
                share * full as f64,
                time.strftime(if time.hour() == 0 { "%a" } else { "%H" }).to_string(),
            ));
        }
        at = time.checked_add(1.hour()).ok();
    }
    html! {
        span.sr { "The last and the next 24 hours" }
        svg.hours viewBox=(format!("0 0 {full} 16")) aria-hidden="true" {
            @for (x, text) in &ticks { text x=(format!("{x:.0}")) y="12" { (text) } }
            text.now x=(full / 2) y="12" { "now" }
        }
    }
}

pub(super) fn strip(task: &str, picture: &Picture, paused: bool, now: Timestamp) -> Markup {
    let full = BINS * WIDTH;
    html! {
        svg.days.paused[paused] viewBox=(format!("0 0 {full} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label(task, picture)) {
            rect.ground x="0" y="0" width=(full) height=(HEIGHT) rx="3" {}
            @for mark in &picture.marks {
                rect class=(mark.kind.as_str()) x=(mark.first * WIDTH) y="3" width=(mark.bins * WIDTH) height=(HEIGHT - 6) {
                    title { (told(mark, now)) }
                }
            }
            line.now x1=(full / 2) x2=(full / 2) y1="0" y2=(HEIGHT) {}
        }
    }
}

fn label(task: &str, picture: &Picture) -> String {
    let told: Vec<String> = KINDS
        .iter()
        .filter_map(|kind| Some(format!("{} {}", picture.totals.get(kind)?, name(*kind))))
        .collect();
    let told = if told.is_empty() { "nothing was or is due".to_owned() } else { told.join(", ") };
    format!("{task}, the last and the next 24 hours: {told}")
}

fn told(mark: &Mark, now: Timestamp) -> String {
    let at = |bin: usize| {
        let seconds = i64::try_from(bin).unwrap_or(0) * 600;
        let time = now - DAY + jiff::SignedDuration::from_secs(seconds);
        time.to_zoned(TimeZone::system()).strftime("%a %H:%M").to_string()
    };
    let (from, to) = (at(mark.first), at(mark.first + mark.bins));
    format!("{from} – {to}: {} {}", mark.instants, name(mark.kind))
}
