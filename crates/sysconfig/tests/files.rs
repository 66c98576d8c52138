//! Files and directories: what is read, in which order, and what is refused before it is read.

use std::fs;
use std::path::Path;

use sysconfig::{Value, read_directory, read_file};

fn document(init: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<otrsd_config version=\"2.0\" init=\"{init}\">\n\
         <Setting Name=\"X\" Valid=\"1\"><Value><Item>\u{e4}</Item></Value></Setting></otrsd_config>"
    )
}

fn message(path: &Path) -> String {
    let message = read_file(path).expect_err("must be refused").to_string();
    message.replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_directory_is_read_by_init_then_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    for (name, init) in [
        ("z", "Framework"),
        ("a", "Changes"),
        ("c", "Application"),
        ("b", "Application"),
        ("d", "Config"),
    ] {
        write(&format!("{name}.xml"), &document(init));
    }
    for name in [".hidden.xml", "e.xml.dist", "f.txt", "xml"] {
        write(name, "ignored");
    }
    write("broken.xml", "<a>");
    fs::create_dir(directory.path().join("directory.xml")).unwrap();
    let names: Vec<_> = read_directory(directory.path())
        .into_iter()
        .map(|read| {
            read.map_or_else(
                |error| format!("!{}", error.file),
                |document| document.source.to_string(),
            )
        })
        .map(|name| name.replace(&format!("{}/", directory.path().display()), ""))
        .collect();
    assert_eq!(
        names,
        ["z.xml", "b.xml", "c.xml", "d.xml", "a.xml", "!broken.xml", "!directory.xml"]
    );
}

#[test]
fn a_directory_that_cannot_be_read_is_one_error() {
    let read = read_directory(Path::new("/nonexistent/directory"));
    let messages: Vec<_> = read.into_iter().map(|read| read.unwrap_err().to_string()).collect();
    assert_eq!(
        messages,
        [
            "/nonexistent/directory: cannot read the directory: No such file or directory (os error 2)"
        ]
    );
}

#[test]
fn encodings() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.xml");
    let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        mark.into_iter().chain(document("Config").encode_utf16().flat_map(bytes)).collect()
    };
    let latin1 = document("Config").replace("utf-8", "iso-8859-1").replace('\u{e4}', "@");
    let latin1: Vec<u8> =
        latin1.bytes().map(|byte| if byte == b'@' { 0xe4 } else { byte }).collect();
    for (bytes, expected) in [
        (utf16([0xff, 0xfe], u16::to_le_bytes), "FILE: found UTF-16; expected UTF-8"),
        (utf16([0xfe, 0xff], u16::to_be_bytes), "FILE: found UTF-16; expected UTF-8"),
        (
            latin1,
            "FILE:3:42: found a byte that is not UTF-8 (0xE4); expected UTF-8, but the file declares iso-8859-1",
        ),
        (
            b"<a>\n\xff</a>".to_vec(),
            "FILE:2:1: found a byte that is not UTF-8 (0xFF); expected UTF-8",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(message(&path), expected);
    }
}

/// The original does not look at the declared encoding: it reads every file as UTF-8.
#[test]
fn utf8_is_read_whatever_is_declared_and_with_a_byte_order_mark() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.xml");
    let plain = document("Config");
    for text in [
        plain.replace("utf-8", "iso-8859-1"),
        format!("\u{feff}{plain}"),
        format!("\n# x\n{}", plain.replace("otrsd", "otrs")),
    ] {
        fs::write(&path, &text).unwrap();
        let document = read_file(&path).unwrap();
        assert_eq!(document.settings[0].value, Value::from("\u{e4}"), "{text}");
    }
}

#[test]
fn what_is_no_file_of_reasonable_size_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let large = directory.path().join("large.xml");
    // Sparse: it takes no space, and reading it would be noticed.
    fs::File::create(&large).unwrap().set_len(200 * 1024 * 1024 * 1024).unwrap();
    assert_eq!(message(&large), "FILE: found 214748364800 bytes; expected at most 16777216");
    assert_eq!(message(directory.path()), "FILE: found no regular file; expected an XML file");
    assert_eq!(
        message(Path::new("/dev/zero")),
        "FILE: found no regular file; expected an XML file"
    );
    let missing = directory.path().join("missing.xml");
    assert_eq!(message(&missing), "FILE: cannot read: No such file or directory (os error 2)");
    let pipe = directory.path().join("pipe.xml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(message(&pipe), "FILE: found no regular file; expected an XML file");
    let empty = directory.path().join("empty.xml");
    fs::write(&empty, "").unwrap();
    assert_eq!(
        message(&empty),
        "FILE:1:1: found an empty file; expected <otrs_config version=\"2.0\" …>"
    );
}

#[test]
fn a_directory_of_too_much_is_refused_unread() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..5 {
        let file = fs::File::create(directory.path().join(format!("{number}.xml"))).unwrap();
        file.set_len(14 << 20).unwrap();
    }
    let read = read_directory(directory.path());
    let message = read[0].as_ref().expect_err("must be refused").to_string();
    assert_eq!(read.len(), 1);
    assert!(
        message.ends_with("found 73400320 bytes in XML files; expected at most 67108864"),
        "{message}"
    );
}
