//! The admin socket for the daemon's own user: a socket beside the PID file, from which the command line gets one-time
//! links.

use std::sync::Arc;

use nix::unistd::{User, geteuid};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    time::{Duration, sleep, timeout},
};

use super::Console;
use crate::{
    clock,
    config::console::{Grant, Role},
};

const WITHIN: Duration = Duration::from_secs(5);
const LONGEST: u64 = 1024;

/// The request of the command line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The role of the link's session.
    pub(crate) role: Role,
}

/// The reply.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) url: String,
}

/// Issues links, one caller after the other: each is answered at once.
pub(super) async fn serve(listener: UnixListener, console: Arc<Console>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An invalid request gets no reply.
                let _ = timeout(WITHIN, answer(stream, &console)).await;
            }
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(stream: UnixStream, console: &Console) -> anyhow::Result<()> {
    let uid = stream.peer_cred()?.uid();
    anyhow::ensure!(uid == 0 || uid == geteuid().as_raw(), "user {uid} may not ask");
    let name = User::from_uid(uid.into()).ok().flatten().map(|user| user.name);
    let name = name.unwrap_or_else(|| format!("user {uid}"));
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST)).read_line(&mut line).await?;
    let request: Request = serde_json::from_str(&line)?;
    let grant = Grant { name, role: request.role, token: None };
    let code = console.auth().links.add(grant, None, clock::now())?;
    let reply = Reply { url: format!("{}/login?code={code}", console.origin) };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    Ok(writer.write_all(&line).await?)
}
