//! The backoff of a failed task until its next attempt: a pure decision.

use std::time::Duration;

/// The pause after failure number `failures` (1 is the first): `first`, doubling up to `longest`. `jitter`, from 0 to
/// 1, subtracts up to a quarter, so that tasks that failed together are not retried together.
pub(super) fn delay(first: Duration, longest: Duration, failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    let pause = first.saturating_mul(1 << doublings).min(longest);
    pause.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_up_to_the_longest() {
        let seconds = Duration::from_secs;
        for (failures, jitter, expected) in [
            (0, 0.0, seconds(10)),
            (1, 0.0, seconds(10)),
            (2, 0.0, seconds(20)),
            (3, 0.0, seconds(40)),
            (4, 0.0, seconds(60)),
            (u32::MAX, 0.0, seconds(60)),
            (3, 1.0, seconds(30)),
        ] {
            let pause = delay(seconds(10), seconds(60), failures, jitter);
            assert_eq!(pause, expected, "{failures} failures, jitter {jitter}");
        }
    }
}
