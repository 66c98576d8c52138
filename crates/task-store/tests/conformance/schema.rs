//! Making, checking and removing the tables.

use task_store::{
    Difference, Error, Facts, FileId, HeldState, Hold, Identity, Options, SCHEMA_VERSION, Then,
};

use crate::claiming::claim;
use crate::place::{Kind, Place, identity, names, now, task, worker};

pub async fn made_twice_and_taken_away(kind: Kind) {
    let place = Place::bare(kind, Options::default()).await;
    let status = place.store.schema_status(&identity()).await.unwrap();
    assert_eq!((status.version, status.missing.len(), status.moved.clone()), (None, 12, None));
    assert!(!status.is_current());
    for _ in 0..2 {
        place.store.migrate(&identity(), true).await.unwrap();
        place.store.check_schema().await.unwrap();
    }
    let status = place.store.schema_status(&identity()).await.unwrap();
    assert_eq!(
        (status.version, status.missing.len(), status.moved.clone()),
        (Some(SCHEMA_VERSION), 0, None)
    );
    assert!(status.is_current());

    place.store.enqueue_many(&["held", "waiting"].map(task), now()).await.unwrap();
    let tasks = claim(&place.store, worker(1), 1).await;
    let hold = Hold { state: HeldState::Failed, due: None, reason: String::new() };
    let end = task_store::Finished { row: tasks[0].row, execution: None, then: Then::Hold(hold) };
    place.store.finish(worker(1), &[end], None, now()).await.unwrap();
    assert_eq!(place.store.remove_schema().await.unwrap(), 1);
    assert_eq!(place.count("scheduler_task WHERE lock_key = 0").await, 2);
    let status = place.store.schema_status(&identity()).await.unwrap();
    assert_eq!((status.version, status.missing.len()), (None, 9));
    place.store.migrate(&identity(), true).await.unwrap();
    assert_eq!(names(&claim(&place.store, worker(1), 9).await), ["waiting", "held"]);
}

pub async fn a_copy_is_noticed(kind: Kind) {
    let place = Place::new(kind).await;
    let other_host = Identity { hosts: vec!["beta".into()], ..identity() };
    let other_system = Identity { system: "11".into(), ..identity() };
    for copy in [&other_host, &other_system] {
        let moved = place.store.schema_status(copy).await.unwrap().moved.unwrap();
        assert_eq!((&moved.remembered, &moved.present), (&identity(), copy));
    }
    place.store.migrate(&other_host, false).await.unwrap();
    assert!(
        place.store.schema_status(&other_host).await.unwrap().moved.is_some(),
        "only adopt adopts"
    );
    place.store.adopt(&other_host).await.unwrap();
    assert_eq!(place.store.schema_status(&other_host).await.unwrap().moved, None);
    assert!(place.store.schema_status(&identity()).await.unwrap().moved.is_some());
    place.store.join(&identity()).await.unwrap();
    for known in [&other_host, &identity()] {
        assert_eq!(place.store.schema_status(known).await.unwrap().moved, None);
    }
}

/// The database is the one that it was, under another name of its host.
pub async fn a_renamed_host_works_on(kind: Kind) {
    let place = Place::new(kind).await;
    let file = Some(FileId { inode: 7, born: None, system: 1 }).filter(|_| kind == Kind::Sqlite);
    let host = |name: &str, machine: &str| Identity {
        hosts: vec![name.into()],
        facts: [(name.into(), Facts { machine: Some(machine.into()), file, ..Facts::default() })]
            .into(),
        ..identity()
    };
    place.store.adopt(&host("alpha", "m")).await.unwrap();
    let remembered = place.store.identity().await.unwrap().unwrap();
    assert_eq!(remembered.facts["alpha"].server.is_some(), kind != Kind::Sqlite);
    let renamed = host("beta", "m");
    assert_eq!(place.store.schema_status(&renamed).await.unwrap().moved, None);
    place.store.join(&renamed).await.unwrap();
    assert_eq!(place.store.identity().await.unwrap().unwrap().hosts, ["beta", "alpha"]);
    // Its tables in another database are a copy.
    let copy = Place::new(kind).await;
    for name in ["identity", "hosts"] {
        let rows = format!("otrsd_schema WHERE name = '{name}'");
        let value = place.value(&format!("SELECT value FROM {rows}")).await.unwrap();
        copy.sql(&format!("DELETE FROM {rows}")).await;
        copy.sql(&format!("INSERT INTO otrsd_schema (name, value) VALUES ('{name}', '{value}')"))
            .await;
    }
    let elsewhere = match kind {
        Kind::Sqlite => {
            let mut other = host("gamma", "m");
            other.facts.get_mut("gamma").unwrap().file =
                Some(FileId { inode: 8, born: None, system: 1 });
            other
        }
        _ => host("gamma", "m"),
    };
    let moved = copy.store.schema_status(&elsewhere).await.unwrap().moved.unwrap();
    assert_eq!(moved.difference, Difference::Host);
    assert_eq!(
        moved.to_string(),
        "the database was used on beta, alpha (SystemID 10), and this is gamma (SystemID 10)"
    );
}

pub async fn without_tables(kind: Kind) {
    let place = Place::bare(kind, Options::default()).await;
    for error in [
        place.store.check_schema().await.unwrap_err(),
        place.store.enqueue(&task("a"), now()).await.unwrap_err(),
        place.store.renew(worker(1), &[], now()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Schema(_)), "{error:?}");
        assert!(error.to_string().contains("db migrate"), "{error}");
        assert!(!error.is_transient());
    }
}

pub async fn by_many_at_once(kind: Kind) {
    let place = Place::bare(kind, Options::default()).await;
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = place.another();
        nodes.spawn(async move { store.migrate(&identity(), false).await });
    }
    for outcome in nodes.join_all().await {
        outcome.unwrap();
    }
    place.store.check_schema().await.unwrap();
}
