//! The header of an image: `pst0` in files, the version, and for native images the machine that wrote them.

use crate::error::Error;
use crate::reader::{Order, Reader};

/// Precedes an image in a file of `store` or `nstore`.
pub(crate) const FILE: &[u8] = b"pst0";
/// The start of an image of `nfreeze` of Storable 3.x: major version 2 in network order, minor 11.
pub(crate) const NETWORK: [u8; 2] = [MAJOR << 1 | 1, 11];

const MAJOR: u8 = 2;
/// Byte order, then the sizes of `int`, `long`, pointers and floating-point numbers.
const NATIVE: &[u8] = b"\x0812345678\x04\x08\x08\x08";

/// Reads the header and sets the reader's byte order. Any minor version is accepted: minor versions only add marks, and
/// an unknown mark is an error by itself.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<(), Error> {
    reader.skip(FILE);
    let offset = reader.position();
    let version = reader.byte("the format version")?;
    if version >> 1 != MAJOR {
        return Err(Error::Unexpected {
            offset,
            found: format!("format version {}", version >> 1),
            expected: "format version 2",
        });
    }
    reader.byte("the minor format version")?;
    if version & 1 == 0 {
        machine(reader)?;
    }
    Ok(())
}

fn machine(reader: &mut Reader<'_>) -> Result<(), Error> {
    let offset = reader.position();
    if !reader.skip(NATIVE) {
        return Err(Error::Unexpected {
            offset,
            found: format!("the machine \"{}\"", reader.peek(NATIVE.len()).escape_ascii()),
            expected: "byte order 12345678 and sizes 4, 8, 8, 8 of a 64-bit little-endian machine",
        });
    }
    reader.order = Order::Native;
    Ok(())
}
