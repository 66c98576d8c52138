//! The process of a native module: `otrsd module run NAME`, which only the supervisor starts.

use std::{env, process::ExitCode, thread, time::Duration};

use super::{ModuleContext, command, context::End, registry::Registry, runner};
use crate::{
    config::{generation, modules::ModuleSpec},
    logs::{self, desk::Log},
    process::sd_notify,
};
use anyhow::Context as _;
use nix::sys::prctl;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

const SMALL_STACK: usize = 128 << 10;

/// Runs one incarnation of the module `name`.
pub(crate) fn run(registry: &Registry, name: &str, debug: bool) -> ExitCode {
    logs::write_times();
    match live(registry, name, debug) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ =
                sd_notify::send(&format!("X_FAILURE={}", format!("{error:#}").replace('\n', " ")));
            logs::warn(&format!("{name}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn live(registry: &Registry, name: &str, debug: bool) -> anyhow::Result<()> {
    // `ps` would show the name of the executed file: /proc/self/exe.
    prctl::set_name(c"otrsd-module")?;
    // Otherwise processes of the same user that it starts, and collectors of core dumps, could read its settings.
    prctl::set_dumpable(false)?;
    let contents = generation::inherited()?;
    let spec = contents.modules.iter().find(|spec| spec.name == name);
    let spec = spec.with_context(|| format!("module {name} is not registered"))?.clone();
    let end = End::default();
    logs::also_into(Log::of(&contents.settings, &spec.module));
    if let Some(confine) = registry.confinement(&spec.module) {
        confine(&contents.settings, debug);
    }
    let context = ModuleContext::new(name.to_owned(), contents.settings, debug, end.clone());
    listen(end, logs::ModuleFiles::new(&contents.log, name, debug))?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lead(registry, &spec, &context))
}

async fn lead(
    registry: &Registry,
    spec: &ModuleSpec,
    context: &ModuleContext,
) -> anyhow::Result<()> {
    let mut module = construct(registry, spec, context.clone())?;
    let _ = sd_notify::send("READY=1");
    let pace = spec.pace.or(module.pace());
    let watchdog = env::var_os("WATCHDOG_USEC").and_then(|micros| micros.to_str()?.parse().ok());
    let watchdog = watchdog.map(Duration::from_micros);
    if let Some(reason) = runner::run(&mut *module, context, pace, watchdog).await? {
        let _ = sd_notify::send(&format!("X_DISCARD={reason}"));
    }
    Ok(())
}

/// The object behind a registration: a Rust module, or the host of a command.
pub(crate) fn construct(
    registry: &Registry,
    spec: &ModuleSpec,
    context: ModuleContext,
) -> anyhow::Result<Box<dyn super::DaemonModule>> {
    if spec.argv().is_some() {
        return Ok(Box::new(command::CommandModule::new(spec.clone(), context)));
    }
    let module = registry.construct(&spec.module, context);
    module.with_context(|| format!("no module '{}' in this program", spec.module))
}

/// Handles signals: INT, TERM and QUIT end this process after its round, TERM soon, QUIT at once; USR1 reopens the log
/// files.
///
/// A separate thread receives them, so a round that never awaits can still ask whether to end.
fn listen(end: End, files: logs::ModuleFiles) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate, mut quit, mut reopen) = {
        let _inside = runtime.enter();
        let listen = |kind| signal(kind);
        (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::quit())?,
            listen(SignalKind::user_defined1())?,
        )
    };
    let hear = async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => end.planned.cancel(),
                _ = terminate.recv() => {
                    end.planned.cancel();
                    end.soon.cancel();
                }
                _ = quit.recv() => {
                    end.planned.cancel();
                    end.soon.cancel();
                    end.now.cancel();
                }
                _ = reopen.recv() => files.reopen_own(),
            }
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned()).stack_size(SMALL_STACK);
    thread.spawn(move || runtime.block_on(hear))?;
    Ok(())
}
