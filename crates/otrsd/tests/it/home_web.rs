//! The web console of an installation: there when its registration says so, and it adds nothing unasked.

use crate::{harness::wait_until, installation::Installation, tasks::Database, web::console};

#[test]
fn it_shows_an_installation() {
    let it = Installation::new(Database::Postgres);
    it.otrsd(&["start"]).ok();
    assert!(!it.otrsd(&["list"]).ok().stdout.contains("WebConsole"), "not by default");
    it.world.configure("60-web", &console("127.0.0.1:0"));
    it.otrsd(&["reload"]).ok();
    let origin = wait_until("the console's address", || {
        let said = it.world.read("log/WebConsoleERR.log");
        let (_, rest) = said.rsplit_once("listening on ")?;
        Some(rest.lines().next()?.to_owned())
    });
    let curl = |path: &str, arguments: &[&str]| {
        let mut command = it.world.command("curl");
        command.args([
            "--silent",
            "--max-time",
            "20",
            "--header",
            "Authorization: Bearer test-operate",
        ]);
        command.args(arguments).arg(format!("{origin}{path}"));
        crate::harness::finish(command).ok().stdout
    };
    wait_until("readiness", || curl("/readyz", &[]).contains(r#""ready":true"#).then_some(()));
    let cron = curl("/api/v1/cron", &[]);
    assert!(cron.contains("MailQueueSend") && cron.contains("EscalationCheck"), "{cron}");
    assert!(curl("/schedule", &[]).contains("MailQueueSend"));
    let settings = curl("/api/v1/settings?prefix=DatabaseURL", &[]);
    assert!(settings.contains("Kernel/Config.pm"), "{settings}");
    for task_type in ["Cron", "AsynchronousExecutor", "Probe"] {
        let task = format!("{{\"type\": \"{task_type}\"}}");
        let json = ["--header", "Content-Type: application/json", "--data", &task];
        let refused = curl("/api/v1/tasks", &json);
        assert!(refused.contains("WebConsole::AddableTypes"), "{refused}");
    }
    let ran = curl("/api/v1/cron/MailQueueSend/run", &["--request", "POST"]);
    assert!(ran.contains("added") || ran.contains("limit reached"), "{ran}");
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}
