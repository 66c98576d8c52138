//! The warm host process: started when it is first needed, asked for a child for each task, ended when it is idle.

use std::{
    collections::{HashMap, VecDeque},
    io::Write as _,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{net::SocketAddr, process::CommandExt as _},
    },
    process::{ChildStdin, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use nix::{libc, unistd::getpid};
use tokio::{
    io::AsyncReadExt as _,
    net::{UnixListener, UnixStream},
    sync::{mpsc::Receiver, oneshot},
    time::{sleep, timeout},
};

use super::child::{Child, is_ours};
use crate::{
    clock::{self, MonotonicTime},
    config::{generation, sources::Sources},
    logs,
    process::{die_with, exit::End, reaper::Reaped, sd_notify},
    worker::reaper::Reaper,
};

/// Children that are made before they are needed.
const SPARE: usize = 1;
/// The pause between the starts of a host that makes no children; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A child that was requested and has not connected by then is requested again.
const PATIENCE: Duration = Duration::from_secs(3);
const INTRODUCTION: Duration = Duration::from_secs(1);
/// With huge pages a copy of the host costs half: there are fewer page table entries to copy and to free.
const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// The requests of executions.
#[derive(Debug)]
pub(super) enum Request {
    /// A fresh child, or one that ran only tasks of this type.
    Child { kind: Option<String>, sender: oneshot::Sender<Child> },
    /// Returns a child that may run more tasks.
    Back(Child),
}

/// The host, and the requests that wait for its children.
#[derive(Debug)]
pub(super) struct Host {
    argv: Vec<String>,
    idle_time: Duration,
    reaper: Arc<Reaper>,
    socket: UnixListener,
    process: Option<Process>,
    idle: Vec<Child>,
    waiting: VecDeque<(Option<String>, oneshot::Sender<Child>)>,
    /// First connections of children that have not made the second.
    halves: HashMap<i32, (u8, UnixStream)>,
    /// Consecutive starts that produced no child.
    failures: u32,
    /// There is no new start before this time.
    retry_at: MonotonicTime,
    /// When a child was last requested, or one connected.
    used: MonotonicTime,
}

#[derive(Debug)]
struct Process {
    /// Each byte requests a child; closing it ends the host.
    orders: ChildStdin,
    end: oneshot::Receiver<Reaped>,
    /// Children that were requested and have not connected.
    owed: usize,
}

impl Host {
    pub(super) fn new(
        mut argv: Vec<String>,
        idle_time: Duration,
        reaper: Arc<Reaper>,
    ) -> anyhow::Result<Self> {
        let name = format!("otrsd-{:016x}", fastrand::u64(..));
        let address = SocketAddr::from_abstract_name(&name)?;
        let socket = std::os::unix::net::UnixListener::bind_addr(&address);
        let socket = socket.context("cannot make a socket for the task host")?;
        socket.set_nonblocking(true)?;
        argv.extend([name, libc::SYS_prctl.to_string(), libc::SYS_clone.to_string()]);
        Ok(Self {
            argv,
            idle_time,
            reaper,
            socket: UnixListener::from_std(socket)?,
            process: None,
            idle: Vec::new(),
            waiting: VecDeque::new(),
            halves: HashMap::new(),
            failures: 0,
            retry_at: clock::now(),
            used: clock::now(),
        })
    }

    /// Serves until no sender of requests is left.
    pub(super) async fn keep(mut self, mut requests: Receiver<Request>) {
        loop {
            self.serve();
            let left = self.due().since(clock::now());
            let is_awake = self.process.is_some() || !self.waiting.is_empty();
            let ended = async {
                match &mut self.process {
                    Some(process) => (&mut process.end).await.ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.take(request),
                    None => return,
                },
                Ok((connection, _)) = self.socket.accept() => self.meet(connection).await,
                end = ended => self.end(end),
                () = sleep(left), if is_awake => self.wake(),
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Child { kind, sender } => {
                self.used = clock::now();
                self.waiting.push_back((kind, sender));
            }
            Request::Back(child) => self.idle.push(child),
        }
    }

    /// Gives idle children to the waiting requests, in their order, and asks the host for those that are missing.
    fn serve(&mut self) {
        self.idle.retain_mut(Child::lives);
        let mut still = VecDeque::new();
        for (kind, sender) in self.waiting.drain(..).filter(|(_, sender)| !sender.is_closed()) {
            // Prefers a child that has run tasks of this type.
            let fitting = |child: &Child| child.fits(kind.as_deref());
            let used = self.idle.iter().position(|child| !child.is_fresh() && fitting(child));
            match used.or_else(|| self.idle.iter().position(fitting)) {
                Some(place) => {
                    if let Err(child) = sender.send(self.idle.swap_remove(place)) {
                        self.idle.push(child);
                    }
                }
                None => still.push_back((kind, sender)),
            }
        }
        self.waiting = still;
        if self.process.is_none() && !self.waiting.is_empty() && self.retry_at <= clock::now() {
            self.start();
        }
        let fresh = self.idle.iter().filter(|child| child.is_fresh()).count();
        let wanted = self.waiting.len() + SPARE;
        if let Some(process) = &mut self.process {
            let missing = wanted.saturating_sub(fresh + process.owed);
            // If the host is dead, its end will be reported.
            if missing > 0 && process.orders.write_all(&vec![b'.'; missing]).is_ok() {
                process.owed += missing;
            }
        }
    }

    fn start(&mut self) {
        match self.spawn() {
            Ok(process) => self.process = Some(process),
            Err(error) => {
                logs::warn(&format!(
                    "cannot start {} for the tasks in Perl, which wait: {error:#}",
                    self.argv[0]
                ));
                self.fail();
            }
        }
    }

    fn spawn(&self) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        command.env(TUNABLES.0, TUNABLES.1);
        let ours = [sd_notify::SOCKET, "WATCHDOG_USEC", generation::DESCRIPTOR];
        for variable in Sources::variables().chain(ours) {
            command.env_remove(variable);
        }
        let parent = getpid();
        #[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
        // SAFETY: the closure makes async-signal-safe system calls only.
        unsafe {
            command.pre_exec(move || Ok(die_with(parent)?));
        }
        let mut child = command.spawn()?;
        let end = self.reaper.expect(child.id().cast_signed(), String::new());
        let orders = child.stdin.take().context("no input of its own")?;
        Ok(Process { orders, end, owed: 0 })
    }

    /// Accepts a child when both its connections exist.
    async fn meet(&mut self, mut connection: UnixStream) {
        let Some(pid) = connection.peer_cred().ok().and_then(|peer| peer.pid()) else { return };
        if !is_ours(pid) {
            return;
        }
        let Ok(Ok(kind)) = timeout(INTRODUCTION, connection.read_u8()).await else { return };
        let (control, output) = match (kind, self.halves.remove(&pid)) {
            (b'O', Some((b'C', control))) => (control, connection),
            (b'C', Some((b'O', output))) => (connection, output),
            _ => {
                self.halves.insert(pid, (kind, connection));
                return;
            }
        };
        if let Some(process) = &mut self.process {
            process.owed = process.owed.saturating_sub(1);
        }
        self.failures = 0;
        self.used = clock::now();
        self.idle.push(Child::new(pid, control, output, &self.reaper));
    }

    /// A host that detected new code ends with exit 0, and another one replaces it.
    fn end(&mut self, end: Option<Reaped>) {
        self.process = None;
        self.halves.clear();
        let end = end.map(|reaped| reaped.end);
        if end == Some(End::Code(0)) || self.waiting.is_empty() {
            return;
        }
        let how = end.map_or_else(|| "was lost".to_owned(), |end| format!("ended with {end}"));
        let count = self.waiting.len();
        logs::warn(&format!(
            "the task host {how}, which its last words in the log of errors explain; {count} task(s) wait for it"
        ));
        self.fail();
    }

    fn fail(&mut self) {
        let pause = PAUSE.saturating_mul(1 << self.failures.min(5));
        self.failures += 1;
        self.retry_at = clock::now() + pause.min(LONGEST_PAUSE);
    }

    /// When there is work even if no event occurs.
    fn due(&self) -> MonotonicTime {
        match &self.process {
            None => self.retry_at,
            Some(_) if self.waiting.is_empty() => self.used + self.idle_time,
            Some(_) => self.used + PATIENCE,
        }
    }

    fn wake(&mut self) {
        let Some(process) = &mut self.process else { return };
        self.used = clock::now();
        if self.waiting.is_empty() {
            // No child was requested for the idle time.
            self.process = None;
            self.idle.clear();
        } else {
            // Children may have died before they connected.
            process.owed = 0;
        }
    }
}
