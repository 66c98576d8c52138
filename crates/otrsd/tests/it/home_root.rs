//! What a help desk cannot make of root, or of otrsd's own settings.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown, symlink},
    process::Command,
};

use nix::unistd::geteuid;

use crate::{
    harness::{Outcome, World, finish, setting},
    installation::Installation,
    tasks::Database,
};

const CONFIG: &str = "Kernel/Config.pm";

fn as_root(it: &Installation, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(&it.world.program);
    command.args(arguments).current_dir("/").env("OTRS_HOME", &it.home);
    command.env("OTRSD_CONFIG", it.world.path("config"));
    finish(command)
}

#[test]
fn its_perl_never_runs_as_root() {
    if !geteuid().is_root() {
        return;
    }
    let it = Installation::new(Database::Postgres);
    let user = fs::metadata(&it.home).unwrap().uid();
    let ran = it.world.text("run/ran");
    it.edit(&format!("if (open my $F, '>>', '{ran}') {{ print {{$F}} qq[$< $> $(\\n]; }}"));
    for arguments in
        [&["config", "get", "NodeID"][..], &["check"], &["status"], &["list"], &["console-url"]]
    {
        let said = as_root(&it, arguments);
        assert_ne!(said.code, 3, "{arguments:?}: {said:?}");
    }
    let lines = fs::read_to_string(&ran).unwrap();
    assert!(lines.lines().count() >= 5, "{lines}");
    for line in lines.lines() {
        let ids: Vec<&str> = line.split(' ').collect();
        assert_eq!(ids[..2], [user.to_string(), user.to_string()], "{line}");
        assert!(!ids[2..].contains(&"0"), "no group of root's: {line}");
    }
    // Whose user is it then?
    let config = it.home.join(CONFIG);
    chown(&config, Some(0), None).unwrap();
    let refused = as_root(&it, &["config", "get", "NodeID"]);
    assert!(refused.code == 3 && refused.stderr.contains("belongs to root"), "{refused:?}");
    assert_eq!(fs::read_to_string(&ran).unwrap(), lines);
    chown(&config, Some(user), None).unwrap();
}

/// The code beside a link is of the user who made it, and would run as the user to whom the link leads.
#[test]
fn a_link_to_the_file_of_another_does_not_say_who_its_user_is() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::stock();
    let owned = |path: &str, user: u32| {
        let path = world.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        chown(path, Some(user), None).unwrap();
    };
    owned("victims/Kernel/Config.pm", 1234);
    owned("home/bin/znuny.Daemon.pl", 1235);
    let ask = || {
        let mut command = world.command(&world.program);
        command.env("OTRS_HOME", world.path("home")).args(["config", "get", "NodeID"]);
        finish(command)
    };
    symlink(world.path("victims/Kernel"), world.path("home/Kernel")).unwrap();
    for (user, directory) in [(1234, "victims/Kernel"), (1235, "home")] {
        chown(world.path(directory), Some(user), None).unwrap();
    }
    let told = "Kernel/Config.pm is reached by a link, or by directories that another user than its own has or can write";
    let said = ask();
    assert!(said.code == 3 && said.stderr.contains(told), "{said:?}");
    // Nor in a directory of another.
    fs::remove_file(world.path("home/Kernel")).unwrap();
    fs::rename(world.path("victims/Kernel"), world.path("home/Kernel")).unwrap();
    let said = ask();
    assert!(said.code == 3 && said.stderr.contains(told), "{said:?}");
}

#[test]
fn another_home_is_told_and_not_followed() {
    let it = Installation::new(Database::Postgres);
    let home = it.home.display().to_string();
    let told = |elsewhere: &str| {
        let said = it.otrsd(&["check"]).failed(3).stdout;
        let expected =
            format!("setting Home: '{elsewhere}' is not followed: the installation is what");
        assert!(said.contains(&expected), "{said}");
        assert_eq!(it.otrsd(&["config", "get", "Home"]).ok().stdout.trim(), home);
    };
    let config = fs::read_to_string(it.home.join(CONFIG)).unwrap();
    // Its own code needs one file there.
    let elsewhere = it.world.text("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(it.home.join("RELEASE"), it.world.path("elsewhere/RELEASE")).unwrap();
    it.edit(&format!("$Self->{{Home}} = '{elsewhere}';"));
    told(&elsewhere);
    fs::write(it.home.join(CONFIG), config).unwrap();
    it.world.configure("50-home", &[setting("Home", "/srv/other")]);
    told("/srv/other");
    // Without a help desk there is none, whatever a setting says.
    let alone = it.world.otrsd(&["config", "get", "Home"]);
    assert!(alone.code != 0 && alone.stdout.is_empty(), "{alone:?}");
    // Another spelling is the same.
    it.world.configure("50-home", &[setting("Home", &format!("{home}/./"))]);
    let said = it.otrsd(&["check"]);
    assert!(!said.stdout.contains("is not followed"), "{said:?}");
    assert_eq!(it.otrsd(&["config", "get", "Home"]).ok().stdout.trim(), home);
}
