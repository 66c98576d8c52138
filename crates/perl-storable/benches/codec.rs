//! Nanoseconds to read and to write the payload of a typical task, 1 kB.
//! Run by `cargo bench -p perl-storable`; under `cargo test` it only passes once.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::io::{Write, stdout};
use std::time::Instant;

use perl_storable::{Hash, Key, Value, freeze, thaw};

/// Of so many runs the median counts.
const RUNS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let value = payload();
    let image = freeze(&value)?;
    let passes = if std::env::args().any(|argument| argument == "--bench") { 20_000 } else { 1 };
    let read = nanoseconds(passes, || thaw(&image).map(drop))?;
    let written = nanoseconds(passes, || freeze(&value).map(drop))?;
    let size = image.len();
    writeln!(stdout(), "payload {size} bytes: thaw {read} ns, freeze {written} ns")?;
    Ok(())
}

fn nanoseconds<E>(passes: u32, mut work: impl FnMut() -> Result<(), E>) -> Result<u128, E> {
    let mut runs = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begin = Instant::now();
        for _ in 0..passes {
            black_box(work())?;
        }
        runs.push(begin.elapsed().as_nanos() / u128::from(passes));
    }
    runs.sort_unstable();
    Ok(runs[RUNS / 2])
}

/// An asynchronous call on a ticket, as event handlers queue it.
fn payload() -> Value {
    let fields = (0..12).map(|number| {
        let key = Key::from(format!("DynamicField_Number{number}").as_str());
        (key, Value::from(format!("value {number} of a field").as_str()))
    });
    let ticket = [
        ("TicketID", Value::Int(123_456)),
        ("TicketNumber", Value::from("2026112310000017")),
        ("Title", Value::from("Größere Störung im Rechenzentrum")),
        ("Queue", Value::from("Support::Level 2")),
        ("CustomerUserID", Value::from("customer@example.com")),
        ("Created", Value::from("2026-11-23 12:00:00")),
        ("Lock", Value::Undef),
        ("DynamicFields", Value::Hash(fields.collect())),
        ("ArticleIDs", Value::Array((1000..1020).map(Value::Int).collect())),
    ];
    let call = [
        ("Object", Value::from("Kernel::System::Ticket::Event::NotificationEvent")),
        ("Function", Value::from("Run")),
        ("Params", Value::Hash(named(ticket))),
    ];
    Value::Hash(named(call))
}

fn named<const N: usize>(pairs: [(&str, Value); N]) -> Hash {
    pairs.into_iter().map(|(key, value)| (Key::from(key), value)).collect()
}
