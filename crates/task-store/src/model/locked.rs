//! The three tables whose rows have locks.

/// The table of a lock.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Locked {
    /// `scheduler_task`
    Task,
    /// `scheduler_future_task`
    Future,
    /// `scheduler_recurrent_task`
    Recurrent,
}

impl Locked {
    /// Its name.
    pub fn table(self) -> &'static str {
        match self {
            Self::Task => "scheduler_task",
            Self::Future => "scheduler_future_task",
            Self::Recurrent => "scheduler_recurrent_task",
        }
    }
}
