//! A sleep until a time of day, whatever happens to the clocks meanwhile.

use std::{io, os::fd::OwnedFd};

use jiff::Timestamp;
use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use tokio::io::{Interest, unix::AsyncFd};

/// Resolves at `due`, or as soon as the clock is set: the caller must then check again what is due.
pub(super) async fn wait(due: Timestamp) -> io::Result<()> {
    let timer =
        TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
    let at = TimeSpec::new(due.as_second(), due.subsec_nanosecond().into());
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    timer.set(Expiration::OneShot(at), flags)?;
    #[expect(unsafe_code, reason = "tokio wants to be told that the descriptor stays open")]
    // SAFETY: the owned descriptor is closed with the `AsyncFd` that holds it, and not before.
    let timer =
        unsafe { AsyncFd::register_with_interest(OwnedFd::from(timer), Interest::READABLE) }?;
    timer.readable().await.map(drop)
}
