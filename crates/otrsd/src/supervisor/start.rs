//! The start: from a configuration to a running supervisor, or to one that takes over from an earlier image.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::{CString, OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use nix::sys::{
    prctl::{set_child_subreaper, set_name},
    signal::SigSet,
    stat::{Mode, umask},
};
use thiserror::Error;
use tokio::runtime;

use super::{
    Held, MEMORY_CHECK, Options, Sealed, Supervisor,
    cgroup::Cgroup,
    control::Control,
    daemonize,
    directories::Directories,
    event::Signals,
    guard::{self, Guard},
    image::Image,
    inbox::Inbox,
    log,
    module::Module,
    replace,
    restart::Streak,
    state::{self, Past, State},
    systemd::{self, ServiceManager},
    watch::Watches,
};
use crate::{
    clock,
    config::natives::Natives,
    config::{self, Configuration, generation::Generation, home::Home, identity, sources::Sources},
    logs,
    process::{
        self,
        pid_file::{PidFile, Taken},
        sweep,
    },
};

/// Why a supervisor did not start.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// A daemon with this `NodeID` already runs.
    #[error("{}", already(*.0))]
    AlreadyRunning(Option<i32>),
    /// The settings cannot be used.
    #[error("{0:#}")]
    Configuration(anyhow::Error),
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

fn already(pid: Option<i32>) -> String {
    match pid {
        Some(pid) => format!("already running (PID {pid})"),
        None => "already running".to_owned(),
    }
}

/// Runs the daemon until it has stopped.
pub(crate) fn run(options: Options, natives: Natives, sources: Sources) -> Result<(), StartError> {
    name_process();
    let _ = process::write_no_core();
    let inherited = State::inherited().context("this version cannot take over")?;
    if inherited.is_none() {
        daemonize::shed_descriptors();
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no event loop")?;
    runtime.block_on(async {
        let signals = Signals::listen().context("cannot listen to signals")?;
        // An earlier image, or the caller, blocked them.
        SigSet::all().thread_unblock().map_err(anyhow::Error::from)?;
        let supervisor = match inherited {
            Some(state) => resume(state, options, natives, sources)?,
            None => begin(options, natives, sources)?,
        };
        Ok(supervisor.run(signals).await?)
    })
}

fn begin(options: Options, natives: Natives, sources: Sources) -> Result<Supervisor, StartError> {
    if options.daemonized {
        // A daemon must not keep a file system busy.
        env::set_current_dir("/").map_err(anyhow::Error::from)?;
    }
    if sources.home.is_none() {
        keep_files_private();
    }
    let stamp = sources.stamp();
    let configuration =
        config::load_to_run(&sources, &natives).map_err(StartError::Configuration)?;
    let pid_path = prepare(&configuration)?;
    let pid_file = match PidFile::take(&pid_path)? {
        Taken::Free(file) => file,
        Taken::By(pid) => return Err(StartError::AlreadyRunning(pid)),
    };
    // Its files may have been removed while it runs; it creates them again.
    if let Some(pid) = guard::supervisor(&sources) {
        return Err(StartError::AlreadyRunning(Some(pid)));
    }
    log::open(&configuration.log, options.daemonized)
        .context("cannot write the supervisor's log")?;
    for problem in &configuration.problems {
        tracing::warn!("{problem}");
    }
    set_child_subreaper(true).map_err(anyhow::Error::from)?;
    let cgroup = Cgroup::delegated(&configuration.place);
    let place = pid_file.mark().map_err(anyhow::Error::from)?;
    end_leftovers(&place, cgroup.as_ref());
    let run = format!("{place}{}", random().context("no random number")?);
    let guard = Guard::start(&program(), &run, &sources).context("cannot start the guard")?;
    let control = Control::bind(&configuration.place.socket())?;
    let held = Held { pid_file, control, inbox: Inbox::open()?, guard, cgroup };
    let generation = Generation::seal(&configuration)?;
    let now = clock::now();
    let modules = configuration.modules.iter();
    let past = Past {
        modules: modules.map(|it| (it.name.clone(), Module::new(it.clone(), now))).collect(),
        draining: Vec::new(),
        started: clock::now_utc(),
        run,
        host: identity::host().unwrap_or_default(),
        last_instance: 0,
        image: 0,
    };
    let generations = [(0, Sealed { configuration: Arc::new(configuration), generation })].into();
    let mut supervisor = assemble(options, natives, sources, past, (held, generations));
    supervisor.stamp = stamp;
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!("otrsd {version} started (PID {})", std::process::id());
    supervisor.on_time(now);
    if supervisor.options.daemonized {
        daemonize::report_started().context("cannot report to the caller")?;
    }
    systemd::ready(supervisor.past.modules.len());
    Ok(supervisor)
}

/// Modules and tasks create private files unless they choose otherwise. In a help desk the web server must read and
/// write what Perl writes, so the caller's umask applies there.
fn keep_files_private() {
    let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    umask(before | Mode::S_IWGRP | Mode::S_IRWXO);
}

/// Ends processes of earlier runs with the same paths.
fn end_leftovers(place: &str, cgroup: Option<&Cgroup>) {
    let left = sweep::run(|mark| mark.starts_with(place));
    if let Some(cgroup) = cgroup {
        cgroup.end_all();
    }
    if left > 0 {
        tracing::warn!("ended {left} processes that an earlier run left behind");
    }
}

fn assemble(
    options: Options,
    natives: Natives,
    sources: Sources,
    past: Past,
    (held, generations): (Held, BTreeMap<u64, Sealed>),
) -> Supervisor {
    let now = clock::now();
    let newest = generations.last_key_value().map(|(_, sealed)| &sealed.configuration);
    let directories = newest.map(|it| Directories::of(it)).unwrap_or_default();
    Supervisor {
        directories,
        calls: None,
        options,
        natives,
        stamp: Vec::new(),
        sources,
        generations,
        configuration_error: None,
        past,
        held,
        image: Image::current(),
        probe: None,
        replacing: false,
        outdated: BTreeSet::new(),
        stopping: None,
        watches: Watches::default(),
        guard_streak: Streak::default(),
        guard_due: None,
        service_manager: ServiceManager::from_environment(now),
        memory_check: now + MEMORY_CHECK,
        logs_reopened: now,
        program: program(),
    }
}

/// Takes over from an earlier image: same process, same children, same locks and sockets.
fn resume(
    state: State,
    options: Options,
    natives: Natives,
    mut sources: Sources,
) -> anyhow::Result<Supervisor> {
    sources.paths = state.paths;
    sources.home = state.home.as_deref().map(Home::at);
    let generations = state::restore_all(&state.generations, &natives, &sources)?;
    let (_, newest) = generations.last_key_value().context("no configuration was handed over")?;
    let configuration = Arc::clone(&newest.configuration);
    // Modules and tasks keep running: a failure that the daemon can do without must not end them.
    if let Err(error) = log::open(&configuration.log, options.daemonized) {
        tracing::error!(
            "cannot write the supervisor's log: {error:#}; it goes on in the earlier one"
        );
    }
    let adopt = state::adopt;
    let [file, own] = state.pid_file;
    let pid_file = PidFile::adopt(&configuration.place.pid_file(), adopt(file)?, adopt(own)?);
    let guard =
        Guard::start(&program(), &state.past.run, &sources).context("cannot start the guard")?;
    Guard::dismiss_earlier(state.guard.0, adopt(state.guard.1)?);
    let held = Held {
        pid_file,
        control: Control::adopt(&configuration.place.socket(), adopt(state.control)?),
        inbox: Inbox::listen(adopt(state.inbox)?)?,
        guard,
        cgroup: Cgroup::delegated(&configuration.place),
    };
    let past = Past { image: state.past.image + 1, ..state.past };
    let mut supervisor = assemble(options, natives, sources, past, (held, generations));
    let (modules, image) = (&supervisor.past.modules, supervisor.past.image);
    let outdated = modules.iter().filter(|(_, module)| replace::runs_earlier(module, image));
    supervisor.outdated = outdated.map(|(name, _)| name.clone()).collect();
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!("otrsd {version} took over (PID {})", std::process::id());
    supervisor.reload_configuration(None, clock::now());
    Ok(supervisor)
}

/// Creates the directories; an unwritable one is found now and not by the first module.
fn prepare(configuration: &Configuration) -> anyhow::Result<PathBuf> {
    let directories = [&configuration.place.directory, &configuration.log.directory];
    for (directory, setting) in
        directories.into_iter().zip(["Daemon::PID::Path", "Daemon::Log::LogPath"])
    {
        logs::make_directory(directory).and_then(|()| is_writable(directory)).with_context(
            || format!("cannot write into {} (setting {setting})", directory.display()),
        )?;
    }
    Ok(configuration.place.pid_file())
}

fn is_writable(directory: &Path) -> std::io::Result<()> {
    Ok(nix::unistd::access(directory, nix::unistd::AccessFlags::W_OK)?)
}

/// The name that `ps` shows: the one that the caller used.
fn program() -> OsString {
    env::args_os().next().unwrap_or_else(|| OsStr::new("otrsd").to_owned())
}

/// In the background, `top` would otherwise show the name that was executed: /proc/self/exe.
fn name_process() {
    let program = program();
    let name = Path::new(&program).file_name().map(|name| CString::new(name.as_bytes()));
    if let Some(Ok(name)) = name {
        let _ = set_name(&name);
    }
}

fn random() -> std::io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned())
}
