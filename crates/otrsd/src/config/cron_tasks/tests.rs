//! What becomes of good and bad cron tasks.

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
    let endless = "* ".repeat(500_000);
    let module = "<Item Key='Module'>Kernel::X</Item>";
    for (items, expected) in [
        (String::new(), "'Schedule' is missing"),
        ("<Item Key='Schedule'>61 * * * *</Item>".to_owned(), "minute \"61\""),
        ("<Item Key='Schedule'>0 0 31 2 *</Item>".to_owned(), "never comes"),
        ("<Item Key='Schedule'><Array><Item>0</Item></Array></Item>".to_owned(), "must be a text"),
        (format!("<Item Key='Schedule'>{endless}</Item>"), "too long: at most 1000"),
        (format!("{EVERY_MINUTE}<Item Key='TaskName'>A</Item>"), "another cron task has"),
        (format!("{EVERY_MINUTE}<Item Key='TaskName'>{long}</Item>"), "longer than 150"),
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
    // In Perl's, a single number takes no step.
    let items = "<Item Key='Schedule'>5/10 * * * *</Item><Item Key='TaskType'>T</Item>";
    for (text, dialect, problem) in [
        ("perl", Dialect::Perl, None),
        ("vixie", Dialect::Vixie, None),
        ("quartz", Dialect::Vixie, Some("must be perl or vixie, not 'quartz'")),
    ] {
        let read = read(&settings(&[("A", items)], &dialect_setting(text)));
        let schedule = Schedule::parse("5/10 * * * *", dialect).ok();
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

    let said: Vec<_> = without_handler(&alone).iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("'Module' Kernel::System::Cache"), "{said:?}");
    let handler = "<Setting Name='Daemon::SchedulerTaskWorker::TaskType###Cron' Valid='1'><Value><Hash>\
                   <Item Key='Command'>true</Item></Hash></Value></Setting>";
    assert!(without_handler(&settings(&[("Clean", &task)], handler)).is_empty());
}

/// Each of them runs otherwise on a node of the original, or not at all.
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
        let schedule = Schedule::parse("5/10 * * * *", dialect).ok();
        assert_eq!(read.tasks.first().map(|task| task.schedule), schedule);
        let said = read.problems.iter().any(|it| it.to_string().contains(DIALECT));
        assert_eq!(said, dialect == Dialect::Perl);
    }
}
