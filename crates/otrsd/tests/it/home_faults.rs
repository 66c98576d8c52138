//! What goes wrong in an installation: tasks that eat the memory or are damaged, a database that goes, no Perl.

use std::fs;

use serde_json::Value;

use crate::{harness::wait_until, installation::Installation, tasks::Database};

/// One eats all it gets; what runs beside it does not notice.
#[test]
fn a_task_that_eats_memory() {
    let it = Installation::new(Database::Postgres).with_probe();
    it.otrsd(&["start"]).ok();
    let begun = it.world.text("run/begun");
    let neighbour = it.probe(&format!(
        "open my $F, '>', '{begun}'; close $F; sleep 1 while !-e '{begun}.end'; return 1"
    ));
    wait_until("the neighbour's begin", || fs::exists(&begun).unwrap().then_some(()));
    let worker = it.world.running("SchedulerTaskWorker");
    let eater = it.ended(&it.probe("my @All; push @All, q[x] x 1e8 while 1"));
    let ran = eater["executions"].as_array().unwrap();
    let error = ran[0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("above its memory limit of 2 GB (MemoryMax): exit 1: Out of memory!"),
        "{error}"
    );
    assert_eq!((ran.len(), &ran[0]["outcome"]), (1, &Value::from("failed")));
    it.world.file("run/begun.end", "");
    assert_eq!(it.ended(&neighbour)["executions"][0]["outcome"], "success");
    assert_eq!(it.world.running("SchedulerTaskWorker"), worker);
}
