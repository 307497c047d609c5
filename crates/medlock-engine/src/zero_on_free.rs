//! Zeroes every heap block when it is freed, for Rust and C++ alike, in each program that links
//! this crate.
//!
//! llama.cpp keeps prompt text in strings and vectors that no call of its interface wipes, so it is
//! done where all of them end. The executable's `free` and `realloc` win over libc's for every
//! dynamic call, those of libstdc++ included. `realloc` must be replaced too, or a block that moves
//! leaves its old bytes behind. Dynamic glibc only; how the program is linked can undo it silently,
//! which is why [`active`] exists and why an engine refuses to run without it.
//!
//! Blocks that are mappings of their own go back to the kernel, which clears pages before it gives
//! them to anybody, so they are not written: that would fault in every page that was never used.
#![allow(unsafe_code, reason = "replaces two functions of the C library")]

use libc::{c_int, c_void, size_t};
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

unsafe extern "C" {
    fn __libc_free(block: *mut c_void);
    fn __libc_malloc(size: size_t) -> *mut c_void;
    fn __libc_memalign(alignment: size_t, size: size_t) -> *mut c_void;
}

/// Whether everybody's `free` and `realloc` resolve to the ones below.
pub fn active() -> bool {
    // SAFETY: dlsym with a C string; the result is compared, never called.
    let is = |name: &CStr, ours: *const c_void| unsafe {
        std::ptr::eq(libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()), ours)
    };
    is(c"free", free as *const c_void) && is(c"realloc", realloc as *const c_void)
}

/// Keeps large blocks in mappings of their own. glibc raises that threshold when such a block is
/// freed, unless it has been set.
pub fn pin_mmap_threshold() {
    // SAFETY: mallopt with a parameter it knows.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10) };
}

/// Whether large aligned blocks get their pages at once.
static POPULATE: AtomicBool = AtomicBool::new(false);

/// From now on large aligned blocks get their pages when they are made, not when they are first written. A context that
/// is made anew for each request would otherwise pay for its pages while somebody waits for the first token.
pub(crate) fn populate() {
    POPULATE.store(true, Ordering::Relaxed);
}

/// `posix_memalign(3)`, which is what the model's buffers come from.
///
/// # Safety
/// As for `posix_memalign(3)`: `out` is where the block's address is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, alignment: size_t, size: size_t) -> c_int {
    const LARGE: usize = 1 << 20;
    const PAGE: usize = 4096;
    if !alignment.is_power_of_two() || !alignment.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    // SAFETY: the caller's contract; the pages asked for lie within the new block.
    unsafe {
        let block = __libc_memalign(alignment, size);
        if block.is_null() {
            return libc::ENOMEM;
        }
        if size >= LARGE && POPULATE.load(Ordering::Relaxed) {
            let (from, to) = ((block as usize).next_multiple_of(PAGE), (block as usize + size) / PAGE * PAGE);
            let errno = *libc::__errno_location();
            // Advice: huge pages are fewer to make. Where the kernel does not know to populate (before Linux 5.14), pages
            // come when they are written.
            libc::madvise(from as *mut c_void, to - from, libc::MADV_HUGEPAGE);
            libc::madvise(from as *mut c_void, to - from, libc::MADV_POPULATE_WRITE);
            *libc::__errno_location() = errno;
        }
        *out = block;
    }
    0
}

/// `free(3)`, zeroing.
///
/// # Safety
/// As for `free(3)`: null, or a block of this allocator that is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    const IS_MMAPPED: usize = 2;
    if block.is_null() {
        return;
    }
    // SAFETY: the caller gives a live block of glibc's, whose size word lies right before it and
    // whose usable bytes nobody reads any more.
    unsafe {
        if *block.cast::<usize>().sub(1) & IS_MMAPPED == 0 {
            libc::explicit_bzero(block, libc::malloc_usable_size(block));
        }
        __libc_free(block);
    }
}

/// `realloc(3)`: a block that moves is zeroed where it was.
///
/// # Safety
/// As for `realloc(3)`: null, or a block of this allocator that is not used again if another comes
/// back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: size_t) -> *mut c_void {
    // SAFETY: the caller gives null or a live block; the copy stays within both blocks' usable
    // bytes, and the old one is freed only after it.
    unsafe {
        if block.is_null() {
            return __libc_malloc(size);
        }
        if size == 0 {
            free(block);
            return std::ptr::null_mut();
        }
        let usable = libc::malloc_usable_size(block);
        if size <= usable && size >= usable / 2 {
            return block; // it fits and wastes little
        }
        let moved = __libc_malloc(size);
        if !moved.is_null() {
            std::ptr::copy_nonoverlapping(block.cast::<u8>(), moved.cast::<u8>(), usable.min(size));
            free(block);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_in_force_in_this_binary() {
        assert!(active());
    }

    #[test]
    fn a_freed_block_holds_nothing_of_what_it_held() {
        // Some sizes are served from other lists than others; each must be clean.
        for size in [24usize, 200, 1000, 5000, 100_000] {
            // SAFETY: the block is written within its size. After `free` its first 16 bytes belong
            // to the allocator, the rest stays mapped because a later block keeps the heap's top.
            unsafe {
                let block = libc::malloc(size).cast::<u8>();
                let guard = libc::malloc(64);
                block.write_bytes(0x5a, size);
                libc::free(block.cast());
                let left = (16..size).filter(|i| block.add(*i).read_volatile() == 0x5a).count();
                libc::free(guard);
                assert!(left < 16, "{left} of {size} bytes survived");
            }
        }
    }

    #[test]
    fn a_grown_block_keeps_its_content() {
        let mut v: Vec<u8> = Vec::new();
        for i in 0..300_000u32 {
            v.push(i as u8);
        }
        assert!(v.iter().enumerate().all(|(i, b)| *b == i as u8));
    }
}
