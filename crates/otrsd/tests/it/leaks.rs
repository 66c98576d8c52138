//! Nothing grows with the number of lives.

use std::fs;

use crate::{
    harness::{World, is_alive, wait_until},
    registration::module,
    status::Status,
};

const MODULES: u16 = 20;

/// The supervisor's open descriptors and living children, once none of the children is a zombie.
fn holdings(supervisor: i32) -> (usize, usize) {
    let list = format!("/proc/{supervisor}/task/{supervisor}/children");
    let children = wait_until("no zombie", || {
        let list = fs::read_to_string(&list).unwrap();
        let pids: Vec<i32> = list.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        pids.iter().all(|pid| is_alive(*pid)).then_some(pids.len())
    });
    (fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count(), children)
}

#[test]
fn two_hundred_discards_leave_nothing_behind() {
    // A life of a second and one round: a discard sooner would be slowed down.
    let modules: Vec<_> = (1..=MODULES)
        .map(|number| {
            let module = module(&format!("M{number}")).native(number);
            module.key("SleepPost", "1.1").key("Discard", "1.1").xml()
        })
        .collect();
    let world = World::new().with("modules", &modules);
    let supervisor = world.start();
    let lives = |wanted: u64| {
        let lived = |status: &Status| status.modules.iter().map(|it| it.restarts).sum::<u64>();
        world
            .wait_for(&format!("{wanted} discards"), |status| {
                (lived(status) >= wanted).then_some(())
            })
            .0
    };
    let early = lives(20);
    let (descriptors, children) = holdings(supervisor);
    let late = lives(200);
    wait_until("no more descriptors and children than before", || {
        let (now, kin) = holdings(supervisor);
        (now <= descriptors && kin <= children).then_some(())
    });
    assert!(late.rss_kb <= early.rss_kb + 1024, "{} kB, then {} kB", early.rss_kb, late.rss_kb);
    for module in &late.modules {
        let exits = module.exits.iter().map(|exit| (exit.planned, exit.reason.as_str()));
        let unexpected: Vec<_> =
            exits.filter(|it| *it != (true, "discarded: its time is over")).collect();
        assert!(unexpected.is_empty(), "{}: {unexpected:?}", module.name);
        assert!(module.exits.len() <= 10, "only the last ends are kept");
    }
}
