//! What URLs name, and what is wrong with them.

use super::*;

/// What is wrong with it, or its addresses, or its file.
fn read(url: &str) -> String {
    fn names<O>(addresses: &[Address<O>]) -> String {
        addresses.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(" ")
    }
    match DatabaseUrl::parse(url) {
        Ok(DatabaseUrl { target: Target::Sqlite(file), .. }) => file.display().to_string(),
        Ok(DatabaseUrl { target: Target::Postgres(addresses), .. }) => names(&addresses),
        Ok(DatabaseUrl { target: Target::MariaDb(addresses), .. }) => names(&addresses),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_named() {
    for (url, expected) in [
        ("sqlite:/a/b.db", "/a/b.db"),
        ("sqlite:///a/b.db?mode=rwc", "/a/b.db"),
        ("sqlite:/a%20b.db", "/a b.db"),
        ("postgres://u:p%40%2F@db.example/tasks", "db.example"),
        ("postgresql://db:5433/tasks?sslmode=require&options[a.b]=c", "db:5433"),
        ("postgres://u:p@ss@[::1]:5433,b/tasks", "[::1]:5433 b"),
        ("postgres://a,b:1,c/tasks?target_session_attrs=read-write", "a b:1 c"),
        ("postgres:///tasks?host=/var/run/postgresql&user=u", ""),
        ("postgres://%2Fvar%2Frun/tasks", "%2Fvar%2Frun"),
        ("postgres://db", "db"),
        ("mysql://u:p@a:3306,b/tasks", "a:3306 b"),
        ("mariadb://u@localhost/tasks?socket=/run/mysqld/mysqld.sock", "localhost"),
    ] {
        assert_eq!(read(url), expected, "{url}");
    }
}

#[test]
fn a_server_elsewhere_is_verified_unless_less_is_asked_for() {
    for (url, expected) in [
        ("sqlite:/a/b.db", ""),
        ("postgres://u:p@db.example/tasks", ""),
        ("postgres://u:p@[2001:db8::1]/tasks?sslrootcert=/ca.pem", ""),
        ("postgres://u:p@a,localhost,b:1/tasks?sslmode=require", "a b:1"),
        ("postgres://u:p@a/tasks?sslmode=verify-ca", "a"),
        ("postgres://u:p@a/tasks?ssl-mode=verify-full", ""),
        ("postgres://u:p@10.0.0.5/tasks?sslmode=disable", "10.0.0.5"),
        ("postgres://u:p@127.0.0.7/tasks", ""),
        ("postgres:///tasks?host=db.example", ""),
        ("postgres:///tasks?host=/run/postgresql&sslmode=disable", ""),
        ("mysql://u:p@a,b/tasks?ssl-mode=PREFERRED", "a b"),
        ("mysql://u:p@a/tasks?sslmode=VERIFY_IDENTITY", ""),
        ("mysql://u:p@a/tasks?socket=/run/mysqld.sock&ssl-mode=DISABLED", ""),
        ("mysql://u:p@[::1]/tasks?ssl-mode=DISABLED", ""),
    ] {
        assert_eq!(DatabaseUrl::parse(url).unwrap().unverified().join(" "), expected, "{url}");
    }
    let is_verified = |url: &str| match DatabaseUrl::parse(url).unwrap().target {
        Target::Sqlite(_) => false,
        Target::Postgres(addresses) => addresses.iter().all(|it| it.options.is_verified()),
        Target::MariaDb(addresses) => addresses.iter().all(|it| it.options.is_verified()),
    };
    for (url, expected) in [
        ("postgres://db.example/tasks", true),
        ("mysql://[2001:db8::1]:1/tasks", true),
        // What the original's clients do on one host.
        ("postgres://localhost/tasks", false),
        ("mysql://127.0.0.1/tasks", false),
        ("mysql://a/tasks?socket=/run/mysqld.sock", false),
    ] {
        assert_eq!(is_verified(url), expected, "{url}");
    }
}

#[test]
fn passwords_and_certificates() {
    for (url, password, roots) in [
        ("postgres://otrs:p%40ss%C3%A4%@db/otrs", Some("p@ss\u{e4}%"), None),
        ("postgres:///otrs?user=u&password=p%26ss", Some("p&ss"), None),
        ("mysql://otrs@db/otrs?ssl-ca=%2Fa%20b%2Fca.pem", None, Some("/a b/ca.pem")),
        ("sqlite:/a:b@c", None, None),
    ] {
        let read = DatabaseUrl::parse(url).unwrap();
        assert_eq!((read.password(), read.roots()), (password, roots.map(Path::new)), "{url}");
        let read = read.with_password("s3cret").with_roots(b"pem");
        let shown = format!("{read:?}");
        assert!(!shown.contains("ss") && !shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn what_is_wrong() {
    for (url, expected) in [
        ("", "it must start with"),
        ("tasks.db", "it must start with"),
        ("oracle://db/tasks", "it must start with"),
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:tasks.db", "tasks.db is no absolute path"),
        ("sqlite://data/tasks.db", "data/tasks.db is no absolute path"),
        ("sqlite:./tasks.db", "is no absolute path"),
        ("sqlite:~/tasks.db", "only a shell knows"),
        ("sqlite::memory:", "in memory"),
        ("sqlite:/var/lib/", "names a directory"),
        ("sqlite:/a.db?mode=ro", "only rwc fits"),
        ("sqlite:/a.db?mod=rwc", "did you mean mode?"),
        ("postgres:db/tasks", "after the scheme comes //"),
        ("postgres://u:s/cret@db/tasks", "has a / or @"),
        ("postgres://u/s:cret@db/tasks", "has a / or @"),
        ("postgres://u:s#cret@db/tasks", "has a #"),
        ("postgres://u:s?cret@db/tasks", "a ? is no parameter's"),
        ("postgres://db:0/tasks", "a port is a number"),
        ("postgres://db:65536/tasks", "a port is a number"),
        ("postgres://db:/tasks", "a port is a number"),
        ("postgres://a,,b/tasks", "a host is missing"),
        ("postgres://:5432/tasks", "a host is missing"),
        ("postgres://my db/tasks", "a space in it"),
        ("postgres://a,b/tasks?host=/run", "several hosts are written before"),
        ("postgres://db/tasks?slmode=require", "slmode is not known; did you mean sslmode?"),
        ("postgres://db/tasks?frobnicate=1", "is not known; known are application_name"),
        ("postgres://db/tasks?target_session_attr=any", "did you mean target_session_attrs?"),
        ("postgres://db/tasks?target_session_attrs=standby", "it is read-write"),
        ("postgres://db/tasks?sslmode=perhaps", "perhaps"),
        ("mysql://u:p@db", "names no database"),
        ("mysql://u:p@db/", "names no database"),
        ("mysql://u@db/tasks?ssl_mode=REQUIRED", "did you mean ssl-mode?"),
        ("mysql://u@db/tasks?options[a]=b", "is not known"),
    ] {
        let said = read(url);
        assert!(said.contains(expected), "{url}: {said}");
        assert!(!said.contains("cret"), "{url}: {said}");
    }
}
