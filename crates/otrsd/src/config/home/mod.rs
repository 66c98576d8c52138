//! An installation of OTRS, Znuny or OTOBO: its directory, its product, the calls of its Perl, and its configuration.
//!
//! Perl answers what only Perl knows, and runs the installation's own code, which is never changed.

pub(crate) mod cron_events;
pub(crate) mod dsn;
pub(crate) mod otobo;
pub(crate) mod owner;
pub(crate) mod question;
pub(crate) mod settings;

use std::{
    collections::BTreeSet,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::bail;
use md5::{Digest as _, Md5};
use sysconfig::{SysConfig, Value};

use super::packages::TEST_DAEMON;

pub(crate) use self::{
    otobo::waits,
    settings::{CONFIGURED, SETTING, SYSTEM_ID},
};

/// The variable that names the installation.
pub(crate) const VARIABLE: &str = "OTRS_HOME";

const MODULE_HOST: &str = include_str!("perl/ModuleHost.pl");
const TASK_HOST: &str = include_str!("../../home/perl/TaskHost.pl");
const SYNC: &str = include_str!("../../home/perl/sync.pl");

/// While it is 1, as delivered, nodes of the original may share the database.
pub(crate) const MIXED_CLUSTER: &str = "Daemon::MixedCluster";

/// The directory of the installation's task handlers.
pub(crate) const HANDLERS: &str = "Kernel/System/Daemon/DaemonModules/SchedulerTaskWorker";

/// The checksums of a release's files, each `md5::path`.
const ARCHIVE: &str = "ARCHIVE";

/// The code that computes scheduled times, an installation's own first.
const CRON_EVENT: [&str; 2] = ["Custom/Kernel/System/CronEvent.pm", "Kernel/System/CronEvent.pm"];

/// The programs that identify the products.
const PRODUCTS: [(&str, &str); 3] =
    [("otobo.Daemon.pl", "OTOBO"), ("znuny.Daemon.pl", "Znuny"), ("otrs.Daemon.pl", "OTRS")];

/// The directory of the original's PID file.
pub(crate) fn run_directory(home: &Path) -> PathBuf {
    home.join("var/run")
}

/// How a type of task gets a handler, for messages.
pub(crate) fn handler_wanted(settings: &SysConfig, task_type: &str) -> String {
    let set = format!(
        "set Daemon::SchedulerTaskWorker::TaskType###{task_type} with a Command or Http, then otrsd reload"
    );
    match Home::of(settings) {
        None => set,
        Some(_) => format!(
            "put {HANDLERS}/{task_type}.pm there, then otrsd restart SchedulerTaskWorker; or {set}"
        ),
    }
}

/// Whether the name is a package name, which cannot denote a file elsewhere.
pub(crate) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// An installation, or a directory that is configured as one.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    directory: PathBuf,
}

impl Home {
    /// The installation in an absolute directory; its existence is checked on first use.
    pub(crate) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The installation that the settings belong to.
    pub(crate) fn of(settings: &SysConfig) -> Option<Self> {
        settings
            .get(SETTING)
            .and_then(Value::as_text)
            .map(|directory| Self::at(Path::new(directory)))
    }

    /// The installation of the settings, if nodes of the original may share its database: what they would run
    /// differently, or take for damaged, is not run here either.
    pub(crate) fn mixed(settings: &SysConfig) -> Option<Self> {
        let is_mixed = settings.get(MIXED_CLUSTER).and_then(Value::as_text) != Some("0");
        Self::of(settings).filter(|_| is_mixed)
    }

    /// Checks that the directory is an installation.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let place = self.directory.display();
        if self.directory.to_str().is_none() {
            bail!("{place}: the path of an installation must be UTF-8");
        }
        if !self.directory.join("Kernel/Config.pm").is_file() {
            bail!("{place} is no installation of OTRS, Znuny or OTOBO: it has no Kernel/Config.pm");
        }
        if self.program().is_none() {
            bail!("{place} has no daemon: bin/otrs.Daemon.pl or its like is missing");
        }
        Ok(())
    }

    /// The original's program, and its product.
    pub(crate) fn program(&self) -> Option<(&'static str, &'static str)> {
        let bin = self.directory.join("bin");
        PRODUCTS.into_iter().find(|(program, _)| bin.join(program).exists())
    }

    /// The name under which the original's daemon logs.
    pub(crate) fn title(&self) -> String {
        let (program, product) = self.program_or_usual();
        format!("{product}-{program}")
    }

    pub(crate) fn program_or_usual(&self) -> (&'static str, &'static str) {
        self.program().unwrap_or(PRODUCTS[2])
    }

    fn is_otobo(&self) -> bool {
        self.program().is_some_and(|(_, product)| product == "OTOBO")
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of the logs of the original's modules.
    pub(crate) fn log_directory(&self) -> PathBuf {
        self.directory.join("var/log/Daemon")
    }

    /// The state of its configuration: another state means that the configuration must be read again.
    pub(crate) fn configured(&self) -> String {
        let mut state = DefaultHasher::new();
        let copied = self.directory.join(otobo::COPIED);
        for path in self.files().into_iter().chain([copied]) {
            let changed =
                fs::metadata(&path).ok().map(|file| (file.ino(), file.mtime(), file.mtime_nsec()));
            (path, changed).hash(&mut state);
        }
        format!("{:016x}", state.finish())
    }

    /// The files that make up its configuration.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = self.directory.join("Kernel/Config/Files");
        let deployed = fs::read_dir(&files).into_iter().flatten().flatten().map(|it| it.path());
        let is_perl = |path: &PathBuf| path.extension().is_some_and(|it| it == "pm");
        let mut all: Vec<_> = deployed.filter(is_perl).collect();
        all.sort();
        all.insert(0, self.directory.join("Kernel/Config.pm"));
        // It determines the zone in which schedules are read.
        all.extend(CRON_EVENT.map(|file| self.directory.join(file)));
        all
    }

    /// The command that runs a daemon module until its discard.
    pub(crate) fn module_host(&self, name: &str, package: &str) -> Vec<String> {
        self.perl(MODULE_HOST, &[name, package, &self.title()])
    }

    /// The command that runs tasks; the caller appends the name of its socket.
    pub(crate) fn task_host(&self) -> Vec<String> {
        self.perl(TASK_HOST, &[&self.title()])
    }

    /// The command that writes the newest deployment into the files.
    pub(crate) fn sync(&self) -> Vec<String> {
        self.perl(SYNC, &[&self.title()])
    }

    /// The types of tasks with a handler: only their files register them.
    pub(crate) fn task_types(&self) -> BTreeSet<String> {
        let directories = ["Custom", ""].map(|place| self.directory.join(place).join(HANDLERS));
        let files = directories.iter().flat_map(fs::read_dir).flatten().flatten();
        let name = |file: fs::DirEntry| {
            let name = file.file_name().into_string().ok()?;
            let name = name.strip_suffix(".pm")?;
            is_word(name).then(|| name.to_owned())
        };
        files.filter_map(name).collect()
    }

    /// Whether there is a handler for the tasks of a type now.
    pub(crate) fn has_handler(&self, task_type: &str) -> bool {
        let file =
            |place| self.directory.join(place).join(HANDLERS).join(format!("{task_type}.pm"));
        is_word(task_type) && ["Custom", ""].into_iter().any(|place| file(place).is_file())
    }

    /// How this installation's package differs from that of the release, if it does.
    pub(crate) fn overrides(&self, package: &str) -> Option<String> {
        let file = package.replace("::", "/") + ".pm";
        if self.directory.join("Custom").join(&file).exists() {
            return Some(format!("Custom/{file} is in its place"));
        }
        // No release includes the documentation's example: the administrator wrote it.
        if package == TEST_DAEMON && self.directory.join(&file).exists() {
            return Some(format!("{file} is there"));
        }
        // Distributions leave the list of checksums out, since they change files themselves.
        let archive = fs::read(self.directory.join(ARCHIVE)).ok()?;
        let archive = String::from_utf8_lossy(&archive);
        let released =
            archive.lines().find_map(|line| line.trim().strip_suffix(&format!("::{file}")))?;
        let digest = Md5::digest(fs::read(self.directory.join(&file)).ok()?);
        let is_released = format!("{:032x}", u128::from_be_bytes(digest.into())) == released;
        (!is_released).then(|| format!("{file} differs from its checksum in {ARCHIVE}"))
    }

    /// A script in Perl with the directories of the installation, `Custom` first.
    pub(crate) fn perl(&self, script: &str, arguments: &[impl AsRef<str>]) -> Vec<String> {
        let directories = ["Custom", "", "Kernel/cpan-lib"];
        let include = |directory: &str| format!("-I{}", self.directory.join(directory).display());
        let mut argv = vec!["perl".to_owned()];
        argv.extend(directories.into_iter().map(include));
        let (program, _) = self.program_or_usual();
        let program = self.directory.join("bin").join(program).to_string_lossy().into_owned();
        argv.extend(["-e", script, "--", &program].into_iter().map(str::to_owned));
        argv.extend(arguments.iter().map(|it| it.as_ref().to_owned()));
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_installation_is() {
        let directory = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        let home = Home::at(directory.path());
        let refusal = || home.check().unwrap_err().to_string();
        assert!(refusal().contains("no Kernel/Config.pm"));
        make("Kernel/Config.pm");
        assert!(refusal().contains("has no daemon"));
        for (program, product) in
            [("otrs.Daemon.pl", "OTRS"), ("znuny.Daemon.pl", "Znuny"), ("otobo.Daemon.pl", "OTOBO")]
        {
            make(&format!("bin/{program}"));
            assert_eq!(home.program(), Some((program, product)));
            home.check().unwrap();
        }
        let before = home.configured();
        assert_eq!(home.configured(), before);
        for name in ["ZZZAAuto.pm", "ZZZACL.pm", "XML/Daemon.xml"] {
            make(&format!("Kernel/Config/Files/{name}"));
        }
        assert_ne!(home.configured(), before);
        let names: Vec<_> = home.files();
        assert_eq!(names.len(), 3 + CRON_EVENT.len());
        assert!(names[0].ends_with("Kernel/Config.pm") && names[2].ends_with("ZZZACL.pm"));
    }

    #[test]
    fn packages_that_are_not_the_releases() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let home = Home::at(directory.path());
        let why = || home.overrides("Kernel::System::A").unwrap_or_default();
        write("Kernel/System/A.pm", "1;\n");
        assert_eq!(why(), "", "no list");
        write("ARCHIVE", "0::Kernel/System/AA.pm\n0::Custom/Kernel/System/A.pm\n");
        assert_eq!(why(), "", "not in the list");
        write("ARCHIVE", "0::bin/A\nc648a70f925757e7e982a5a13d47cfe7::Kernel/System/A.pm\r\n");
        assert_eq!(why(), "", "as released");
        write("Kernel/System/A.pm", "2;\n");
        assert_eq!(why(), "Kernel/System/A.pm differs from its checksum in ARCHIVE");
        write("Custom/Kernel/System/A.pm", "1;\n");
        assert_eq!(why(), "Custom/Kernel/System/A.pm is in its place");
        let example = || home.overrides(TEST_DAEMON);
        assert_eq!(example(), None);
        write("Kernel/System/Daemon/DaemonModules/TestDaemon.pm", "1;\n");
        assert!(example().is_some());
    }
}
