//! A world of one test: a directory with a configuration, a daemon in it, and every process that
//! came of it.
//!
//! Each process carries the world's directory in its environment, so that the world finds them all,
//! and ends them all when the test ends, however it ends. Nothing here sleeps but [`wait_until`].

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::chown, net::UnixStream, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
};

use nix::{sys::signal::Signal, unistd::geteuid};
use tempfile::TempDir;

use crate::{registration::configuration, status::Status};

pub(crate) use crate::{
    process::{
        DEADLINE, Outcome, command_line, example, finish, finish_within, gone, install, is_alive,
        parent, signal, wait_until, wait_within,
    },
    registration::setting,
};

const MARK: &str = "OTRSD_TEST_WORLD";
/// The user that stands for "not root".
const NOBODY: u32 = 65534;

/// The world of a test.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) program: PathBuf,
    node: u16,
    /// Who runs everything; `None` is the tests' own user.
    user: Option<u32>,
    foreground: Mutex<Vec<Child>>,
}

impl World {
    /// With the program whose modules do what their settings say.
    pub(crate) fn new() -> Self {
        Self::of(example("modules_for_tests"))
    }

    /// With the stock program.
    pub(crate) fn stock() -> Self {
        Self::of(env!("CARGO_BIN_EXE_otrsd").into())
    }

    pub(crate) fn of(program: PathBuf) -> Self {
        let dir = tempfile::Builder::new().prefix("otrsd-it-").tempdir().unwrap();
        let world = Self { dir, program, node: 1, user: None, foreground: Mutex::default() };
        fs::create_dir(world.path("config")).unwrap();
        world.file("config/00-base.xml", &world.base());
        world
    }

    /// As another node.
    pub(crate) fn numbered(mut self, node: u16) -> Self {
        self.node = node;
        self.with("40-node", &[setting("NodeID", &node.to_string())])
    }

    /// Everything runs as a user that is not root.
    pub(crate) fn by_nobody(self) -> Self {
        self.by(NOBODY)
    }

    /// Everything runs as a user, if he who runs the tests can see to it.
    pub(crate) fn by(mut self, user: u32) -> Self {
        if geteuid().is_root() {
            self.user = Some(user);
            // The program may lie where only root may look.
            let copy = self.path(self.program.file_name().unwrap().to_str().unwrap());
            install(&self.program, &copy);
            self.program = copy;
            chown(self.dir.path(), self.user, self.user).unwrap();
            chown(self.path("config"), self.user, self.user).unwrap();
            for entry in fs::read_dir(self.path("config")).unwrap() {
                chown(entry.unwrap().path(), self.user, self.user).unwrap();
            }
        }
        self
    }

    /// Every file stays in the world's directory.
    fn base(&self) -> String {
        configuration(&[
            setting("Daemon::PID::Path", &self.text("run")),
            setting("Daemon::Log::LogPath", &self.text("log")),
            setting("Daemon::StopGrace", "10"),
            setting("Test::Directory", &self.text("")),
            // A test that wants the console says where it listens.
            "<Setting Name=\"DaemonModules###WebConsole\" Valid=\"0\"/>\n".to_owned(),
        ])
    }

    /// A copy of the program, which a test may replace.
    pub(crate) fn with_own_program(mut self) -> Self {
        let own = self.path("own-program");
        install(&self.program, &own);
        self.program = own;
        self
    }

    /// Writes a file of the configuration.
    pub(crate) fn with(self, name: &str, settings: &[String]) -> Self {
        self.configure(name, settings);
        self
    }

    /// Writes a file of the configuration anew; readers see the old one or the new one.
    pub(crate) fn configure(&self, name: &str, settings: &[String]) {
        self.file(&format!("config/{name}.xml.new"), &configuration(settings));
        let path = self.path(&format!("config/{name}.xml"));
        fs::rename(self.path(&format!("config/{name}.xml.new")), path).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.give_away(&self.path(name));
    }

    /// The text of a file, or nothing.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn give_away(&self, path: &Path) {
        if let Some(user) = self.user {
            chown(path, Some(user), Some(user)).unwrap();
        }
    }

    /// A command of this world that is not run yet.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env(MARK, self.dir.path()).env("OTRSD_CONFIG", self.path("config"));
        command.env("HOME", self.dir.path()).current_dir(self.dir.path()).stdin(Stdio::null());
        for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "NOTIFY_SOCKET"] {
            command.env_remove(variable);
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Runs the program with arguments, to its end.
    #[track_caller]
    pub(crate) fn otrsd(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command(&self.program);
        command.args(arguments);
        finish(command)
    }

    /// Starts the daemon in the background; the supervisor's PID.
    #[track_caller]
    pub(crate) fn start(&self) -> i32 {
        self.otrsd(&["start"]).ok();
        self.status().pid
    }

    /// Starts the daemon in the foreground and waits until it answers.
    #[track_caller]
    pub(crate) fn start_in_foreground(&self) -> i32 {
        let mut command = self.command(&self.program);
        command.args(["start", "--foreground"]);
        self.spawn(command);
        self.wait_for("the daemon's first answer", |_| Some(())).0.pid
    }

    /// Starts a command that the world ends; its output goes to `out` and `err`.
    pub(crate) fn spawn(&self, mut command: Command) -> i32 {
        let file = |name| fs::File::create(self.path(name)).unwrap();
        let child = command.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        let pid = child.id().cast_signed();
        self.foreground.lock().unwrap().push(child);
        pid
    }

    /// Waits for the end of what [`World::spawn`] started last; its exit code.
    #[track_caller]
    pub(crate) fn exit_code(&self) -> Option<i32> {
        let mut child = self.foreground.lock().unwrap().pop().unwrap();
        wait_until("the program's end", || child.try_wait().unwrap()).code()
    }

    /// The running daemon's status.
    #[track_caller]
    pub(crate) fn status(&self) -> Status {
        self.wait_for("the daemon's answer", |_| Some(())).0
    }

    /// One question to the control socket: a line, and the lines of the answer.
    pub(crate) fn ask(&self, line: &str) -> Option<Vec<String>> {
        let socket = format!("run/Daemon-NodeID-{}.sock", self.node);
        let mut stream = UnixStream::connect(self.path(&socket)).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        stream.write_all(line.as_bytes()).ok()?;
        BufReader::new(stream).lines().collect::<Result<_, _>>().ok()
    }

    fn try_status(&self) -> Option<Status> {
        let answer = self.ask("{\"request\":\"status\"}\n")?;
        serde_json::from_str(answer.first()?).ok()
    }

    /// Waits until something is true of the daemon's status.
    #[track_caller]
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        mut condition: impl FnMut(&Status) -> Option<T>,
    ) -> (Status, T) {
        wait_until(what, || {
            let status = self.try_status()?;
            condition(&status).map(|value| (status, value))
        })
    }

    /// Waits until a module runs and is ready; its PID.
    #[track_caller]
    pub(crate) fn running(&self, module: &str) -> i32 {
        self.wait_for(&format!("{module} to run"), |status| status.running(module)).1
    }

    /// Waits until a module runs with another PID than `old`.
    #[track_caller]
    pub(crate) fn running_anew(&self, module: &str, old: i32) -> i32 {
        let another = |status: &Status| status.running(module).filter(|pid| *pid != old);
        self.wait_for(&format!("another life of {module}"), another).1
    }

    /// Waits until a module wrote `line` into its trace.
    #[track_caller]
    pub(crate) fn traced(&self, module: &str, line: &str) {
        let name = format!("{module}.trace");
        wait_until(&format!("'{line}' in {name}"), || {
            self.read(&name).lines().any(|it| it == line).then_some(())
        });
    }

    /// Every living process of this world: PID and command line.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let place = self.dir.path().display();
        let mark = format!("{MARK}={place}");
        // What a process of another user has, whose environment is cleared.
        let run = format!("OTRSD_RUN={place}/");
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let (mut ours, mut hidden) = (Vec::new(), Vec::new());
        for pid in pids {
            let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
                hidden.push(pid);
                continue;
            };
            let is_mark = |it: &[u8]| it == mark.as_bytes() || it.starts_with(run.as_bytes());
            ours.extend(environment.split(|byte| *byte == 0).any(is_mark).then_some(pid));
        }
        // Those with secrets show their environment to root alone: they are known by their parent.
        let children =
            hidden.into_iter().filter(|pid| parent(*pid).is_some_and(|it| ours.contains(&it)));
        let children: Vec<i32> = children.collect();
        ours.into_iter().chain(children).map(|pid| (pid, command_line(pid))).collect()
    }

    /// Waits until no process of this world is left.
    #[track_caller]
    pub(crate) fn deserted(&self) {
        wait_until("an end of all processes", || self.processes().is_empty().then_some(()));
    }

    /// The process of this world whose command line contains `text`.
    #[track_caller]
    pub(crate) fn process(&self, text: &str) -> i32 {
        wait_until(&format!("a process '{text}'"), || {
            self.processes().into_iter().find(|(_, line)| line.contains(text)).map(|(pid, _)| pid)
        })
    }

    /// What happened here, for the message of a test that fails.
    fn story(&self) -> String {
        let mut story = String::new();
        let _ = writeln!(story, "processes: {:#?}", self.processes());
        let logs = fs::read_dir(self.path("log")).into_iter().flatten().flatten();
        let logs = logs.filter_map(|entry| Some(format!("log/{}", entry.file_name().to_str()?)));
        for name in ["out".to_owned(), "err".to_owned()].into_iter().chain(logs) {
            let _ = writeln!(story, "--- {name}\n{}", self.read(&name));
        }
        story
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.story());
        }
        // The supervisor first, lest it starts what is being ended.
        for _ in 0..1000 {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            for (pid, _) in processes {
                signal(pid, Signal::SIGKILL);
            }
            thread::yield_now();
        }
        for child in self.foreground.get_mut().unwrap() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
