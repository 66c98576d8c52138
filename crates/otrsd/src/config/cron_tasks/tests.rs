//! Tests of reading good and bad cron tasks.

use super::*;

const EVERY_MINUTE: &str = "<Item Key='Schedule'>* * * * *</Item>";

fn settings(tasks: &[(&str, &str)], more: &str) -> SysConfig {
    let one = |(key, items): &(&str, &str)| {
        format!(
            "<Setting Name='{TASK}###{key}' Valid='1'><Value><Hash>{items}</Hash></Value></Setting>"
        )
    };
    let tasks: String = tasks.iter().map(one).collect();
    let text =
        format!("<otrsd_config version='2.0' init='Application'>{tasks}{more}</otrsd_config>");
    let mut settings = SysConfig::default();
    settings.overlay(sysconfig::parse("a.xml", &text).unwrap().settings);
    settings
}

fn read_one(items: &str) -> CronTasks {
    let good = "<Item Key='Schedule'>@hourly</Item><Item Key='TaskType'>T</Item>";
    read(&settings(&[("A", good), ("B", items)], ""))
}

fn dialect_setting(text: &str) -> String {
    format!("<Setting Name='{DIALECT}' Valid='1'><Value><Item>{text}</Item></Value></Setting>")
}

#[test]
fn a_bad_one_is_told_of_and_the_others_run() {
    let long = "x".repeat(151);
    let typed = "<Item Key='TaskType'>T</Item><Item Key='TaskName'>";
    let endless = "* ".repeat(500_000);
    let module = "<Item Key='Module'>Kernel::X</Item>";
    for (items, expected) in [
        (String::new(), "'Schedule' is missing"),
        ("<Item Key='Schedule'>61 * * * *</Item>".to_owned(), "minute \"61\""),
        ("<Item Key='Schedule'>0 0 31 2 *</Item>".to_owned(), "never comes"),
        ("<Item Key='Schedule'><Array><Item>0</Item></Array></Item>".to_owned(), "must be a text"),
        (format!("<Item Key='Schedule'>{endless}</Item>"), "too long: at most 1000"),
        (format!("{EVERY_MINUTE}<Item Key='TaskName'>A</Item>"), "another cron task has"),
        (format!("{EVERY_MINUTE}{typed}{long}</Item>"), "at most 150"),
        (format!("{EVERY_MINUTE}<Item Key='TaskType'>{long}</Item>"), "at most 150"),
        (format!("{EVERY_MINUTE}<Item Key='TimeZone'>Mars/Base</Item>"), "no 'Mars/Base'"),
        (format!("{EVERY_MINUTE}<Item Key='MissedRuns'>some</Item>"), "latest, none or all"),
        (
            format!("{EVERY_MINUTE}<Item Key='MaximumParallelInstances'>-1</Item>"),
            "a whole number, not '-1'",
        ),
        (format!("{EVERY_MINUTE}<Item Key='Command'><Hash/></Item>"), "must be an array"),
        (EVERY_MINUTE.to_owned(), "no 'Command', 'TaskType' or 'Module'"),
        (format!("{EVERY_MINUTE}{module}"), "'Function' of the 'Module' is missing"),
        (format!("{EVERY_MINUTE}{module}<Item Key='Function'><Hash/></Item>"), "must be a text"),
    ] {
        let read = read_one(&items);
        let names: Vec<_> = read.tasks.iter().map(|task| task.name.as_str()).collect();
        assert_eq!(names, ["A"], "{expected}");
        let problem = read.problems[0].to_string();
        assert!(problem.contains(expected), "{problem}");
        assert!(problem.contains("a.xml:1") && problem.contains("Task###B"), "{problem}");
        assert!(problem.len() < 500, "{} bytes for: {expected}", problem.len());
    }
}

#[test]
fn the_dialect_is_perl_or_vixie() {
    // In Perl's dialect a single number takes no step.
    let items = "<Item Key='Schedule'>5/10 * * * *</Item><Item Key='TaskType'>T</Item>";
    for (text, dialect, problem) in [
        ("perl", Dialect::Perl, None),
        ("vixie", Dialect::Vixie, None),
        ("quartz", Dialect::Vixie, Some("must be perl or vixie, not 'quartz'")),
    ] {
        let read = read(&settings(&[("A", items)], &dialect_setting(text)));
        let schedule = Schedule::parse("5/10 * * * *", dialect).ok().map(Schedule::moving_skipped);
        assert_eq!(read.tasks.first().map(|task| task.schedule), schedule, "{text}");
        let said = read.problems.iter().map(ToString::to_string).find(|it| it.contains(DIALECT));
        assert_eq!(said.is_some(), problem.is_some(), "{said:?}");
        if let (Some(said), Some(problem)) = (said, problem) {
            assert!(said.starts_with("a.xml:1: ") && said.contains(problem), "{said}");
        }
    }
}

#[test]
fn a_perl_module_is_planned_and_somebody_must_run_it() {
    let module = "<Item Key='Module'>Kernel::System::Cache</Item><Item Key='Function'>CleanUp</Item>\
                  <Item Key='Params'><Array><Item>Expired</Item></Array></Item>";
    let task = format!("{EVERY_MINUTE}{module}");
    let alone = settings(&[("Clean", &task)], "");
    let tasks = read(&alone);
    assert!(tasks.problems.is_empty(), "{:?}", tasks.problems);
    let (task_type, data) = tasks.tasks[0].payload(jiff::Timestamp::UNIX_EPOCH);
    let expected = json!({
        "Key": "Clean", "Due": "1970-01-01T00:00:00Z",
        "Module": "Kernel::System::Cache", "Function": "CleanUp", "Params": ["Expired"],
    });
    assert_eq!((task_type, data), ("Cron", expected));

    let without = |settings| without_handler(settings, &read(settings).tasks, &Natives::default());
    let said: Vec<_> = without(&alone).iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("'Module' Kernel::System::Cache"), "{said:?}");
    let handler = "<Setting Name='Daemon::SchedulerTaskWorker::TaskType###Cron' Valid='1'><Value><Hash>\
                   <Item Key='Command'>true</Item></Hash></Value></Setting>";
    assert!(without(&settings(&[("Clean", &task)], handler)).is_empty());
}

/// A node of the original runs each of them differently, or not at all.
#[test]
fn what_does_not_go_with_nodes_of_the_original() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("Kernel/System/Daemon/DaemonModules/SchedulerTaskWorker");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("Known.pm"), "").unwrap();
    let home = format!(
        "<Setting Name='Home' Valid='1'><Value><Item>{}</Item></Value></Setting>",
        home.path().display()
    );
    let module = "<Item Key='Module'>Kernel::X</Item><Item Key='Function'>Y</Item>";
    let apart =
        "<Setting Name='Daemon::MixedCluster' Valid='1'><Value><Item>0</Item></Value></Setting>";
    for (items, expected) in [
        (format!("{module}<Item Key='TimeZone'>Europe/Berlin</Item>"), Some("'TimeZone'")),
        (format!("{module}<Item Key='TimeZone'>UTC</Item>"), None),
        (format!("{module}<Item Key='MissedRuns'>all</Item>"), Some("'MissedRuns'")),
        (format!("{module}<Item Key='MissedRuns'>none</Item>"), Some("'MissedRuns'")),
        (format!("{module}<Item Key='MissedRuns'>latest</Item>"), None),
        ("<Item Key='TaskType'>Known</Item>".to_owned(), None),
        ("<Item Key='TaskType'>Other</Item>".to_owned(), Some("'TaskType' Other")),
        (module.to_owned(), None),
    ] {
        let items = format!("{EVERY_MINUTE}{items}");
        let mixed = read(&settings(&[("A", &items)], &home));
        let said: Vec<_> = mixed.problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), usize::from(expected.is_some()), "{items}: {said:?}");
        assert_eq!(mixed.tasks.is_empty(), expected.is_some(), "{items}");
        if let Some(expected) = expected {
            assert!(said[0].contains(expected) && said[0].contains("MixedCluster"), "{said:?}");
        }
        let alone = read(&settings(&[("A", &items)], &(home.clone() + apart)));
        assert!(alone.problems.is_empty() && alone.tasks.len() == 1, "{items}");
    }
    let vixie = "<Item Key='TaskType'>Known</Item><Item Key='Schedule'>5/10 * * * *</Item>";
    for (more, dialect) in [("", Dialect::Perl), (apart, Dialect::Vixie)] {
        let more = format!("{home}{more}{}", dialect_setting("vixie"));
        let read = read(&settings(&[("A", vixie)], &more));
        let schedule = Schedule::parse("5/10 * * * *", dialect).ok().map(Schedule::moving_skipped);
        assert_eq!(read.tasks.first().map(|task| task.schedule), schedule);
        let said = read.problems.iter().any(|it| it.to_string().contains(DIALECT));
        assert_eq!(said, dialect == Dialect::Perl);
    }
}

fn text_setting(name: &str, text: &str) -> String {
    format!("<Setting Name='{name}' Valid='1'><Value><Item>{text}</Item></Value></Setting>")
}

/// The installation's own Perl has reported the zone of schedules; a time that the clocks skip is moved as it moves it.
#[test]
fn schedules_are_read_where_the_installation_reads_them() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let module = "<Item Key='Schedule'>30 2 * * *</Item><Item Key='Module'>Kernel::X</Item>\
                  <Item Key='Function'>Y</Item>";
    let elsewhere = format!("{module}<Item Key='TimeZone'>Asia/Tokyo</Item>");
    for (said, zone, skipped) in [
        ("UTC", TimeZone::UTC, "2027-03-28T02:30:00Z"),
        ("OTRSTimeZone", berlin, "2027-03-28T01:30:00Z"),
    ] {
        let home = text_setting("Home", "/nowhere")
            + &text_setting("OTRSTimeZone", "Europe/Berlin")
            + &text_setting("HomeCronEvents", said);
        let mixed = read(&settings(&[("A", module), ("B", &elsewhere)], &home));
        assert_eq!(mixed.tasks.len(), 1, "{:?}", mixed.problems);
        let task = &mixed.tasks[0];
        assert_eq!((&task.zone, mixed.problems.len()), (&zone, 1));
        let next = task.schedule.next("2027-03-27T20:00:00Z".parse().unwrap(), &task.zone);
        assert_eq!(next.unwrap().instant.to_string(), skipped);
        let alone = home + &text_setting("Daemon::MixedCluster", "0");
        let alone = read(&settings(&[("A", module), ("B", &elsewhere)], &alone));
        let zones: Vec<_> = alone.tasks.iter().map(|task| task.zone.iana_name()).collect();
        assert_eq!(zones, [zone.iana_name(), Some("Asia/Tokyo")]);
    }
}

#[test]
fn cron_tasks_in_perl_can_have_a_timeout_of_their_own() {
    let command = "Kernel::System::Console::Command::Maint";
    let task = |module: &str, more: &str| {
        format!(
            "{EVERY_MINUTE}<Item Key='Module'>{module}</Item><Item Key='Function'>Execute</Item>{more}"
        )
    };
    let given = |seconds: &str| format!("<Item Key='Timeout'>{seconds}</Item>");
    let tasks = [
        ("Fetch", task(&format!("{command}::PostMaster::MailAccountFetch"), "")),
        ("Longer", task(&format!("{command}::PostMaster::MailAccountFetch"), &given("7200"))),
        ("None", task(&format!("{command}::Email::MailQueue"), &given("0"))),
        ("Other", task(&format!("{command}::Cache::Delete"), "")),
        ("Shorter", task(&format!("{command}::Cache::Delete"), &given("60"))),
    ];
    let tasks: Vec<_> = tasks.iter().map(|(key, items)| (*key, items.as_str())).collect();
    let settings = settings(&tasks, "");
    for (hours, fetch) in [(24, 3600), (1, 3600), (0, 0)] {
        let usual = TaskType { timeout: Duration::from_hours(hours), ..TaskType::of_home() };
        let policies = policies(&settings, &usual);
        assert!(policies.commands.is_empty());
        let found = policies.in_perl.iter().map(|(name, it)| (name.as_str(), it.timeout.as_secs()));
        let expected = [("Fetch", fetch), ("Longer", 7200), ("None", fetch), ("Shorter", 60)];
        assert_eq!(found.collect::<Vec<_>>(), expected, "{hours}");
        assert!(policies.in_perl.values().all(|it| it.memory_max == usual.memory_max));
    }
}
