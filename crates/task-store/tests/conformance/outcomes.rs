//! A commit that comes late, after its caller heard nothing: what is said of it stays true.

use std::time::Duration;

use task_store::{Added, Error, NewTask, Options, Store};

use crate::place::{Kind, Place, now, task};
use crate::proxy::{Cut, Proxy};

const MANY: i64 = 1 << 40;

fn limited(name: &str) -> NewTask {
    NewTask { max_parallel: 1, ..task(name) }
}

/// Where the database cannot tell yet, and a repeat waits for the first try, nobody knows.
pub async fn as_it_is_said(kind: Kind) {
    let place = Place::new(kind).await;
    let proxy = Proxy::new(&place.url, Cut::Late).await;
    let deadline = Duration::from_millis(500);
    let options = Options { connections: 1, deadline, ..Options::default() };
    let store = Store::connect(&proxy.url, options).unwrap();
    // The second of two has its statements prepared, as the third.
    for name in ["one", "two"] {
        proxy.cut_after(MANY);
        assert_eq!(store.enqueue(&limited(name), now()).await.unwrap(), Added::Added);
    }
    let messages = proxy.passed(MANY);
    proxy.cut_after(messages - 1);
    let said = store.enqueue(&limited("three"), now()).await;
    let three = place.count("scheduler_task WHERE name = 'three'").await;
    if kind == Kind::Postgres {
        // It ends a transaction that waits for so long, and the second try is certain.
        assert_eq!((said.unwrap(), three), (Added::Added, 1));
    } else {
        let error = said.unwrap_err();
        assert!(matches!(error, Error::UnknownOutcome(_)) && error.is_transient(), "{error:?}");
        assert_eq!(three, 0);
    }
    proxy.deliver().await;
    assert_eq!(place.count("scheduler_task WHERE name = 'three'").await, 1);
}

/// The commit of a first try is seen by the second, which meets its own limit.
pub async fn found_by_the_second_try(kind: Kind) {
    let place = Place::new(kind).await;
    let proxy = Proxy::new(&place.url, Cut::After).await;
    let store = Store::connect(&proxy.url, Options::default()).unwrap();
    for name in ["one", "two"] {
        proxy.cut_after(MANY);
        store.enqueue(&limited(name), now()).await.unwrap();
    }
    let messages = proxy.passed(MANY);
    proxy.cut_after(messages - 1);
    assert_eq!(store.enqueue(&limited("three"), now()).await.unwrap(), Added::Added);
    assert_eq!(place.count("scheduler_task WHERE name = 'three'").await, 1);
}
