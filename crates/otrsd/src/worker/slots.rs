//! How many tasks a worker may still claim: a pure decision.

/// The room left of `maximum`, when `running` tasks run, `claimed` ones are about to, and `elsewhere` on this
/// node earlier lives still have some. What is finished, and only waits to be written down, takes no room.
pub(super) fn free(maximum: u32, running: usize, claimed: usize, elsewhere: u64) -> u32 {
    let here = u32::try_from(running.saturating_add(claimed)).unwrap_or(u32::MAX);
    let there = u32::try_from(elsewhere).unwrap_or(u32::MAX);
    maximum.saturating_sub(here).saturating_sub(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_there_are() {
        for (maximum, running, claimed, elsewhere, expected) in [
            (5, 0, 0, 0, 5),
            (5, 3, 1, 0, 1),
            (5, 2, 1, 1, 1),
            (5, 1, 0, 9, 0),
            (5, 5, 0, 0, 0),
            (2, 5, 1, 0, 0),
            (1, usize::MAX, 1, u64::MAX, 0),
        ] {
            let free = free(maximum, running, claimed, elsewhere);
            assert_eq!(free, expected, "{running}, {claimed} and {elsewhere}");
        }
    }
}
