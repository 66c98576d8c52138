//! One datagram with its sender, as attested by the kernel. Attached descriptors are closed, also when not all of them
//! fitted; safe wrappers report that case as an error and leak the descriptors.

use std::{
    io, mem,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
    slice,
};

use nix::libc;

/// Messages are a few lines; longer ones are truncated.
const LONGEST: usize = 4096;
/// Words of control data: the sender, and the largest number of descriptors that a message can carry (253).
const CONTROL: usize = 160;

/// One message of one process.
pub(super) struct Message {
    pub(super) pid: i32,
    pub(super) text: String,
}

/// Takes the next datagram; never blocks.
#[expect(unsafe_code, reason = "control data must be read even where it was cut")]
pub(super) fn receive(socket: RawFd) -> io::Result<Message> {
    let mut bytes = [0u8; LONGEST];
    let mut control = [0u64; CONTROL];
    let mut part =
        libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: size_of_val(&bytes) };
    // SAFETY: a zeroed header is valid; it has no address and no control data.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    // The type differs between C libraries.
    header.msg_controllen = size_of_val(&control) as _;
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    // SAFETY: every pointer in the header is valid for its length during the call.
    let length = unsafe { libc::recvmsg(socket, &raw mut header, flags) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel filled in the header, and the memory that it points to is still valid.
    let pid = unsafe { read_control(&header) };
    Ok(Message { pid, text: String::from_utf8_lossy(&bytes[..length]).into_owned() })
}

/// Returns the sender's PID, or 0, and closes attached descriptors.
///
/// # Safety
///
/// `recvmsg` filled in `header`, and its control data is still valid.
#[expect(unsafe_code, reason = "control data is a list of C structures")]
unsafe fn read_control(header: &libc::msghdr) -> i32 {
    let mut pid = 0;
    // SAFETY: the kernel wrote whole entries, and the macros stay within the control data; a truncated entry of
    // descriptors tells how much of it is there.
    unsafe {
        let mut entry = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = entry.as_ref() {
            let data = libc::CMSG_DATA(entry);
            let start = usize::try_from(data.offset_from(entry.cast())).unwrap_or_default();
            let whole: usize = message.cmsg_len as _;
            let data = slice::from_raw_parts(data, whole.saturating_sub(start));
            let mut numbers = data
                .chunks_exact(size_of::<i32>())
                .map(|bytes| bytes.try_into().map(i32::from_ne_bytes).unwrap_or_default());
            match (message.cmsg_level, message.cmsg_type) {
                // `ucred` starts with the PID.
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => pid = numbers.next().unwrap_or(0),
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    numbers.for_each(|number| drop(OwnedFd::from_raw_fd(number)));
                }
                _ => {}
            }
            entry = libc::CMSG_NXTHDR(header, entry);
        }
    }
    pid
}
