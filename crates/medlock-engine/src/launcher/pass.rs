//! Messages with a descriptor beside them (SCM_RIGHTS).
#![allow(unsafe_code, reason = "sendmsg(2) and recvmsg(2) with control data")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Room for one descriptor, aligned as control data must be.
#[repr(C, align(8))]
struct Room([u8; 64]);

/// Takes a descriptor over by number.
pub(super) fn take(fd: RawFd) -> OwnedFd {
    // SAFETY: the launcher's contract: this descriptor is ours. If it were not open, the first use
    // would fail.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Sends a message, and perhaps a descriptor with it.
pub(super) fn send(socket: BorrowedFd<'_>, message: &[u8], with: Option<&OwnedFd>) -> io::Result<()> {
    let mut room = Room([0; 64]);
    let mut part = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
    // SAFETY: all zeroes is a valid msghdr; the pointers below live until the call returns, and the
    // control data that is written (one descriptor) is smaller than its room.
    unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        if let Some(fd) = with {
            header.msg_control = room.0.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
            let control = libc::CMSG_FIRSTHDR(&header);
            (*control).cmsg_level = libc::SOL_SOCKET;
            (*control).cmsg_type = libc::SCM_RIGHTS;
            (*control).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
            libc::CMSG_DATA(control).cast::<RawFd>().write_unaligned(fd.as_raw_fd());
        }
        loop {
            if libc::sendmsg(socket.as_raw_fd(), &header, libc::MSG_NOSIGNAL) >= 0 {
                return Ok(());
            }
            let e = io::Error::last_os_error();
            if e.kind() != io::ErrorKind::Interrupted {
                return Err(e);
            }
        }
    }
}

/// Waits for a message; 0 bytes mean that the other side is gone.
pub(super) fn receive(socket: BorrowedFd<'_>, message: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut room = Room([0; 64]);
    let mut part = libc::iovec { iov_base: message.as_mut_ptr().cast(), iov_len: message.len() };
    // SAFETY: as in `send`. The kernel says how much control data it wrote; a descriptor that comes
    // with it is new and nobody else's. More than one does not fit the announced room, and the
    // kernel closes what does not fit.
    unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = room.0.as_mut_ptr().cast();
        header.msg_controllen = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
        let n = loop {
            let n = libc::recvmsg(socket.as_raw_fd(), &mut header, libc::MSG_CMSG_CLOEXEC);
            if let Ok(n) = usize::try_from(n) {
                break n;
            }
            let e = io::Error::last_os_error();
            match e.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::ConnectionReset => return Ok((0, None)),
                _ => return Err(e),
            }
        };
        let control = libc::CMSG_FIRSTHDR(&header);
        let whole = libc::CMSG_LEN(size_of::<RawFd>() as u32);
        let fd = (!control.is_null()
            && (*control).cmsg_level == libc::SOL_SOCKET
            && (*control).cmsg_type == libc::SCM_RIGHTS
            && (*control).cmsg_len as usize >= whole as usize)
            .then(|| OwnedFd::from_raw_fd(libc::CMSG_DATA(control).cast::<RawFd>().read_unaligned()));
        Ok((n, fd))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;

    #[test]
    fn a_descriptor_arrives_and_is_the_same_file() {
        let (a, b) = crate::channel::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        send(a.as_fd(), b"hello", Some(&writer.into())).unwrap();
        let mut text = [0; 8];
        let (n, fd) = receive(b.as_fd(), &mut text).unwrap();
        assert_eq!(&text[..n], b"hello");
        io::Write::write_all(&mut std::fs::File::from(fd.unwrap()), b"x").unwrap();
        let mut got = [0];
        reader.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"x");
        send(a.as_fd(), b"plain", None).unwrap();
        assert!(receive(b.as_fd(), &mut text).unwrap().1.is_none());
        drop(a);
        assert_eq!(receive(b.as_fd(), &mut text).unwrap().0, 0);
    }
}
