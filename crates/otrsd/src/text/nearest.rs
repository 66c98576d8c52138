//! The known name that an unknown one most likely stands for.

use strsim::damerau_levenshtein;

/// The nearest of the known names, if the other is close enough to be a typo: one letter in five may differ, ignoring
/// case.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let most = (name.chars().count() / 5).clamp(1, 3);
    known
        .filter(|it| it.len().abs_diff(name.len()) <= most)
        .map(|it| (it.to_lowercase(), it))
        .filter(|(known, _)| letters_apart(&lower, known) <= most)
        .map(|(known, it)| (damerau_levenshtein(&lower, &known), it))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, it)| it)
}

/// The number of letters that one name has and the other lacks: a lower bound of the edit distance that is quickly
/// computed. An installation has thousands of names that otrsd does not read.
fn letters_apart(one: &str, other: &str) -> usize {
    let mut counts = [0_isize; 128];
    one.chars().for_each(|letter| counts[letter as usize % 128] += 1);
    other.chars().for_each(|letter| counts[letter as usize % 128] -= 1);
    let of = |sign: isize| counts.iter().map(|it| (sign * it).max(0).unsigned_abs()).sum::<usize>();
    of(1).max(of(-1))
}

/// A question about the nearest known name, to be appended to a message; empty if none is near.
pub(crate) fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |it| format!("; is '{it}' meant?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_has_a_nearest_name() {
        let known = ["Timeout", "RetryDelay", "RetryDelayMax", "Data", "NodeID"];
        for (name, expected) in [
            ("TimeOut", Some("Timeout")),
            ("Tiemout", Some("Timeout")),
            ("RetryDelayMx", Some("RetryDelayMax")),
            ("retrydelay", Some("RetryDelay")),
            ("NodeId", Some("NodeID")),
            ("Date", Some("Data")),
            ("Host", None),
            ("Timéout", Some("Timeout")),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
    }
}
