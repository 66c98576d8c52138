//! Every value against the original's own computation: a Perl script runs the modules of a real home,
//! named by the variable `ZNUNY_HOME` (`scripts/znuny-home DIR` makes one), and prints what they yield.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod random_xml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sysconfig::{Document, Setting, SysConfig, Value, read_directory};

#[derive(Deserialize)]
struct Dump {
    files: Vec<File>,
    assembled: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    init: String,
    settings: Vec<Perls>,
}

#[derive(Deserialize)]
struct Perls {
    name: String,
    value: Value,
    valid: bool,
    required: bool,
    read_only: bool,
}

fn home() -> PathBuf {
    let home = std::env::var_os("ZNUNY_HOME");
    PathBuf::from(home.expect(
        "ZNUNY_HOME must name a directory with an installed Znuny, whose Perl computes the values to \
         compare with; `scripts/znuny-home DIR` makes one",
    ))
}

fn perl(directory: &Path) -> Dump {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/dump.pl");
    let output = Command::new("perl").arg(script).arg(home()).arg(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn documents(directory: &Path) -> Vec<Document> {
    read_directory(directory).into_iter().map(|document| document.unwrap()).collect()
}

fn file_name(document: &Document) -> String {
    Path::new(&*document.source).file_name().unwrap().to_str().unwrap().to_owned()
}

/// Compares file by file and setting by setting; settings we report as problems are left out on both
/// sides. Returns how many were compared.
fn compare(dump: &Dump, documents: &[Document]) -> usize {
    assert_eq!(dump.files.len(), documents.len());
    let mut compared = 0;
    for document in documents {
        let perls = dump.files.iter().find(|file| file.name == file_name(document)).unwrap();
        assert_eq!(perls.init, format!("{:?}", document.init), "{}", perls.name);
        let refused: Vec<_> = document.problems.iter().filter_map(|p| p.setting.clone()).collect();
        let theirs: Vec<_> = perls.settings.iter().filter(|s| !refused.contains(&s.name)).collect();
        assert_eq!(theirs.len(), document.settings.len(), "{}", perls.name);
        for (theirs, ours) in theirs.iter().zip(&document.settings) {
            same(theirs, ours);
        }
        compared += theirs.len();
    }
    compared
}

fn same(theirs: &Perls, ours: &Setting) {
    let flags = (theirs.valid, theirs.required, theirs.read_only);
    assert_eq!(theirs.name, ours.name, "{}", ours.origin);
    assert_eq!(theirs.value, ours.value, "{}: {}", ours.origin, ours.name);
    assert_eq!(
        flags,
        (ours.valid, ours.required, ours.read_only),
        "{}: {}",
        ours.origin,
        ours.name
    );
}

#[test]
fn every_setting_of_a_home_has_the_value_perl_computes() {
    let directory = home().join("Kernel/Config/Files/XML");
    let documents = documents(&directory);
    let problems: Vec<_> = documents.iter().flat_map(|document| &document.problems).collect();
    assert!(problems.is_empty(), "{problems:?}");
    let compared = compare(&perl(&directory), &documents);
    assert!(compared > 2000, "only {compared} settings");
}

#[test]
fn the_assembled_configuration_is_the_one_perl_deploys() {
    let directory = home().join("Kernel/Config/Files/XML");
    let perls = perl(&directory).assembled;
    let mut ours = SysConfig::default();
    let settings = documents(&directory).into_iter().flat_map(|document| document.settings);
    assert_eq!(ours.overlay(settings), []);
    for (name, value) in &perls {
        assert_eq!(ours.get(name), Some(value), "{name}");
    }
    for (name, _, _) in ours.iter() {
        let root = name.split("###").next().unwrap();
        assert!(perls.contains_key(root), "{name} is not in Perl's");
    }
    assert!(perls.len() > 700, "only {} names", perls.len());
}

#[test]
fn settings_written_at_random_have_the_values_perl_computes() {
    let directory = tempfile::tempdir().unwrap();
    for seed in 1..=4 {
        let file = directory.path().join(format!("Random{seed}.xml"));
        std::fs::write(file, random_xml::document(seed, 1000)).unwrap();
    }
    let compared = compare(&perl(directory.path()), &documents(directory.path()));
    assert!(compared > 1000, "only {compared} settings");
}
