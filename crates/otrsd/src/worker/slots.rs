//! How many tasks a worker may still claim: a pure decision.

/// The room left of `maximum`, when `running` tasks run and `claimed` ones are about to. What is finished,
/// and only waits to be written down, takes no room.
pub(super) fn free(maximum: u32, running: usize, claimed: usize) -> u32 {
    let taken = u32::try_from(running.saturating_add(claimed)).unwrap_or(u32::MAX);
    maximum.saturating_sub(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_there_are() {
        for (maximum, running, claimed, expected) in
            [(5, 0, 0, 5), (5, 3, 1, 1), (5, 5, 0, 0), (2, 5, 1, 0), (1, usize::MAX, 1, 0)]
        {
            assert_eq!(free(maximum, running, claimed), expected, "{running} and {claimed}");
        }
    }
}
