//! A database that cannot be reached as the settings say: which setting, and never its password.

use std::{fs, net::TcpListener};

use crate::{
    harness::{setting, wait_until},
    tasks::{Database, Tasks, shell},
};

const SECRET: &str = "hunter2-is-no-password";

#[test]
fn postgres_says_which_setting_is_wrong() {
    says_which_setting_is_wrong(Database::Postgres);
}

#[test]
fn mariadb_says_which_setting_is_wrong() {
    says_which_setting_is_wrong(Database::MariaDb);
}

fn says_which_setting_is_wrong(database: Database) {
    let tasks = Tasks::new(database, &[shell("Echo", "true", &[])]);
    let name = format!("strict_{}", fastrand::u32(..));
    let (scheme, rest) = tasks.url.split_once("://").unwrap();
    let (server, own) = rest.split_once('@').unwrap().1.rsplit_once('/').unwrap();
    let tls = if database == Database::Postgres { "sslmode=require" } else { "ssl-mode=REQUIRED" };
    let nobody_listens = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let user = format!("{scheme}://{name}:{SECRET}");
    // The throwaway PostgreSQL believes everybody; an unknown user stands for a wrong password.
    for (url, words) in [
        (format!("{user}@{server}/{own}"), &[name.as_str()][..]),
        (
            tasks.url.replace(own, "no_such_database").replace('@', &format!(":{SECRET}@")),
            &["no_such_database"],
        ),
        (format!("{user}@{nobody_listens}/{own}"), &["refused", "os error 111"]),
        (format!("{user}@no-such-host.invalid/{own}"), &["no-such-host.invalid"]),
        (format!("{}?{tls}", tasks.url.replace('@', &format!(":{SECRET}@"))), &["TLS"]),
    ] {
        tasks.world.configure("20-database", &[setting("DatabaseURL", &url)]);
        tasks.world.start();
        let log = wait_until(&format!("a word about {url}"), || {
            Some(tasks.world.worker_log()).filter(|log| log.contains("trying again"))
        });
        let said = tasks.world.otrsd(&["task", "list"]);
        assert_eq!((said.code, said.stdout.as_str()), (4, ""), "{said:?}");
        for text in [&said.stderr, &log] {
            assert!(text.contains("/config/20-database.xml:2"), "{text}");
            assert!(words.iter().any(|word| text.contains(word)), "{words:?} in {text}");
            assert_eq!(text.matches("setting DatabaseURL").count(), 1, "{text}");
        }
        assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
        assert!(!said.stderr.contains(SECRET), "{said:?}");
        for (_, line) in tasks.world.processes() {
            assert!(!line.contains(SECRET), "{line}");
        }
        tasks.world.otrsd(&["stop"]).ok();
        for entry in fs::read_dir(tasks.world.path("log")).unwrap().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap();
            assert!(!text.contains(SECRET), "{}: {text}", entry.path().display());
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
fn a_url_that_means_nothing_is_refused_without_its_password() {
    let tasks = Tasks::new(Database::Sqlite, &[]);
    for url in [
        format!("postgres://user:{SECRET}@host:port/name"),
        format!("mysql://user:{SECRET}@ho st/name"),
        format!("oracle://user:{SECRET}@host/name"),
        format!("postgres://user:{SECRET}@host/name?sslmode=perhaps"),
        format!("user:{SECRET}@host/name"),
    ] {
        tasks.world.configure("20-database", &[setting("DatabaseURL", &url)]);
        let said = tasks.world.otrsd(&["task", "list"]);
        assert!(said.code == 3 && said.stdout.is_empty(), "{url}: {said:?}");
        assert!(
            said.stderr.contains("20-database.xml:2") && !said.stderr.contains(SECRET),
            "{said:?}"
        );
        assert!(said.stderr.contains("DatabaseURL"), "{said:?}");
    }
    let listed = tasks.world.otrsd(&["config", "list"]).ok().stdout;
    assert!(listed.contains("DatabaseURL") && !listed.contains(SECRET), "{listed}");
}
