//! The HTTP server, with limits of connections, durations and sizes: a slow or greedy client affects only itself.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    time::sleep,
};

use super::{peer::Peer, places::ConnectionSlots};
use crate::{
    config::console::Listen,
    process::socket::{self, short},
};

/// The timeout of the request line and all headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const LONGEST_HEADERS: usize = 16 << 10;

/// A bound listener.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// # Errors
    ///
    /// Another process uses the port or the path.
    pub(super) async fn bind(place: &Listen) -> anyhow::Result<Self> {
        match place {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).await;
                Ok(Self::Tcp(listener.with_context(|| format!("cannot listen on {address}"))?))
            }
            Listen::Unix(path) => Ok(Self::Unix(bind_socket(path, 0o660)?)),
        }
    }

    /// The URL for a browser on this host.
    pub(super) fn origin(&self) -> Option<String> {
        match self {
            Self::Tcp(listener) => Some(format!("http://{}", listener.local_addr().ok()?)),
            Self::Unix(_) => None,
        }
    }

    /// Serves until the task is dropped.
    pub(super) async fn serve(self, app: Router) {
        let places = Arc::new(ConnectionSlots::default());
        loop {
            let accepted = match &self {
                Self::Tcp(listener) => listener.accept().await.and_then(|(stream, theirs)| {
                    let _ = stream.set_nodelay(true);
                    let peer = Peer::Tcp { ours: stream.local_addr()?, theirs };
                    spawn(stream, peer, &app, &places);
                    Ok(())
                }),
                Self::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    let uid = stream.peer_cred().ok().map(|it| it.uid());
                    spawn(stream, Peer::Unix { uid }, &app, &places);
                }),
            };
            if accepted.is_err() {
                // Most likely no descriptors are left: let some connections end.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Binds a socket in the file system; a stale one is replaced.
pub(super) fn bind_socket(path: &Path, mode: u32) -> anyhow::Result<UnixListener> {
    let is_left_over = || {
        let connected = short(path, |path| std::os::unix::net::UnixStream::connect(path));
        matches!(connected, Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    };
    let bind = || socket::bind(path, mode, |path| std::os::unix::net::UnixListener::bind(path));
    let bound = match bind() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over() => {
            fs::remove_file(path).and_then(|()| bind())
        }
        bound => bound,
    };
    let listener = bound.with_context(|| format!("cannot listen on {}", path.display()))?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener)?)
}

fn spawn<S>(stream: S, peer: Peer, app: &Router, places: &Arc<ConnectionSlots>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = TowerToHyperService::new(app.clone());
    places.admit(peer, |connection| {
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&connection));
            app.call(request)
        });
        let serving = async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(HEADERS_WITHIN)
                .max_buf_size(LONGEST_HEADERS);
            // A client that disconnects or does not speak HTTP is no error of the console.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        };
        tokio::spawn(serving).abort_handle()
    });
}
