//! A server on another host must be the right one before it gets a password. `0.0.0.0` leads here, and is no name of
//! this host.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use task_store::{DatabaseUrl, Error, Options, Store};

use crate::place::{Kind, Place};
use crate::servers::Servers;

const ELSEWHERE: &str = "0.0.0.0";

fn elsewhere(url: &str) -> String {
    url.replace("127.0.0.1", ELSEWHERE)
}

/// The parameters of a URL: the mode by its name for each kind of server.
fn mode(kind: Kind, postgres: &str, mariadb: &str) -> String {
    if kind == Kind::Postgres {
        format!("?sslmode={postgres}")
    } else {
        format!("?ssl-mode={mariadb}")
    }
}

/// How the first connection goes.
async fn met(url: &str, roots: Option<&[u8]>) -> Result<(), Error> {
    let url = DatabaseUrl::parse(url).unwrap();
    let url = roots.map_or(url.clone(), |pem| url.with_roots(pem));
    let options = Options { deadline: Duration::from_secs(30), ..Options::default() };
    Store::open(url, options).clock().await.map(drop)
}

/// The servers of the tests have no TLS.
pub async fn a_server_elsewhere_without_tls_is_refused(kind: Kind) {
    let place = Place::new(kind).await;
    let url = elsewhere(&place.url);
    let error = met(&url, None).await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert!(said.contains("no verified TLS: server does not support TLS."), "{said}");
    assert!(said.contains("ask for less by sslmode or ssl-mode"), "{said}");
    met(&(url + &mode(kind, "disable", "DISABLED")), None).await.unwrap();
}

fn openssl(directory: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(directory);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A CA, and a key and certificate of it for [`ELSEWHERE`].
fn certify(directory: &Path, ca: &str) {
    let of = |name: &str| {
        format!(
            "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.pem"
        )
    };
    openssl(directory, &format!("req -x509 -days 2 -subj /CN={ca} {}", of(ca)));
    let server = of("server").replace("-out", "-addext basicConstraints=CA:FALSE -out");
    let extension = format!("-addext subjectAltName=IP:{ELSEWHERE}");
    let signed = format!("req -x509 -days 2 -subj /CN=server -CA {ca}.pem -CAkey {ca}.key");
    openssl(directory, &format!("{signed} {extension} {server}"));
    for name in ["server.key", "server.pem"] {
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
}

/// Both servers with that certificate.
async fn serve(servers: &Servers) {
    let directory = servers.directory.path();
    let own = directory.join("postgres");
    for name in ["server.key", "server.pem"] {
        fs::copy(directory.join(name), own.join(name)).unwrap();
    }
    let mut give = Command::new("sh");
    give.args(["-c", "chown postgres server.* && chmod 600 server.key"]).current_dir(&own);
    assert!(give.status().unwrap().success());
    let set = ["ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl = on"];
    let set = set.map(|it| format!("ALTER SYSTEM SET {it}"));
    let all: Vec<_> = set.iter().map(String::as_str).chain(["SELECT pg_reload_conf()"]).collect();
    servers.sql(Kind::Postgres, &all).await;
    serve_mariadb(directory, servers.url(Kind::MariaDb));
}

/// MariaDB has TLS from its start on, or never.
fn serve_mariadb(directory: &Path, url: &str) {
    let port = url.rsplit_once(':').unwrap().1.split('/').next().unwrap();
    let script = format!(
        "mariadb-admin --no-defaults --user=root --socket=sockets/mariadb shutdown
         while [ -e sockets/mariadb.pid ]; do sleep 0.1; done
         setsid mariadbd --no-defaults --user=mysql --datadir=$PWD/mariadb --port={port} --tmpdir=$PWD/tmp \
            --bind-address=127.0.0.1 --socket=$PWD/sockets/mariadb --pid-file=$PWD/sockets/mariadb.pid \
            --ssl-cert=$PWD/server.pem --ssl-key=$PWD/server.key --log-error=$PWD/mariadb/log &
         for try in $(seq 300); do
            mariadb-admin --no-defaults --user=root --socket=sockets/mariadb ping && exit
            sleep 0.1
         done"
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_must_be_right() {
    let servers = Servers::start();
    let directory = servers.directory.path();
    certify(directory, "other");
    certify(directory, "right");
    serve(&servers).await;
    let [right, other] =
        ["right.pem", "other.pem"].map(|name| fs::read(directory.join(name)).unwrap());
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let url = elsewhere(servers.url(kind));
        met(&url, Some(&right)).await.unwrap();
        for roots in [Some(&other[..]), None] {
            let error = met(&url, roots).await.unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, Error::Refused(_)), "{kind:?}: {error:?}");
            assert!(said.contains("no verified TLS: invalid peer certificate"), "{kind:?}: {said}");
        }
        // Another name than that of the certificate.
        let named =
            url.replace(ELSEWHERE, "127.0.0.1") + &mode(kind, "verify-full", "VERIFY_IDENTITY");
        let error = met(&named, Some(&right)).await.unwrap_err();
        assert!(error.to_string().contains("not valid for name"), "{kind:?}: {error}");
        met(&(url + &mode(kind, "require", "REQUIRED")), None).await.unwrap();
    }
}
