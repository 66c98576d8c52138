//! Small parts that many pages share.

use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use crate::text::time;

/// The result of the preceding action, as a fixed word in the query of a page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Said {
    pub(super) said: String,
}

/// A state or an outcome, as a coloured word.
pub(super) fn badge(word: &str) -> Markup {
    let kind = match word {
        "running" | "starting" => "live",
        "success" | "ran" | "ran-elsewhere" | "ready" => "good",
        "failed" | "crashed" | "crashed-together" | "timed-out" | "quarantined" | "refused"
        | "missed" => "bad",
        "retry" | "postponed" | "no-handler" | "stopping" | "degraded" | "interrupted"
        | "skipped" | "late" | "paused" => "warn",
        _ => "calm",
    };
    html! { span class=(format!("badge {kind}")) { (word) } }
}

/// A time: how long ago or ahead, with the full time as tooltip.
pub(super) fn moment(time: Option<Timestamp>, now: Timestamp) -> Markup {
    let Some(at) = time else { return html! { span.none { "–" } } };
    let text = if at > now {
        format!("in {}", time::age(now, at))
    } else {
        format!("{} ago", time::age(at, now))
    };
    html! { time datetime=(at) title=(time::local(at)) { (text) } }
}

/// Kilobytes for display.
pub(super) fn memory(kilobytes: Option<u64>) -> String {
    kilobytes.map_or_else(|| "–".to_owned(), |it| format!("{:.1} MB", it as f64 / 1024.0))
}

/// Milliseconds for display.
pub(super) fn milliseconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.1} ms"),
        Some(ms) if ms < 10_000.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{:.1} s", ms / 1000.0),
    }
}

/// A number with spaces between its thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (given, text) in
            [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (1_234_567, "1\u{202f}234\u{202f}567")]
        {
            assert_eq!(number(given), text);
        }
    }
}
