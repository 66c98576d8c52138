//! An instrumented function: its panics are caught, and its processor time is measured.

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use crate::{clock, handler::TaskError};

/// The result of a function, or the text of its panic.
pub(super) type End = Result<Result<(), TaskError>, String>;

/// Measures the processor time of the function's thread while it is polled; work that it gives to other threads is not
/// counted.
pub(super) struct Instrumented {
    function: Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>,
    cpu: Cpu,
}

/// Nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Cpu(Arc<AtomicU64>);

impl Instrumented {
    pub(super) fn new(
        function: impl Future<Output = Result<(), TaskError>> + Send + 'static,
        cpu: Cpu,
    ) -> Self {
        Self { function: Box::pin(function), cpu }
    }
}

impl Cpu {
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or_default();
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Future for Instrumented {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        let before = clock::of_this_thread();
        let function = self.function.as_mut();
        let polled = panic::catch_unwind(AssertUnwindSafe(|| function.poll(context)));
        self.cpu.add(clock::of_this_thread().saturating_sub(before));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(panicked(&*payload))),
        }
    }
}

thread_local! {
    /// The location of this thread's last panic.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Only the panic hook is told the location of a panic.
pub(super) fn remember_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PLACE.set(info.location().map(ToString::to_string));
            before(info);
        }));
    });
}

fn panicked(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = PLACE.take().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("panicked{place}: {}", text.unwrap_or("without a text"))
}
