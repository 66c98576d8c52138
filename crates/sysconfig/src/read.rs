//! Files and directories of setting XML.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use crate::document::{Document, MAX_SIZE, check_size, parse};
use crate::error::Error;
use crate::position::Lines;

/// How a file is opened. It must not block, whatever the path leads to.
pub type Open<'a> = &'a dyn Fn(&Path) -> io::Result<File>;

/// Reads a file. It must be a regular file of at most 16 MiB of UTF-8.
pub fn read_file(path: &Path) -> Result<Document, Error> {
    read_file_by(path, &open)
}

/// As [`read_file`], with the file that `open` returns: the path itself is not accessed.
pub fn read_file_by(path: &Path, open: Open<'_>) -> Result<Document, Error> {
    let name = path.display().to_string();
    let text = text_of(path, &name, open)?;
    parse(&name, &text)
}

/// Reads the `*.xml` files of a directory (not of its subdirectories), in the order in which the original overlays
/// them: by init, then by file name. Files that cannot be used come last. All of them together are one layer for
/// [`crate::SysConfig::overlay`].
pub fn read_directory(path: &Path) -> Vec<Result<Document, Error>> {
    read_directory_by(path, &open)
}

/// As [`read_directory`], with the files that `open` returns.
pub fn read_directory_by(path: &Path, open: Open<'_>) -> Vec<Result<Document, Error>> {
    let files = match xml_files(path) {
        Ok(files) => files,
        Err(error) => {
            let what = format!("cannot read the directory: {error}");
            return vec![Err(Error::of_file(&path.display().to_string(), what))];
        }
    };
    if let Some(error) = too_much(path, &files) {
        return vec![Err(error)];
    }
    let mut documents: Vec<_> = files.iter().map(|file| read_file_by(file, open)).collect();
    documents.sort_by_key(|document| {
        document.as_ref().map_or((true, None), |document| (false, Some(document.init)))
    });
    documents
}

/// Four times the limit of a file, more than any known directory.
const MOST_IN_A_DIRECTORY: u64 = 64 << 20;

fn too_much(path: &Path, files: &[PathBuf]) -> Option<Error> {
    let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |file| file.len());
    let sum: u64 = files.iter().map(size).sum();
    let what = format!("found {sum} bytes in XML files; expected at most {MOST_IN_A_DIRECTORY}");
    (sum > MOST_IN_A_DIRECTORY).then(|| Error::of_file(&path.display().to_string(), what))
}

fn xml_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && file.extension().is_some_and(|extension| extension == "xml") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The type is checked before: opening a named pipe would block until a writer opens it.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    File::open(path)
}

fn text_of(path: &Path, name: &str, open: Open<'_>) -> Result<String, Error> {
    let irregular = || Error::of_file(name, "found no regular file; expected an XML file");
    let fail = |error: io::Error| match (error.kind(), error.get_ref()) {
        (io::ErrorKind::InvalidInput, _) => irregular(),
        (_, Some(own)) => Error::of_file(name, own.to_string()),
        (_, None) => Error::of_file(name, format!("cannot read: {error}")),
    };
    let file = open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(irregular());
    }
    check_size(name, metadata.len())?;
    let mut bytes = Vec::new();
    // It may have grown since.
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(fail)?;
    check_size(name, bytes.len() as u64)?;
    String::from_utf8(bytes).map_err(|error| not_utf8(name, &error))
}

fn not_utf8(name: &str, error: &FromUtf8Error) -> Error {
    let bytes = error.as_bytes();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Error::of_file(name, "found UTF-16; expected UTF-8");
    }
    let (good, bad) = bytes.split_at(error.utf8_error().valid_up_to());
    let good = String::from_utf8_lossy(good);
    let byte = bad.first().copied().unwrap_or_default();
    let declared = declared_encoding(&good);
    let declared = declared.map_or(String::new(), |name| format!(", but the file declares {name}"));
    let what = format!("found a byte that is not UTF-8 (0x{byte:02X}); expected UTF-8{declared}");
    Error { at: Some(Lines::new(&good).line_column(good.len())), ..Error::of_file(name, what) }
}

/// The encoding named in the XML declaration, if it is not UTF-8.
fn declared_encoding(text: &str) -> Option<&str> {
    let declaration = text.strip_prefix("<?xml")?.split("?>").next()?;
    let quoted = declaration.split_once("encoding=")?.1;
    let name = quoted.split(['"', '\'']).nth(1)?;
    (!name.eq_ignore_ascii_case("utf-8") && name.len() < 40).then_some(name)
}
