//! `quickstart`: a small configuration, running in the foreground.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{Failure, Program, called, lifecycle, terminal::print};
use crate::{config::sources::Sources, logs, module::registry::Registry};

const TEMPLATE: &str = include_str!("quickstart.xml");

pub(super) fn run(registry: Registry, directory: &Path) -> Result<(), Failure> {
    let directory = std::path::absolute(directory).map_err(anyhow::Error::from)?;
    let configuration = directory.join("config");
    write(&configuration, &directory)?;
    print(&welcome(&directory));
    let sources = Sources::new(None, &[configuration], None)?;
    lifecycle::start(Program { registry, sources }, true, None)
}

/// Writes the configuration, unless it exists: it may have been changed on purpose.
fn write(configuration: &Path, directory: &Path) -> anyhow::Result<()> {
    logs::make_directory(configuration)
        .with_context(|| format!("cannot make {}", configuration.display()))?;
    let path: PathBuf = configuration.join("quickstart.xml");
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
    match file {
        Ok(mut file) => {
            let place = directory.display().to_string().replace('&', "&amp;").replace('<', "&lt;");
            let text = TEMPLATE.replace("DIRECTORY", &place);
            file.write_all(text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn welcome(directory: &Path) -> String {
    let (called, directory) = (called(), directory.display());
    format!(
        "\
This daemon runs in the foreground; Ctrl-C stops it. All its files are in
  {directory}

It runs what config/quickstart.xml registers: TestDaemon, which prints the time every two seconds,
and the modules that run tasks: now, later, and on a schedule. In a second terminal, try:

  export OTRSD_CONFIG={directory}/config
  {called} console-url                 (a link to the web console)
  {called} status
  {called} task add --type Greet --name World --wait
  {called} task add --type Greet --name later --at +10s
  {called} event fire Arrival --data '{{\"from\":\"Rome\"}}'
  {called} cron list                   (cron tasks: last run and next fire time)
  {called} task list                   (live tasks; --state done: past executions)
  {called} task explain ID             (why a task waits; task show ID: its output)

Kill a process: it comes back, and its task runs again. To add a task type of your own, write a file
next to config/quickstart.xml with a TaskType###Name and its Command, then run
{called} reload

"
    )
}
