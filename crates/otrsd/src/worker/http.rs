//! The HTTP client that calls a URL for a task. Redirects are not followed: secret headers are sent only to their
//! intended host.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::time::timeout;

use super::{
    command::letter,
    execution::{Ended, Interruption, Order},
    http_result::{ending, explained, retry_after, without_secrets},
    outcome::Ending,
};
use crate::{clock, config::http::Call, logs, process::output::Tail};

const CONNECT: Duration = Duration::from_secs(10);
/// A connection that was idle for this long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// The part of an answer that is read: enough to explain a failure.
const BEGINNING: usize = 8 << 10;
/// The time limit for that; the status has already decided the outcome.
const PATIENCE: Duration = Duration::from_secs(10);

type Connections = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The connections of one worker, created for the first call: the certificates are read then.
#[derive(Debug, Default)]
pub(super) struct Client {
    connections: OnceLock<Result<Connections, rustls::Error>>,
}

impl Client {
    /// Makes the call for a task. Dropping the future ends the request.
    pub(super) async fn run(&self, call: &Call, order: &Order, stop: &Interruption) -> Ended {
        let told = stop.told(order.policy.timeout);
        tokio::pin!(told);
        let connections = match self.connections.get_or_init(connect) {
            Ok(connections) => connections,
            Err(error) => return temporary(format!("no TLS: {error}")),
        };
        let answer = tokio::select! {
            biased;
            answer = connections.request(request(call, order)) => answer,
            ours = &mut told => return Ended::without_costs(unanswered(call, ours)),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                return temporary(format!("{}: {:#}", call.place(), anyhow::Error::new(error)));
            }
        };
        let (head, body) = answer.into_parts();
        let mut beginning = Tail::default();
        tokio::select! {
            _ = timeout(PATIENCE, read(body, &mut beginning)) => {}
            _ = &mut told => {}
        }
        let why = explained(call, head.status, &beginning);
        let pause = retry_after(&head.headers, clock::now_utc());
        let output = beginning.text().map(|text| without_secrets(text, &call.headers));
        Ended { output, ..Ended::without_costs(ending(head.status, why, pause)) }
    }
}

fn connect() -> Result<Connections, rustls::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    // Named explicitly, since a program that uses this crate may have several.
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots())
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
    let https = builder.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(https))
}

/// The certificates that this system trusts. Without any, only plain HTTP works.
fn roots() -> RootCertStore {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (trusted, _) = roots.add_parsable_certificates(loaded.certs);
    if trusted == 0 {
        let why = loaded.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        logs::warn(&format!("this system trusts no certificates, so https fails{why}"));
    }
    roots
}

fn request(call: &Call, order: &Order) -> Request<Full<Bytes>> {
    let body = letter(&order.task, order.number(), &order.data);
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.url.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
        .insert(USER_AGENT, HeaderValue::from_static(concat!("otrsd/", env!("CARGO_PKG_VERSION"))));
    headers.extend(call.headers.clone());
    request
}

async fn read(mut body: Incoming, beginning: &mut Tail) {
    let mut left = BEGINNING;
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.data_ref().map(AsRef::as_ref).unwrap_or_default();
        beginning.push(&data[..data.len().min(left)]);
        left = left.saturating_sub(data.len());
        if left == 0 {
            return;
        }
    }
}

fn temporary(why: String) -> Ended {
    Ended::without_costs(Ending::Temporary(why, Duration::ZERO))
}

/// A slow server may be faster at the next attempt.
fn unanswered(call: &Call, ours: Ending) -> Ending {
    match ours {
        Ending::TimedOut(why) => {
            Ending::Temporary(format!("{}: {why}", call.place()), Duration::ZERO)
        }
        ours => ours,
    }
}
