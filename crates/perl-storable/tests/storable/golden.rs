//! Images made by Perl (`tests/golden/generate.pl`), with what Perl reads from them.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use perl_storable::{freeze, freeze_file, thaw};

use crate::dump::dump;

const EXPECTED: &str = include_str!("../golden/expected.txt");
/// Images that say more than a value keeps: sharing, Perl's one undef, restrictions,
/// spelled versions, the text flag of ASCII keys.
const NOT_REPRODUCED: &[&str] = &[
    "alias",
    "empty",
    "keys",
    "overloaded",
    "restricted",
    "shared",
    "undef_root",
    "unset",
    "version",
    "weak",
];

pub(crate) fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
}

/// All golden images of moderate size, to be damaged.
pub(crate) static SMALL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let files = fs::read_dir(directory()).expect("golden images");
    let mut paths: Vec<_> = files.map(|entry| entry.expect("golden images").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "bin"));
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("an image"))
        .filter(|it| it.len() < 4096)
        .collect()
});

fn expectations() -> impl Iterator<Item = (&'static str, Vec<u8>, &'static str)> {
    EXPECTED.lines().map(|line| {
        let (name, expected) = line.split_once(' ').expect("a name and a dump");
        (name, fs::read(directory().join(name)).expect(name), expected)
    })
}

#[test]
fn read_as_perl_reads_them() {
    let mut count = 0;
    for (name, image, expected) in expectations() {
        let value = thaw(&image).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(dump(&value), expected, "{name}");
        count += 1;
    }
    assert!(count > 40, "{count} golden images");
}

#[test]
fn canonical_network_images_are_written_back_byte_for_byte() {
    let mut count = 0;
    for (name, image, _) in expectations() {
        let stem = name.split('.').next().unwrap_or_default();
        if name.contains("native") || name.contains(".store.") || NOT_REPRODUCED.contains(&stem) {
            continue;
        }
        let value = thaw(&image).unwrap_or_else(|error| panic!("{name}: {error}"));
        let write = if name.contains("nstore") { freeze_file } else { freeze };
        assert_eq!(write(&value).expect(name), image, "{name}");
        count += 1;
    }
    assert!(count >= 15, "{count} images");
}

#[test]
fn a_native_image_says_the_same_as_the_network_image_once_written() {
    for name in ["task", "worker_file", "strings", "byte_keys", "class_names", "deep"] {
        let native = fs::read(directory().join(format!("{name}.native.bin"))).expect(name);
        let network = fs::read(directory().join(format!("{name}.bin"))).expect(name);
        let written = freeze(&thaw(&native).expect(name)).expect(name);
        assert_eq!(written, network, "{name}");
    }
}
