//! Any text: read or refused without a panic, places within the text, and what was read can be layered
//! and sent on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sysconfig::{SysConfig, parse};

fuzz_target!(|text: &str| {
    let lines = text.split('\n').count();
    let document = match parse("a.xml", text) {
        Ok(document) => document,
        Err(error) => {
            let (line, column) = error.at.expect("a place");
            assert!(line as usize <= lines && column as usize <= text.len() + 1, "{error}");
            return;
        }
    };
    let origins = document.settings.iter().map(|setting| &setting.origin);
    for origin in origins.chain(document.problems.iter().map(|problem| &problem.origin)) {
        assert!((1..=lines).contains(&(origin.line as usize)), "{origin}");
    }
    let mut config = SysConfig::default();
    config.overlay(document.settings.clone());
    config.overlay(document.settings);
    for (name, _, origin) in config.iter() {
        assert!(config.get(name).is_some());
        assert_eq!(config.origin(name), Some(origin));
    }
    let json = serde_json::to_string(&config).expect("JSON");
    assert_eq!(serde_json::from_str::<SysConfig>(&json).expect("JSON"), config);
});
