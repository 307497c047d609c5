//! Buffers that held somebody's text.

use zeroize::Zeroize;

/// Overwrites what a buffer holds and its spare capacity, and empties it. It stays allocated.
pub(crate) fn wipe(buffer: &mut Vec<u8>) {
    buffer.resize(buffer.capacity(), 0);
    buffer.as_mut_slice().zeroize();
    buffer.clear();
}
