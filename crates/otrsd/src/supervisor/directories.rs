//! The daemon's two directories, for the PID file and for the logs. When one is removed, renamed or hidden by a mount
//! while the daemon runs, it is created again, so that the daemon can be found and no second one starts beside it.

use std::{
    fs::{self, File},
    future::pending,
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use nix::sys::inotify::AddWatchFlags;
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Supervisor,
    control::Control,
    module::{Cause, Then},
};
use crate::{
    clock::MonotonicTime,
    config::{
        Configuration, directories,
        log::LogSettings,
        modules::{Kind, SUPERVISOR},
    },
    file_trust::Rule,
    logs::{self, ModuleFiles},
    process::watch::Watch,
};

/// Long enough for a removal of many files to finish.
const SETTLE: Duration = Duration::from_secs(1);
/// The delay before the next attempt when the directories cannot be created.
const AGAIN: Duration = Duration::from_secs(10);

/// The watches, and the identity of the log directory when they were set.
#[derive(Default)]
pub(super) struct Directories {
    watch: Option<Watch>,
    /// Signals priority data when something was mounted or unmounted.
    mounts: Option<AsyncFd<File>>,
    log: Option<(u64, u64)>,
    /// When the directories are checked next.
    pub(super) due: Option<MonotonicTime>,
    /// Why they cannot be created again.
    pub(super) trouble: Option<String>,
}

impl Directories {
    pub(super) fn of(configuration: &Configuration) -> Self {
        let log = &configuration.log.directory;
        // The kernel does not report the removal of a directory while one of its files is open, but it reports the
        // removal of its files.
        let ends = AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM;
        let watch = Watch::new().and_then(|watch| {
            watch.also(&configuration.place.directory, ends)?;
            watch.also(log, ends)?;
            Ok(watch)
        });
        let watch = watch.inspect_err(|error| tracing::warn!("cannot watch directories: {error}"));
        let mounts = mounts().inspect_err(|error| tracing::warn!("cannot watch mounts: {error}"));
        Self {
            watch: watch.ok(),
            mounts: mounts.ok(),
            log: identity(log),
            due: None,
            trouble: None,
        }
    }

    /// Resolves when something was removed there, or mounted anywhere.
    pub(super) async fn changed(&self) {
        tokio::select! {
            () = self.removed() => {}
            () = self.mounted() => {}
        }
    }

    async fn removed(&self) {
        match &self.watch {
            Some(watch) if watch.changed().await.is_ok() => {}
            _ => pending().await,
        }
    }

    async fn mounted(&self) {
        let Some(mounts) = &self.mounts else { return pending().await };
        match mounts.ready(Interest::PRIORITY).await {
            Ok(mut ready) => ready.clear_ready(),
            Err(_) => pending().await,
        }
    }
}

impl Supervisor {
    pub(super) fn look_at_directories_soon(&mut self, now: MonotonicTime) {
        self.directories.due.get_or_insert(now + SETTLE);
    }

    /// Creates missing directories again, when the check is due.
    pub(super) fn keep_directories(&mut self, now: MonotonicTime) {
        if self.stopping.is_some() || self.directories.due.take_if(|due| *due <= now).is_none() {
            return;
        }
        let configuration = Arc::clone(self.configuration());
        let renewed = self
            .renew_place(&configuration, now)
            .and_then(|()| self.renew_logs(&configuration, now));
        match renewed {
            Ok(()) => self.directories = Directories::of(&configuration),
            Err(error) => {
                let text = format!("{error:#}");
                if self.directories.trouble.as_ref() != Some(&text) {
                    tracing::error!("{text}");
                }
                self.directories.trouble = Some(text);
                self.directories.due = Some(now + AGAIN);
            }
        }
    }

    /// Recreates PID file, lock and control socket; the modules have files beside them.
    fn renew_place(
        &mut self,
        configuration: &Configuration,
        now: MonotonicTime,
    ) -> anyhow::Result<()> {
        let place = &configuration.place;
        if self.held.pid_file.is_in_place() && self.held.control.is_in_place() {
            return Ok(());
        }
        let shown = place.directory.display();
        let gone =
            || format!("{shown} or files of the daemon in it are gone, and cannot be made anew");
        logs::make_directory(&place.directory).with_context(gone)?;
        // Another user may have created the directory first.
        let faults = directories::faults(configuration, Rule::own());
        anyhow::ensure!(faults.is_empty(), "{}", faults.join("\n"));
        self.held.pid_file.renew().with_context(gone)?;
        let control = Control::bind(&place.socket()).with_context(gone)?;
        if let Some(calls) = &self.calls {
            control.serve(calls.clone())?;
        }
        self.held.control = control;
        tracing::warn!("{shown} or files of the daemon in it were gone: they are made anew");
        self.renew_modules(|kind| *kind == Kind::Native, "its directory was made anew", now);
        Ok(())
    }

    fn renew_logs(
        &mut self,
        configuration: &Configuration,
        now: MonotonicTime,
    ) -> anyhow::Result<()> {
        let log = &configuration.log;
        if identity(&log.directory).is_some_and(|present| Some(present) == self.directories.log) {
            return Ok(());
        }
        let shown = log.directory.display();
        logs::make_directory(&log.directory)
            .with_context(|| format!("{shown} is gone, and cannot be made anew"))?;
        if self.options.daemonized {
            let own = LogSettings { stderr: true, ..log.clone() };
            ModuleFiles::new(&own, SUPERVISOR, false).reopen_own();
        }
        tracing::warn!("{shown} was gone: it is made anew");
        self.renew_modules(|_| true, "its log directory was made anew", now);
        Ok(())
    }

    fn renew_modules(&mut self, which: fn(&Kind) -> bool, why: &str, now: MonotonicTime) {
        let concerned = self.past.modules.iter().filter(|(_, module)| which(&module.spec.kind));
        for name in concerned.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.end(&name, Cause::asked(why), Then::Start, None, now);
        }
    }
}

/// The list of mounts, which signals priority data on a change.
fn mounts() -> io::Result<AsyncFd<File>> {
    let file = File::open("/proc/self/mountinfo")?;
    #[expect(unsafe_code, reason = "tokio waits for nothing else out of band")]
    // SAFETY: the file is open until it is dropped with its registration.
    let mounts = unsafe { AsyncFd::register_with_interest(file, Interest::PRIORITY) };
    Ok(mounts?)
}

/// The identity of a directory; `None` if there is none.
pub(super) fn identity(directory: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(directory).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
