//! The installation's own log: the warnings of native modules are written beside those of Perl, in the same format.
//!
//! The ring in shared memory that the web interface and `Maint::Log::Print` show is accessible only to Perl.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::{
        fs::{OpenOptionsExt as _, PermissionsExt as _},
        net::UnixDatagram,
    },
    path::PathBuf,
};

use jiff::Zoned;
use nix::libc;
use sysconfig::SysConfig;

use crate::config::{home::Home, text};

const MODULE: &str = "LogModule";
const SYSLOG: &str = "Kernel::System::Log::SysLog";
const FILE: &str = "Kernel::System::Log::File";
const LEVEL: &str = "MinimumLogLevel";
const SOCKET: &str = "/dev/log";
/// The web server's processes write to the file too.
const FILE_MODE: u32 = 0o660;
/// The numbers are those of `syslog.h`.
const FACILITIES: [&str; 12] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp",
];
const USER: u8 = 1;
const LOCAL: u8 = 16;

/// The severity of a message, in the original's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Priority {
    Error,
    Notice,
}

/// The log, as one module writes to it.
#[derive(Debug)]
pub(crate) struct Log {
    place: Place,
    /// The name of the writer, for the system's log.
    identity: String,
    package: String,
    /// Only errors are logged.
    errors_only: bool,
}

#[derive(Debug)]
enum Place {
    Syslog { facility: u8 },
    File { path: String, is_monthly: bool },
}

impl Log {
    /// The file, if the log is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File { path, .. } => Some(PathBuf::from(path)),
            Place::Syslog { .. } => None,
        }
    }

    /// `None` outside of an installation, or where only Perl can write to its log.
    pub(crate) fn of(settings: &SysConfig, package: &str) -> Option<Self> {
        let home = Home::of(settings)?;
        let place = match text(settings, MODULE) {
            None | Some(SYSLOG) => {
                let name = text(settings, "LogModule::SysLog::Facility");
                Place::Syslog { facility: name.and_then(facility).unwrap_or(USER) }
            }
            Some(FILE) => {
                let date = text(settings, "LogModule::LogFile::Date");
                Place::File {
                    path: text(settings, "LogModule::LogFile")?.to_owned(),
                    is_monthly: date.is_some_and(|it| !matches!(it, "" | "0")),
                }
            }
            Some(_) => return None,
        };
        let number = text(settings, "SystemID").unwrap_or_default();
        Some(Self {
            place,
            identity: format!("{} - Daemon {package}-{number}", home.title()),
            package: package.to_owned(),
            errors_only: text(settings, LEVEL).is_some_and(|it| it.eq_ignore_ascii_case("error")),
        })
    }

    /// Never blocks: a log that is full or unavailable loses the message.
    ///
    /// # Errors
    ///
    /// The message is not in the log.
    pub(crate) fn write(&self, priority: Priority, message: &str, now: &Zoned) -> io::Result<()> {
        if self.errors_only && priority != Priority::Error {
            return Ok(());
        }
        match &self.place {
            Place::Syslog { facility } => {
                let datagram = self.datagram(*facility, priority, message, now);
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.send_to(datagram.as_bytes(), SOCKET).map(drop)
            }
            Place::File { path, is_monthly } => {
                let month = is_monthly.then(|| now.strftime(".%Y-%m").to_string());
                let path = format!("{path}{}", month.unwrap_or_default());
                open(&path)?.write_all(self.line(priority, message, now).as_bytes())
            }
        }
    }

    /// The datagram that the original sends to the system's log.
    fn datagram(&self, facility: u8, priority: Priority, message: &str, now: &Zoned) -> String {
        let (severity, word) = match priority {
            Priority::Error => (3, "Error"),
            Priority::Notice => (5, "Notice"),
        };
        format!(
            "<{}>{} {}[{}]: [{word}][{}] {}",
            facility * 8 + severity,
            now.strftime("%b %e %H:%M:%S"),
            self.identity,
            std::process::id(),
            self.package,
            message.replace('\n', " ")
        )
    }

    fn line(&self, priority: Priority, message: &str, now: &Zoned) -> String {
        let time = now.strftime("%a %b %e %H:%M:%S %Y");
        format!("[{time}][{priority:?}][{}] {message}\n", self.package)
    }

    /// The name of the log in error messages.
    pub(crate) fn place(&self) -> &str {
        match &self.place {
            Place::Syslog { .. } => SOCKET,
            Place::File { path, .. } => path,
        }
    }
}

/// A new file gets the mode that the original's programs give it, whatever the umask is.
fn open(path: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(libc::O_NONBLOCK);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = options.create_new(true).open(path)?;
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
            Ok(file)
        }
        result => result,
    }
}

fn facility(name: &str) -> Option<u8> {
    let local = || {
        let number: u8 = name.strip_prefix("local")?.parse().ok()?;
        (number < 8).then_some(LOCAL + number)
    };
    let place = FACILITIES.iter().position(|it| *it == name);
    place.and_then(|it| u8::try_from(it).ok()).or_else(local)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn log(place: Place) -> Log {
        Log {
            place,
            identity: "OTRS-otrs.Daemon.pl - Daemon A::B-10".to_owned(),
            package: "A::B".to_owned(),
            errors_only: false,
        }
    }

    fn now() -> Zoned {
        date(2026, 3, 5).at(7, 8, 9, 0).in_tz("UTC").unwrap()
    }

    #[test]
    fn what_is_sent() {
        let it = log(Place::Syslog { facility: LOCAL });
        let pid = std::process::id();
        assert_eq!(
            it.datagram(LOCAL, Priority::Error, "no\nroom", &now()),
            format!(
                "<131>Mar  5 07:08:09 OTRS-otrs.Daemon.pl - Daemon A::B-10[{pid}]: [Error][A::B] no room"
            )
        );
        let notice = it.datagram(USER, Priority::Notice, "room", &now());
        assert!(notice.starts_with("<13>") && notice.ends_with("[Notice][A::B] room"), "{notice}");
    }

    #[test]
    fn what_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("otrs.log").to_str().unwrap().to_owned();
        for is_monthly in [false, true] {
            let mut it = log(Place::File { path: path.clone(), is_monthly });
            it.write(Priority::Error, "Gr\u{fc}\u{df}e", &now()).unwrap();
            it.errors_only = true;
            it.write(Priority::Notice, "not wanted", &now()).unwrap();
            it.write(Priority::Error, "wanted", &now()).unwrap();
        }
        let expected = "[Thu Mar  5 07:08:09 2026][Error][A::B] Gr\u{fc}\u{df}e\n[Thu Mar  5 07:08:09 2026][Error][A::B] wanted\n";
        for name in [path.clone(), format!("{path}.2026-03")] {
            assert_eq!(std::fs::read_to_string(name).unwrap(), expected);
        }
    }

    #[test]
    fn facilities() {
        for (name, number) in
            [("user", Some(1)), ("daemon", Some(3)), ("local0", Some(16)), ("local7", Some(23))]
        {
            assert_eq!(facility(name), number);
        }
        assert_eq!([facility("local8"), facility("none")], [None, None]);
    }
}
