//! The checks of the installation's database: whether it answers, what its user may do there, its clock, and which
//! other programs work with it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nix::unistd::gethostname;
use sysconfig::SysConfig;
use task_store::{Error, Forbidden, Moved, SCHEMA_VERSION, SchemaStatus, SeenLock, Store};
use tokio::{runtime, time::timeout};

use super::{
    Finding,
    rivals::{self, Here, Node},
};
use crate::{
    clock,
    config::{Configuration, database, identity, modules::Kind, node},
};

/// The longest wait for an unreachable database.
const DEADLINE: Duration = Duration::from_secs(5);
/// The permitted difference between the clocks.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// The answers of the database.
#[derive(Debug)]
struct Seen {
    schema: SchemaStatus,
    forbidden: Vec<Forbidden>,
    may_create: bool,
    is_read_only: bool,
    /// How far its clock is ahead of this host's.
    ahead: SignedDuration,
    /// Whether a worker is registered, dead or alive.
    has_workers: bool,
    locks: Vec<SeenLock>,
}

pub(super) fn findings(configuration: &Configuration, here: &Here) -> Vec<Finding> {
    let settings = &configuration.settings;
    let host = gethostname().unwrap_or_default().to_string_lossy().into_owned();
    let is_native = configuration.modules.iter().any(|it| it.kind == Kind::Native);
    let node = Node { id: node(settings), host: &host, runs: here.runs };
    match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            match database::open(settings, 1) {
                Ok(store) => ask(&store, settings, node, is_native).await,
                // A wrong time zone is reported elsewhere.
                Err(_) if database::zone(settings).is_err() => Vec::new(),
                Err(error) => vec![Finding::Problem(format!("database {error:#}"))],
            }
        }),
        Err(error) => vec![Finding::Problem(format!("cannot ask the database: {error}"))],
    }
}

async fn ask(store: &Store, settings: &SysConfig, node: Node<'_>, is_native: bool) -> Vec<Finding> {
    let seen = match timeout(DEADLINE, look(store, settings)).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => return vec![away(settings, &error.to_string(), error.is_transient())],
        Err(_) => {
            let what = format!("no answer within {} s", DEADLINE.as_secs());
            return vec![away(settings, &what, true)];
        }
    };
    let mut findings = judge(&seen, is_native, &database::described(settings));
    if let Ok(zone) = database::zone(settings) {
        findings.extend(rivals::locks(&seen.locks, node, &zone, clock::now_utc()));
    }
    if seen.has_workers {
        match rivals::workers(store, node).await {
            Ok(others) => findings.extend(others),
            Err(error) => findings.push(away(settings, &error.to_string(), error.is_transient())),
        }
    }
    findings
}

fn away(settings: &SysConfig, what: &str, is_transient: bool) -> Finding {
    let advice = if is_transient {
        "is it running, and can it be reached from here?"
    } else {
        "correct DatabaseDSN, DatabaseUser and DatabasePw in Kernel/Config.pm, or the rights of that user"
    };
    Finding::Problem(format!("database {}: {what}: {advice}", database::described(settings)))
}

async fn look(store: &Store, settings: &SysConfig) -> task_store::Result<Seen> {
    let identity = identity::present(settings).unwrap_or_default();
    let schema = store.schema_status(&identity).await?;
    let before = clock::now_utc();
    let theirs = store.clock().await?;
    let ahead = ahead(before, theirs, clock::now_utc());
    let has = |table: &str| !schema.missing.iter().any(|it| it == table);
    let has_workers = has("otrsd_instance") && !readable(store.instances().await)?.is_empty();
    let tables = ["scheduler_task", "scheduler_future_task", "scheduler_recurrent_task"];
    let locks =
        if tables.iter().all(|it| has(it)) { readable(store.locks().await)? } else { Vec::new() };
    Ok(Seen {
        forbidden: store.forbidden().await?,
        may_create: store.may_create().await?,
        is_read_only: store.is_read_only().await?,
        schema,
        ahead,
        has_workers,
        locks,
    })
}

/// Missing privileges are reported separately.
fn readable<T>(answer: task_store::Result<Vec<T>>) -> task_store::Result<Vec<T>> {
    match answer {
        Err(Error::Refused(_)) => Ok(Vec::new()),
        answer => answer,
    }
}

/// The answer was given at some time between the two.
fn ahead(before: Timestamp, theirs: Timestamp, after: Timestamp) -> SignedDuration {
    if theirs < before {
        theirs.duration_since(before)
    } else if theirs > after {
        theirs.duration_since(after)
    } else {
        SignedDuration::ZERO
    }
}

/// Perl modules need none of this program's tables.
fn judge(seen: &Seen, is_native: bool, place: &str) -> Vec<Finding> {
    let mut problems = Vec::new();
    if seen.is_read_only {
        problems.push(
            "takes no writes: it is a standby, or default_transaction_read_only is on".to_owned(),
        );
    }
    if seen.ahead.abs() > SKEW {
        let (seconds, word) =
            (seen.ahead.abs().as_secs(), if seen.ahead.is_negative() { "behind" } else { "ahead" });
        problems.push(format!(
            "its clock is {seconds} s {word}; let both hosts follow a time server (NTP), or planned tasks run at the \
             wrong time"
        ));
    }
    if is_native {
        problems.extend(schema(&seen.schema, seen.may_create));
        problems.extend(seen.forbidden.iter().map(rights));
    }
    let problem = |what| Finding::Problem(format!("database {place}: {what}"));
    let mut findings: Vec<_> = problems.into_iter().map(problem).collect();
    findings.extend(moved(&seen.schema, seen.has_workers, place).filter(|_| is_native));
    findings
}

fn schema(schema: &SchemaStatus, may_create: bool) -> Option<String> {
    let (homes, ours): (Vec<&str>, Vec<&str>) =
        schema.missing.iter().map(String::as_str).partition(|it| it.starts_with("scheduler_"));
    if !homes.is_empty() {
        let homes = homes.join(", ");
        return Some(format!(
            "{homes} missing, or not readable by this user: is it the installation's database?"
        ));
    }
    let may_not =
        "its user may not create tables: let an administrator run what otrsd db schema prints";
    match schema.version {
        // They are created at the start.
        None if may_create => None,
        None => Some(format!("the tables otrsd_* are not there, and {may_not}")),
        Some(version) if version > SCHEMA_VERSION => Some(format!(
            "its tables are of version {version}, and this program knows {SCHEMA_VERSION}: use a newer otrsd"
        )),
        Some(SCHEMA_VERSION) if ours.is_empty() => None,
        Some(version) => {
            let missing = if ours.is_empty() {
                String::new()
            } else {
                format!(", without {}", ours.join(", "))
            };
            let advice = if may_create { "run otrsd db migrate" } else { may_not };
            Some(format!(
                "its tables are of version {version}{missing}, and not as {SCHEMA_VERSION} should be: {advice}"
            ))
        }
    }
}

fn rights(forbidden: &Forbidden) -> String {
    let Forbidden { table, rights, reason } = forbidden;
    let rows: Vec<_> = rights.iter().filter(|it| **it != "USAGE").copied().collect();
    let mut grants = Vec::new();
    if !rows.is_empty() {
        grants.push(format!("GRANT {} ON {table}", rows.join(", ")));
    }
    if rows.len() < rights.len() {
        grants.push(format!("GRANT USAGE ON SEQUENCE {table}_id_seq"));
    }
    format!("table {table}: {reason}: let an administrator {} to its user", grants.join(" and "))
}

/// If workers are registered, this host may be a new node of the installation.
fn moved(schema: &SchemaStatus, has_workers: bool, place: &str) -> Option<Finding> {
    let moved = schema.moved.as_ref()?;
    let Moved { remembered, present, difference } = moved;
    let what =
        format!("database {place} remembers {remembered}, and this is {present}{difference}");
    Some(if has_workers {
        Finding::Hint(format!(
            "{what}: if workers live there this host joins them, else it is a copy, and nothing runs until otrsd db adopt"
        ))
    } else {
        Finding::Problem(format!(
            "{what}: it is a copy, or this is another host. Nothing runs until otrsd db adopt"
        ))
    })
}

#[cfg(test)]
mod tests {
    use task_store::{Difference, Identity};

    use super::*;

    fn status(version: Option<i64>, missing: &[&str]) -> SchemaStatus {
        SchemaStatus {
            version,
            missing: missing.iter().map(|it| (*it).to_owned()).collect(),
            moved: None,
        }
    }

    #[test]
    fn tables() {
        let now = Some(SCHEMA_VERSION);
        for (version, missing, may_create, expected) in [
            (now, &[][..], true, None),
            (now, &[], false, None),
            (None, &["otrsd_schema"], true, None),
            (None, &["otrsd_schema"], false, Some("may not create tables")),
            (Some(99), &[], true, Some("version 99, and this program knows")),
            (Some(0), &[], true, Some("version 0, and not as 1 should be: run otrsd db migrate")),
            (now, &["otrsd_held"], true, Some("without otrsd_held")),
            (now, &["otrsd_held"], false, Some("may not create tables")),
            (
                None,
                &["scheduler_task", "otrsd_held"],
                true,
                Some("is it the installation's database?"),
            ),
        ] {
            let said = schema(&status(version, missing), may_create);
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(
                said.unwrap_or_default().contains(expected.unwrap_or_default()),
                "{expected:?}"
            );
        }
    }

    #[test]
    fn rights_that_are_missing() {
        for (missing, expected) in [
            (&["UPDATE", "DELETE"][..], "administrator GRANT UPDATE, DELETE ON t to its user"),
            (&["USAGE"], "administrator GRANT USAGE ON SEQUENCE t_id_seq to its user"),
            (
                &["INSERT", "USAGE"],
                "administrator GRANT INSERT ON t and GRANT USAGE ON SEQUENCE t_id_seq to",
            ),
        ] {
            let forbidden =
                Forbidden { table: "t".into(), rights: missing.to_vec(), reason: "no".into() };
            assert!(rights(&forbidden).contains(expected), "{}", rights(&forbidden));
        }
    }

    #[test]
    fn clocks() {
        let time = |second: i64| Timestamp::from_second(1_900_000_000 + second).unwrap();
        for (before, theirs, after, expected) in
            [(0, 0, 0, 0), (0, 1, 2, 0), (0, 9, 2, 7), (5, 2, 6, -3)]
        {
            let seconds = ahead(time(before), time(theirs), time(after)).as_secs();
            assert_eq!(seconds, expected, "{before} {theirs} {after}");
        }
        for (seconds, expected) in [(5, None), (6, Some("6 s ahead")), (-60, Some("60 s behind"))] {
            let seen = Seen { ahead: SignedDuration::from_secs(seconds), ..good() };
            let said = format!("{:?}", judge(&seen, true, "d"));
            assert_eq!(said != "[]", expected.is_some(), "{said}");
            assert!(said.contains(expected.unwrap_or_default()), "{said}");
        }
    }

    fn good() -> Seen {
        Seen {
            schema: status(Some(SCHEMA_VERSION), &[]),
            forbidden: Vec::new(),
            may_create: true,
            is_read_only: false,
            ahead: SignedDuration::ZERO,
            has_workers: false,
            locks: Vec::new(),
        }
    }

    #[test]
    fn copies_and_standbys() {
        assert_eq!(judge(&good(), true, "d"), []);
        let standby = judge(&Seen { is_read_only: true, ..good() }, true, "d");
        assert!(
            matches!(&standby[..], [Finding::Problem(text)] if text.contains("takes no writes"))
        );
        let moved = Moved {
            remembered: Identity { hosts: vec!["alpha".into()], ..Identity::default() },
            present: Identity { hosts: vec!["beta".into()], ..Identity::default() },
            difference: Difference::Host,
        };
        let schema = SchemaStatus { moved: Some(moved), ..status(Some(SCHEMA_VERSION), &[]) };
        let alone = judge(&Seen { schema: schema.clone(), ..good() }, true, "d");
        assert!(
            matches!(&alone[..], [Finding::Problem(text)] if text.contains("remembers alpha, and this is beta"))
        );
        let beside =
            judge(&Seen { schema: schema.clone(), has_workers: true, ..good() }, true, "d");
        assert_eq!(judge(&Seen { schema, may_create: false, ..good() }, false, "d"), []);
        assert!(matches!(&beside[..], [Finding::Hint(_)]), "{beside:?}");
    }
}
