//! PostgreSQL: how sessions begin, and what becomes of one that listens and hears nothing any more.

use std::time::Duration;

use task_store::{Error, Options, Store, Woken};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::place::{Kind, Place, now, task};
use crate::proxy::{Cut, Proxy};

/// A firewall forgets the connections that there are: the waiter has a new one after its next look.
#[tokio::test]
async fn silence_is_noticed() {
    let place = Place::new(Kind::Postgres).await;
    let proxy = Proxy::new(&place.url, Cut::Before).await;
    let deadline = Duration::from_secs(1);
    let store = Store::connect(&proxy.url, Options { deadline, ..Options::default() }).unwrap();
    let mut waiter = store.waiter().await.unwrap();
    while waiter.wait(Duration::from_millis(300)).await.unwrap() == Woken::Work {}
    proxy.forget_connections();
    // Nobody else looks into the database: only the waiting itself can find out, and tells of a look to make.
    while waiter.wait(Duration::from_mins(1)).await.is_err() {}
    while waiter.wait(Duration::from_millis(300)).await.unwrap() == Woken::Work {}
    let added = task("a");
    let (woken, _) =
        tokio::join!(waiter.wait(Duration::from_secs(9)), place.store.enqueue(&added, now()));
    assert_eq!(woken.unwrap(), Woken::Work);
}

/// PgBouncer lets these through, and nothing else.
#[tokio::test]
async fn a_connection_begins_as_poolers_let_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let url = format!("postgres://someone@{here}/tasks?sslmode=disable");
    let store = Store::connect(&url, Options::default()).unwrap();
    let asking = tokio::spawn(async move { store.instances().await });
    let (mut client, _) = listener.accept().await.unwrap();
    let mut start = vec![0; 4096];
    let read = client.read(&mut start).await.unwrap();
    let words: Vec<&[u8]> = start[8..read].split(|byte| *byte == 0).collect();
    let mut names: Vec<&str> =
        words.chunks(2).map(|pair| std::str::from_utf8(pair[0]).unwrap()).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    let known =
        ["DateStyle", "TimeZone", "application_name", "client_encoding", "database", "user"];
    assert_eq!(names, known);
    asking.abort();
}

/// A session that bears the mark of another before it began.
#[tokio::test]
async fn a_session_that_a_pooler_shares_is_refused() {
    let place = Place::new(Kind::Postgres).await;
    let name = place.url.rsplit_once('/').unwrap().1;
    place.sql(&format!("ALTER DATABASE {name} SET otrsd.session = 'begun'")).await;
    let error = place.another().instances().await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused(text) if text.contains("pool_mode = session")),
        "{error:?}"
    );
}
