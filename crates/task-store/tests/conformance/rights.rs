//! What a user may not do, told without a change.

use task_store::{Error, Options, Store};

use crate::claiming::claim;
use crate::finishing::done;
use crate::place::{Kind, Place, identity, now, task, worker};

/// Who may do everything hears of nothing.
pub async fn nothing_is_missing(kind: Kind) {
    let place = Place::new(kind).await;
    assert_eq!(place.store.forbidden().await.unwrap(), []);
    assert!(place.store.may_create().await.unwrap());
    assert!(!place.store.is_read_only().await.unwrap());
    #[expect(clippy::disallowed_methods, reason = "the database reads its clock, too")]
    let now = jiff::Timestamp::now();
    let skew = place.store.clock().await.unwrap().duration_since(now);
    assert!(skew.abs().as_secs() < 5, "{skew}");
}

/// Of a user who was forgotten, in a home.
pub async fn what_is_missing(kind: Kind) {
    let place = Place::home(kind).await;
    let user = format!("otrsd_{:x}", fastrand::u64(..));
    place.sql(&grants(kind, &user)).await;
    let (scheme, rest) = place.url.split_once("://").unwrap();
    let (_, server) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://{user}:secret@{server}");
    let store = Store::connect(&url, Options { home: true, ..Options::default() }).unwrap();
    let status = store.schema_status(&identity()).await.unwrap();
    assert!(status.is_current(), "{status:?}");
    let forbidden = store.forbidden().await.unwrap();
    let told: Vec<_> =
        forbidden.iter().map(|it| (it.table.as_str(), it.rights.join(" "))).collect();
    let expected = match kind {
        Kind::Postgres => vec![
            ("scheduler_task", "INSERT UPDATE DELETE USAGE".to_owned()),
            ("scheduler_future_task", "USAGE".to_owned()),
            ("otrsd_held", "DELETE".to_owned()),
        ],
        _ => vec![
            ("scheduler_task", "INSERT UPDATE DELETE".to_owned()),
            ("otrsd_held", "DELETE".to_owned()),
        ],
    };
    assert_eq!(told, expected);
    assert!(forbidden.iter().all(|it| it.reason.contains("denied")), "{forbidden:?}");
    assert!(!store.may_create().await.unwrap());
    for table in ["scheduler_task", "scheduler_future_task", "otrsd_held"] {
        assert_eq!(place.count(table).await, 0);
    }
    if kind == Kind::Postgres {
        // A table that may not be read is not one that is not there.
        place.sql(&format!("REVOKE ALL ON otrsd_schema FROM {user}")).await;
        let error = store.schema_status(&identity()).await.unwrap_err().to_string();
        assert!(error.contains("permission denied for table otrsd_schema"), "{error}");
    }
}

/// A right that an administrator takes away while tasks run: what ended is kept, and written once it is given back.
pub async fn the_ledger_takes_nothing_for_a_while(kind: Kind) {
    let place = Place::home(kind).await;
    let user = format!("otrsd_{:x}", fastrand::u64(..));
    let who = if kind == Kind::Postgres { user.clone() } else { format!("'{user}'@'%'") };
    let rest = format!("GRANT ALL ON scheduler_task TO {who}; GRANT ALL ON otrsd_held TO {who}");
    place.sql(&format!("{}; {rest}", grants(kind, &user))).await;
    let (scheme, rest) = place.url.split_once("://").unwrap();
    let (_, server) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://{user}:secret@{server}");
    let store = Store::connect(&url, Options { home: true, ..Options::default() }).unwrap();
    place.store.enqueue_many(&[task("a"), task("b")], now()).await.unwrap();
    let tasks = claim(&store, worker(1), 9).await;
    place.sql(&format!("REVOKE INSERT ON otrsd_execution FROM {who}")).await;
    let ends = done(&tasks, worker(1));
    let error = store.finish(worker(1), &ends, None, now()).await.unwrap_err();
    assert!(
        matches!(error, Error::Refused(_)) && error.to_string().contains("denied"),
        "{error:?}"
    );
    assert_eq!((place.count("scheduler_task").await, place.count("otrsd_held").await), (2, 0));
    place.sql(&format!("GRANT INSERT ON otrsd_execution TO {who}")).await;
    let finish = store.finish(worker(1), &ends, None, now()).await.unwrap();
    assert_eq!((finish.ours, finish.refused), (vec![true; 2], vec![]));
    assert_eq!((place.count("scheduler_task").await, place.count("otrsd_execution").await), (0, 2));
}

/// Everything but what the test expects to be told of.
fn grants(kind: Kind, user: &str) -> String {
    let ours = "otrsd_execution otrsd_occurrence otrsd_instance otrsd_limit otrsd_cancel otrsd_cron_pause \
                otrsd_pause otrsd_schema scheduler_future_task scheduler_recurrent_task";
    let who = if kind == Kind::Postgres { user.to_owned() } else { format!("'{user}'@'%'") };
    let mut text = if kind == Kind::Postgres {
        format!(
            "CREATE USER {who} PASSWORD 'secret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
             GRANT USAGE ON SEQUENCE scheduler_recurrent_task_id_seq TO {who}; "
        )
    } else {
        format!("CREATE USER {who} IDENTIFIED BY 'secret'; ")
    };
    let each = ours
        .split_whitespace()
        .map(|table| format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {who}; "));
    text.extend(each);
    text + &format!(
        "GRANT SELECT ON scheduler_task TO {who}; GRANT SELECT, INSERT, UPDATE ON otrsd_held TO {who}"
    )
}
