//! The slots of a worker: pure decisions on how many tasks it may still start and claim.

/// The free slots of `maximum`, when `running` tasks run here, and `elsewhere` more occupy slots of this node. A task
/// that is finished, and is only to be recorded, occupies none.
pub(super) fn room(maximum: u32, running: usize, elsewhere: u64) -> u32 {
    let here = u32::try_from(running).unwrap_or(u32::MAX);
    let there = u32::try_from(elsewhere).unwrap_or(u32::MAX);
    maximum.saturating_sub(here).saturating_sub(there)
}

/// How many tasks to claim when `line` tasks are queued already: `ahead` may be queued beyond those that start at once.
pub(super) fn wanted(room: u32, line: usize, ahead: u32) -> u32 {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    room.saturating_add(ahead).saturating_sub(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_run_than_may() {
        for (maximum, running, elsewhere, expected) in [
            (5, 0, 0, 5),
            (5, 3, 1, 1),
            (5, 1, 9, 0),
            (5, 5, 0, 0),
            (2, 5, 0, 0),
            (1, usize::MAX, u64::MAX, 0),
        ] {
            let room = room(maximum, running, elsewhere);
            assert_eq!(room, expected, "{running} and {elsewhere}");
        }
    }

    #[test]
    fn the_line_is_filled_up() {
        for (room, line, ahead, expected) in [
            (5, 0, 0, 5),
            (0, 0, 0, 0),
            (0, 3, 10, 7),
            (2, 3, 10, 9),
            (2, 3, 0, 0),
            (0, usize::MAX, u32::MAX, 0),
            (9, 0, u32::MAX, u32::MAX),
        ] {
            assert_eq!(wanted(room, line, ahead), expected, "{room}, {line}, {ahead}");
        }
    }
}
