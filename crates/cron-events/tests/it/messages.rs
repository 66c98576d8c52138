//! What a person reads who wrote a schedule that is none.

use cron_events::{Dialect, Schedule};

const VIXIE: [(&str, &str); 11] = [
    ("61 * * * *", r#"minute "61": "61" is no minute"#),
    ("0 0 * * funday", r#"day of week "funday": "funday" is no day of week"#),
    ("0 5-1 * * *", r#"hour "5-1": the range 5-1 runs backwards"#),
    ("5/10 * * * *", r#"minute "5/10": a step needs * or a range before it, not "5""#),
    ("*/0 * * * *", r#"minute "*/0": a step of 0"#),
    ("1,,2 * * * *", r#"minute "1,,2": a value is missing"#),
    ("0~9 * * * *", r#"minute "0~9": random ranges (~) would differ from node to node"#),
    ("@reboot", r#""@reboot": names no time: a schedule has no host that boots"#),
    ("60 * * * * *", r#"second "60": "60" is no second"#),
    (
        "* * * *",
        r#"schedule "* * * *" has 4 fields, expected five, six with seconds first, or one @name"#,
    ),
    ("0 0 31 feb *", r#"no month has such a day: day of month "31" in month "feb" never comes"#),
];

const PERL: [(&str, &str); 7] = [
    (
        "0 0 * * MON",
        r#"day of week "MON": names no value from 0 to 7 (names of months and days do not count"#,
    ),
    ("0 24 * * *", r#"hour "24": 24 is above 23"#),
    ("0 0 * * 7,7", r#"day of week "7,7": 7 is named twice"#),
    ("*/00 * * * *", r#"minute "*/00": a step of 0"#),
    ("@daily", r#"schedule "@daily" has 1 fields, expected five"#),
    ("# nightly", r##""# nightly" is a comment, expected a schedule: minute hour"##),
    ("MAILTO=root", r#""MAILTO=root" is a variable setting, expected a schedule: minute hour"#),
];

#[test]
fn errors_name_the_field_and_its_text() {
    for (dialect, rows) in [(Dialect::Vixie, &VIXIE[..]), (Dialect::Perl, &PERL[..])] {
        for (text, message) in rows {
            let error = Schedule::parse(text, dialect).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}

#[test]
fn errors_end_with_what_is_allowed() {
    let list = "*, a-b, */step, a-b/step, separated by commas";
    for (text, values) in [
        ("x * * * *", "0-59"),
        ("* x * * *", "0-23"),
        ("* * x * *", "1-31"),
        ("* * * x *", "1-12 or jan-dec"),
        ("* * * * x", "0-7 or sun-sat"),
    ] {
        let error = Schedule::parse(text, Dialect::Vixie).unwrap_err().to_string();
        assert!(error.ends_with(&format!("; allowed is {values}, {list}")), "{error}");
        let error = Schedule::parse(text, Dialect::Perl).unwrap_err().to_string();
        let allowed = "numbers, *, a-b, each with /step, and !n, <n, >n, separated by commas";
        assert!(error.ends_with(&format!("; allowed is {allowed}")), "{error}");
    }
}

#[test]
fn a_text_longer_than_any_schedule_is_refused_unread() {
    let text = "1,".repeat(100_000);
    for dialect in [Dialect::Perl, Dialect::Vixie] {
        let message = Schedule::parse(&text, dialect).unwrap_err().to_string();
        assert_eq!(message, "schedule of 200000 bytes is too long: at most 1000 are read");
    }
}
