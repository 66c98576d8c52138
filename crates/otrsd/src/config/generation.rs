//! One generation of the configuration, sealed in memory, as the module processes inherit it.
//!
//! It is never a file, an argument or an environment variable, because settings hold passwords.

use std::{
    env,
    ffi::{CStr, OsStr},
    fs::File,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
        unix::fs::FileExt as _,
    },
    sync::Arc,
};

use anyhow::{Context as _, bail};
use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::memfd::{MFdFlags, memfd_create},
};
use serde::{Deserialize, Serialize};
use sysconfig::{Setting, SysConfig, Value};

use super::{
    Configuration,
    database::{CONSOLE_URL, DATABASE_URL, PASSWORD_FILE},
    log::LogSettings,
    modules::ModuleSpec,
};

/// The variable with the descriptor from which a module process reads its generation.
pub(crate) const DESCRIPTOR: &str = "OTRSD_CONFIG_FD";

/// Prefixes of the settings that the host of a command needs to log the command's end in the log of an installation.
const FOR_COMMANDS: [&str; 4] = ["Home", "LogModule", "MinimumLogLevel", "SystemID"];

/// What a module process knows of the configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    pub(crate) settings: SysConfig,
    pub(crate) modules: Vec<ModuleSpec>,
    pub(crate) log: LogSettings,
}

/// A sealed generation; clones share the memory.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    memory: Arc<OwnedFd>,
}

impl Generation {
    /// Serializes and seals the configuration.
    pub(crate) fn seal(configuration: &Configuration) -> anyhow::Result<Self> {
        Self::of(&Contents {
            settings: configuration.settings.clone(),
            modules: configuration.modules.clone(),
            log: configuration.log.clone(),
        })
    }

    /// What the host of another user's command needs. That user can read the host's memory, so it holds no secret.
    pub(crate) fn of_command(
        configuration: &Configuration,
        spec: &ModuleSpec,
    ) -> anyhow::Result<Self> {
        let mut settings = SysConfig::default();
        let is_for_it = |name: &str| FOR_COMMANDS.iter().any(|it| name.starts_with(it));
        let all = configuration.settings.iter().filter(|(name, ..)| is_for_it(name));
        settings.overlay(all.map(|(name, value, origin)| Setting {
            name: name.to_owned(),
            value: value.clone(),
            valid: true,
            required: false,
            read_only: false,
            origin: origin.clone(),
        }));
        let log = configuration.log.clone();
        Self::of(&Contents { settings, modules: vec![spec.clone()], log })
    }

    /// What the console is started with, if it has a database user of its own: its memory then holds no other
    /// credentials.
    ///
    /// # Errors
    ///
    /// The kernel has no memory for it.
    pub(crate) fn of_console(configuration: &Configuration) -> anyhow::Result<Option<Self>> {
        let mut settings = configuration.settings.clone();
        let (Some(value), Some(origin)) =
            (settings.get(CONSOLE_URL).cloned(), settings.origin(CONSOLE_URL).cloned())
        else {
            return Ok(None);
        };
        // The file has the password of the daemon's own database user.
        let changed = [(DATABASE_URL, value), (PASSWORD_FILE, Value::Text(String::new()))];
        settings.overlay(changed.map(|(name, value)| Setting {
            name: name.to_owned(),
            value,
            valid: true,
            required: false,
            read_only: false,
            origin: origin.clone(),
        }));
        let (modules, log) = (configuration.modules.clone(), configuration.log.clone());
        Self::of(&Contents { settings, modules, log }).map(Some)
    }

    fn of(contents: &Contents) -> anyhow::Result<Self> {
        let memory = sealed_memory(c"otrsd-configuration", &serde_json::to_vec(contents)?)?;
        Ok(Self { memory: Arc::new(memory) })
    }

    /// The descriptor to inherit.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.memory.as_raw_fd()
    }

    /// Takes over a descriptor that an earlier image of this process held.
    pub(crate) fn adopt(memory: OwnedFd) -> Self {
        Self { memory: Arc::new(memory) }
    }

    /// Reads the generation back.
    pub(crate) fn contents(&self) -> anyhow::Result<Contents> {
        let file = File::from(self.memory.try_clone()?);
        serde_json::from_slice(&read_whole(&file)?).context("a damaged configuration was inherited")
    }
}

/// The generation that this module process was started with.
pub(crate) fn inherited() -> anyhow::Result<Contents> {
    let Some(number) = env::var_os(DESCRIPTOR) else {
        bail!("modules are started by the supervisor: otrsd start");
    };
    Generation::adopt(descriptor_in(&number)?).contents()
}

/// The open descriptor whose number is in an environment variable.
pub(crate) fn descriptor_in(number: &OsStr) -> anyhow::Result<OwnedFd> {
    let number = number.to_str().and_then(|number| number.parse::<u16>().ok());
    let number = RawFd::from(number.context("no descriptor")?);
    #[expect(unsafe_code, reason = "a descriptor's number came from the parent process")]
    // SAFETY: only passed to F_GETFD, which reports a number that is not open.
    let is_open = fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_GETFD);
    is_open.context("the descriptor is not open")?;
    #[expect(unsafe_code, reason = "a descriptor's number came from the parent process")]
    // SAFETY: it is open, and only this function takes numbers from the environment.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Puts `bytes` into memory that can no longer be changed.
pub(crate) fn sealed_memory(name: &CStr, bytes: &[u8]) -> anyhow::Result<OwnedFd> {
    let memory = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let file = File::from(memory);
    file.write_all_at(bytes, 0)?;
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

/// Reads from the start: the descriptor's offset is shared with the other processes.
pub(crate) fn read_whole(file: &File) -> anyhow::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len())?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
