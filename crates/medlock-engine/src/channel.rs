//! Frames over a SOCK_SEQPACKET socket. The kernel keeps packet boundaries, so there is no length
//! to parse; a frame larger than a packet travels as several, and a frame has an upper bound, so
//! that neither side can be made to allocate without end.
#![allow(unsafe_code, reason = "read(2), write(2) and recv(2) on a descriptor that this module owns")]

use crate::bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a packet, its mark included: below the 64 KiB that a socket with small buffers takes.
const PACKET: usize = 60 << 10;
/// Bytes of a frame. A context of 128 Ki tokens is well under 1 MiB of text; JSON may escape it.
pub const MAX_FRAME: usize = 8 << 20;
/// The frame goes on in the next packet.
const MORE: u8 = b'+';
/// The frame ends with this packet.
pub(crate) const LAST: u8 = b'.';

/// Why a frame could not be sent or read.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other side has closed its end: the process is gone.
    #[error("the other side is gone")]
    Closed,
    /// Too large, not the JSON that was expected, or a packet without a mark.
    #[error("the other side sent what is not a frame")]
    Malformed,
    /// The frame to be sent is too large.
    #[error("the frame is larger than {MAX_FRAME} bytes")]
    TooLarge,
    /// The system call failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
}

/// Two connected ends.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: `ends` has room for the two descriptors that the call writes.
    if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both descriptors are new, open and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// The sending half. Frames of two threads must not mix: give each channel one sender at a time.
#[derive(Debug, Clone)]
pub struct Sender(Arc<OwnedFd>);

/// The receiving half, with its buffers.
#[derive(Debug)]
pub struct Receiver {
    socket: Arc<OwnedFd>,
    packet: Vec<u8>,
    frame: Vec<u8>,
}

/// Both halves of one end.
pub fn split(end: OwnedFd) -> (Sender, Receiver) {
    let socket = Arc::new(end);
    (Sender(socket.clone()), Receiver { socket, packet: vec![0; PACKET], frame: Vec::new() })
}

impl Sender {
    /// Sends one frame. Blocks while the other side does not read.
    pub fn send(&self, frame: &impl Serialize) -> Result<(), ChannelError> {
        // Written straight into bytes that are wiped: a frame may be a prompt.
        let mut body = Zeroizing::new(Vec::with_capacity(1024));
        serde_json::to_writer(&mut *body, frame).map_err(|_| ChannelError::Malformed)?;
        if body.len() > MAX_FRAME {
            return Err(ChannelError::TooLarge);
        }
        let mut packet = Zeroizing::new(Vec::with_capacity(PACKET.min(body.len() + 1)));
        let mut chunks = body.chunks(PACKET - 1).peekable();
        while let Some(chunk) = chunks.next() {
            packet.clear();
            packet.push(if chunks.peek().is_some() { MORE } else { LAST });
            packet.extend_from_slice(chunk);
            write_packet(self.0.as_raw_fd(), &packet)?;
        }
        Ok(())
    }
}

impl Receiver {
    /// Waits for one frame.
    pub fn receive<T: DeserializeOwned>(&mut self) -> Result<T, ChannelError> {
        loop {
            let n = read_packet(self.socket.as_raw_fd(), &mut self.packet)?;
            if let Some(frame) = self.take(n)? {
                return Ok(frame);
            }
        }
    }

    /// One frame, if it is there already.
    pub(crate) fn poll<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ChannelError> {
        while let Some(n) = poll_packet(self.socket.as_raw_fd(), &mut self.packet)? {
            if let Some(frame) = self.take(n)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Takes a packet of `n` bytes in; gives the frame that ends with it. No byte of either stays in the buffers.
    fn take<T: DeserializeOwned>(&mut self, n: usize) -> Result<Option<T>, ChannelError> {
        let packet = self.packet.get_mut(..n).ok_or(ChannelError::Malformed)?;
        let (mark, piece) = packet.split_first().ok_or(ChannelError::Closed)?;
        let (mark, fits) = (*mark, self.frame.len() + piece.len() <= MAX_FRAME);
        if fits {
            self.frame.extend_from_slice(piece);
        }
        packet.zeroize();
        match mark {
            MORE if fits => Ok(None),
            LAST if fits => {
                let parsed = serde_json::from_slice(&self.frame).map_err(|_| ChannelError::Malformed);
                bytes::wipe(&mut self.frame);
                if self.frame.capacity() > PACKET {
                    self.frame = Vec::new(); // one long prompt does not keep its megabytes for ever
                }
                parsed.map(Some)
            }
            _ => {
                bytes::wipe(&mut self.frame);
                Err(ChannelError::Malformed)
            }
        }
    }
}

/// What is in the socket right now, without waiting: `Ok(None)` if nothing is. Used between tokens
/// and inside the model's computation, so it touches no heap.
pub(crate) fn poll_packet(socket: RawFd, packet: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: the pointer and the length are those of `packet`; no address is asked for.
    let n =
        unsafe { libc::recv(socket, packet.as_mut_ptr().cast(), packet.len(), libc::MSG_DONTWAIT | libc::MSG_TRUNC) };
    match usize::try_from(n) {
        Ok(n) => Ok(Some(n)),
        Err(_) => match io::Error::last_os_error() {
            e if e.kind() == io::ErrorKind::WouldBlock || e.kind() == io::ErrorKind::Interrupted => Ok(None),
            e => Err(e),
        },
    }
}

pub(crate) fn write_packet(socket: RawFd, packet: &[u8]) -> io::Result<()> {
    loop {
        // SAFETY: the pointer and the length are those of `packet`. A packet is written whole or
        // not at all. (write, not send: the engine's filter allows no more than it needs.)
        let n = unsafe { libc::write(socket, packet.as_ptr().cast(), packet.len()) };
        if n >= 0 {
            return Ok(());
        }
        let e = io::Error::last_os_error();
        if e.kind() != io::ErrorKind::Interrupted {
            return Err(e);
        }
    }
}

fn read_packet(socket: RawFd, packet: &mut [u8]) -> io::Result<usize> {
    loop {
        // SAFETY: the pointer and the length are those of `packet`.
        let n = unsafe { libc::read(socket, packet.as_mut_ptr().cast(), packet.len()) };
        if let Ok(n) = usize::try_from(n) {
            return Ok(n);
        }
        let e = io::Error::last_os_error();
        match e.kind() {
            io::ErrorKind::Interrupted => {}
            // A peer that died with our packets unread: for us the same as one that closed.
            io::ErrorKind::ConnectionReset => return Ok(0),
            _ => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn ends() -> (Sender, Receiver, OwnedFd) {
        let (a, b) = pair().unwrap();
        let (_, receiver) = split(b);
        let (sender, _) = split(a.try_clone().unwrap());
        (sender, receiver, a)
    }

    #[test]
    fn a_frame_larger_than_a_packet_arrives_whole() {
        for len in [0, 1, PACKET - 4, PACKET - 3, PACKET - 2, PACKET, 3 * PACKET, 1 << 20] {
            let (sender, mut receiver, _end) = ends();
            let text = "x".repeat(len);
            let copy = text.clone();
            let thread = std::thread::spawn(move || sender.send(&copy).unwrap());
            assert_eq!(receiver.receive::<String>().unwrap(), text);
            thread.join().unwrap();
        }
    }

    #[test]
    fn what_is_not_a_frame_is_refused() {
        let (sender, mut receiver, end) = ends();
        for bad in [&b"{}"[..], b".{", b"?"] {
            write_packet(end.as_raw_fd(), bad).unwrap();
            assert!(matches!(receiver.receive::<String>(), Err(ChannelError::Malformed)), "{bad:?}");
        }
        assert!(matches!(sender.send(&"x".repeat(MAX_FRAME)), Err(ChannelError::TooLarge)));
        drop((sender, end));
        assert!(matches!(receiver.receive::<String>(), Err(ChannelError::Closed)));
    }

    #[test]
    fn a_frame_without_end_is_cut_off() {
        let (_, mut receiver, end) = ends();
        let thread = std::thread::spawn(move || {
            let packet = [b'+'; PACKET];
            while write_packet(end.as_raw_fd(), &packet).is_ok() {}
        });
        assert!(matches!(receiver.receive::<String>(), Err(ChannelError::Malformed)));
        drop(receiver);
        thread.join().unwrap();
    }

    #[test]
    fn wiping_leaves_no_byte_of_the_frame() {
        let (sender, mut receiver, _end) = ends();
        sender.send(&"John Smith").unwrap();
        receiver.receive::<String>().unwrap();
        assert!(receiver.packet.iter().all(|b| *b == 0) && receiver.frame.is_empty());
    }

    #[test]
    fn polling_does_not_wait() {
        let (sender, receiver, _end) = ends();
        let mut small = [0; 8];
        assert_eq!(poll_packet(receiver.socket.as_raw_fd(), &mut small).unwrap(), None);
        sender.send(&1).unwrap();
        assert_eq!(poll_packet(receiver.socket.as_raw_fd(), &mut small).unwrap(), Some(2));
    }
}
