//! The start of a module's process: log files, process, and the handling of a failed start.

use std::{io, path::Path, process::Stdio, sync::Arc, time::Duration};

use super::{
    Sealed, Supervisor,
    module::{Phase, Process},
    own_log::OwnLog,
    restart::Ending,
    spawn,
};
use crate::{
    clock::{self, MonotonicTime},
    config::{
        environment_check,
        generation::Generation,
        log::LogSettings,
        modules::{Kind, ModuleSpec},
        packages,
    },
    logs::{self, ModuleFiles},
    process::exit::Exit,
};

/// Where a process's output goes.
struct Outputs {
    stdout: Stdio,
    stderr: Stdio,
    out: Option<OwnLog>,
    err: Option<OwnLog>,
    /// Why a stream is not written to its log file.
    trouble: Option<String>,
}

impl Supervisor {
    /// Starts a module's process with the newest configuration.
    pub(super) fn start(&mut self, name: &str, now: MonotonicTime) {
        let Some((generation, sealed, spec)) = self.newest_registration(name) else { return };
        let configuration = Arc::clone(&sealed.configuration);
        let memory = match memory(sealed, &spec) {
            Ok(memory) => memory,
            Err(error) => return self.on_not_started(name, &format!("{error:#}"), now),
        };
        let debug = self.is_debugged(name);
        let Some(module) = self.past.modules.get_mut(name) else { return };
        let is_loop = module.streak.is_loop();
        let outputs = outputs(&configuration.log, name, debug, self.options.daemonized, is_loop);
        self.past.last_instance += 1;
        let instance = self.past.last_instance;
        let launch = spawn::Launch {
            spec: &spec,
            generation: &memory,
            stdout: outputs.stdout,
            stderr: outputs.stderr,
            program: &self.program,
            run: &self.past.run,
            instance,
            host: &self.past.host,
            notify: &self.held.inbox.address,
            cgroup: self.held.cgroup.as_ref().and_then(|it| it.make(name, instance)),
            new_privileges: configuration.new_privileges,
            debug,
        };
        let spawned = spawn::module(launch).map_err(|error| cannot_start(&spec, &error));
        module.spec = spec;
        module.generation = generation;
        if let Some(trouble) = &outputs.trouble {
            tracing::error!("{name}: {trouble}");
        }
        match spawned {
            Ok(pid) => {
                // Measured after the start, which takes time itself.
                let since = clock::now();
                tracing::info!(module = name, pid, "{name} started");
                let first = module.exits.is_empty() && module.restarts == 0;
                module.restarts += u64::from(!first);
                let (out, err, note) = (outputs.out, outputs.err, outputs.trouble);
                let process = Process {
                    out,
                    err,
                    note,
                    ..Process::new(pid, instance, self.past.image, since)
                };
                module.phase = Phase::Running { process, ready: false };
                if !module.spec.kind.is_ours() {
                    // A command does not report that it is ready.
                    module.get_ready(since);
                }
                self.watches.tell(name, &format!("{name} started (PID {pid})"));
            }
            Err(error) => self.on_not_started(name, &error, now),
        }
    }

    /// The newest generation that registers the module. A bad key, or a file that is missing for a moment, removes no
    /// module; only a reload does that.
    fn newest_registration(&self, name: &str) -> Option<(u64, &Sealed, ModuleSpec)> {
        let mut newest_first = self.generations.iter().rev();
        newest_first.find_map(|(number, sealed)| {
            Some((*number, sealed, sealed.configuration.module(name)?.clone()))
        })
    }

    fn on_not_started(&mut self, name: &str, error: &str, now: MonotonicTime) {
        tracing::error!("{name}: {error}");
        self.watches.tell(name, &format!("{name}: {error}"));
        self.watches.fail(name);
        let Some(module) = self.past.modules.get_mut(name) else { return };
        module.remember(
            Exit {
                pid: None,
                at: clock::now_utc(),
                code: None,
                signal: None,
                how: error.to_owned(),
                planned: false,
                reason: String::new(),
                uptime_seconds: 0.0,
                peak_rss_kb: 0,
                last_stderr_line: None,
            },
            now,
        );
        // Even the first failure waits: there is no process whose death would be the next event.
        let delay = module.streak.delay(Ending::Failed, Duration::ZERO, now, fastrand::f64());
        module.phase = Phase::Waiting { until: now + delay.max(Duration::from_millis(100)) };
    }

    fn is_debugged(&self, name: &str) -> bool {
        let names = self.options.debug.as_ref();
        names.is_some_and(|names| names.is_empty() || names.iter().any(|given| given == name))
    }
}

/// What the module's process reads of the configuration.
fn memory(sealed: &Sealed, spec: &ModuleSpec) -> anyhow::Result<Generation> {
    if spec.user.is_some() && matches!(spec.kind, Kind::Rounds(_)) {
        return Generation::of_command(&sealed.configuration, spec);
    }
    if spec.module == packages::WEB_CONSOLE
        && let Some(own) = Generation::of_console(&sealed.configuration)?
    {
        return Ok(own);
    }
    Ok(sealed.generation.clone())
}

/// Names the cause: the kernel reports "no such file" for a program, a directory and an interpreter alike.
fn cannot_start(spec: &ModuleSpec, error: &io::Error) -> String {
    match (environment_check::problems(spec).as_slice(), spec.argv()) {
        ([], Some([program, ..])) => format!("cannot start {program}: {error}"),
        ([], _) => format!("cannot start its process: {error}"),
        (problems, _) => format!("cannot start: {}", problems.join("; ")),
    }
}

fn outputs(
    settings: &LogSettings,
    name: &str,
    debug: bool,
    daemonized: bool,
    is_loop: bool,
) -> Outputs {
    let files = ModuleFiles::new(settings, name, debug);
    let mut trouble = None;
    if let Err(error) = files.rotate(settings, is_loop, clock::now_utc()) {
        trouble =
            Some(format!("cannot rename the logs in {}: {error}", settings.directory.display()));
    }
    let other = || if daemonized { Stdio::null() } else { Stdio::inherit() };
    let mut open = |path: &Path| match logs::open(path) {
        Ok(file) => Some(file),
        Err(error) => {
            trouble = Some(format!("its output is not kept: {}: {error}", path.display()));
            None
        }
    };
    let out = files.out.as_deref().and_then(&mut open);
    let err = files.err.as_deref().and_then(&mut open);
    let own_log = |path: &Option<_>, file: &Option<_>| {
        path.as_deref().zip(file.as_ref()).and_then(|(path, file)| OwnLog::at_end(path, file))
    };
    Outputs {
        out: own_log(&files.out, &out),
        err: own_log(&files.err, &err),
        stdout: out.map_or_else(other, Stdio::from),
        stderr: err.map_or_else(other, Stdio::from),
        trouble,
    }
}
