//! Small charts as SVG, drawn without script or library.

use maud::{Markup, html};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 56.0;

/// One line of a chart.
pub(in crate::web) struct Line<'a> {
    /// For its colour.
    pub(in crate::web) class: &'a str,
    /// A missing value is a gap.
    pub(in crate::web) values: Vec<Option<f64>>,
}

/// A chart of lines over the same points in time, each `seconds` before now; all share one scale from zero.
pub(in crate::web) fn lines(label: &str, seconds: &[f64], lines: &[Line<'_>]) -> Markup {
    let highest =
        lines.iter().flat_map(|it| it.values.iter().flatten()).fold(0.0, |a: f64, b| a.max(*b));
    let top = nice(highest);
    let longest = seconds.iter().fold(1.0, |a: f64, b| a.max(*b));
    let place = |second: f64, value: f64| {
        (WIDTH - second / longest * WIDTH, HEIGHT - 1.0 - value / top * (HEIGHT - 4.0))
    };
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
            line.base x1="0" x2=(WIDTH) y1=(HEIGHT - 0.5) y2=(HEIGHT - 0.5) {}
            @for line in lines {
                @let points = points(seconds, &line.values, place);
                @if points.len() > 1 {
                    path class=(format!("area {}", line.class)) d=(area(&points)) {}
                    path class=(format!("line {}", line.class)) d=(path(&points)) {}
                }
            }
        }
    }
}

fn points(
    seconds: &[f64],
    values: &[Option<f64>],
    place: impl Fn(f64, f64) -> (f64, f64),
) -> Vec<(f64, f64)> {
    let known = seconds.iter().zip(values).filter_map(|(second, value)| Some((*second, (*value)?)));
    known.map(|(second, value)| place(second, value)).collect()
}

fn path(points: &[(f64, f64)]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (number, (x, y)) in points.iter().enumerate() {
        let _ = write!(text, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    text
}

fn area(points: &[(f64, f64)]) -> String {
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    format!("{}L{last:.1} {HEIGHT}L{first:.1} {HEIGHT}Z", path(points))
}

/// The next of 1, 2, 5, 10, … above: a scale that does not jump with each value.
fn nice(value: f64) -> f64 {
    let mut top = 1.0;
    while top < value {
        top *= if format!("{top:e}").starts_with('2') { 2.5 } else { 2.0 };
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round() {
        for (value, top) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.5, 2.0),
            (3.0, 5.0),
            (7.0, 10.0),
            (11.0, 20.0),
            (900.0, 1000.0),
        ] {
            assert!((nice(value) - top).abs() < 0.01, "{value}: {}", nice(value));
        }
    }

    #[test]
    fn a_chart_needs_two_points() {
        let line = |values| [Line { class: "a", values }];
        let drawn =
            lines("x", &[2.0, 1.0, 0.0], &line(vec![Some(0.0), None, Some(1.0)])).into_string();
        assert!(drawn.contains("M0.0 55.0L300.0 3.0"), "{drawn}");
        let empty = lines("x", &[0.0], &line(vec![Some(1.0)])).into_string();
        assert!(!empty.contains("path"), "{empty}");
    }
}
