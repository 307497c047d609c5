//! The types that the format numbers.

/// A type of metadata value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetaType {
    /// A number or truth value of this many bytes.
    Fixed(u64),
    String,
    Array,
}

impl MetaType {
    pub(super) fn from_id(id: u32) -> Option<Self> {
        Some(match id {
            0 | 1 | 7 => Self::Fixed(1),
            2 | 3 => Self::Fixed(2),
            4..=6 => Self::Fixed(4),
            8 => Self::String,
            9 => Self::Array,
            10..=12 => Self::Fixed(8),
            _ => return None,
        })
    }
}

/// How a type of tensor lies in the file.
pub(super) struct Layout {
    /// Numbers in a block.
    pub(super) block: u64,
    /// Bytes of a block.
    pub(super) bytes: u64,
    /// Whether the model code has a second, interleaved layout that it converts to at load.
    pub(super) repacked: bool,
}

/// The layout of a type of tensor; none for a type that was never used or is gone.
pub(super) fn tensor_layout(id: u32) -> Option<Layout> {
    let (block, bytes) = match id {
        0 | 26 => (1, 4),
        1 | 25 | 30 => (1, 2),
        24 => (1, 1),
        27 | 28 => (1, 8),
        2 | 20 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        9 => (32, 36),
        10 => (256, 84),
        11 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        15 => (256, 292),
        16 => (256, 66),
        17 => (256, 74),
        18 => (256, 98),
        19 => (256, 50),
        21 => (256, 110),
        22 => (256, 82),
        23 => (256, 136),
        29 => (256, 56),
        34 => (256, 54),
        35 => (256, 66),
        39 => (32, 17),
        _ => return None,
    };
    Some(Layout { block, bytes, repacked: matches!(id, 2 | 10 | 12 | 20) })
}

#[cfg(test)]
mod tests {
    #![allow(unsafe_code, reason = "asks the model code for its own table")]
    use super::*;

    #[test]
    fn the_table_is_the_model_codes_own() {
        let known = (0..40).filter_map(|id| Some((id, tensor_layout(id)?)));
        let mut n = 0;
        for (id, layout) in known {
            // SAFETY: both look a number of a known type up in a constant table.
            let (block, bytes) = unsafe { (llama_cpp_sys_2::ggml_blck_size(id), llama_cpp_sys_2::ggml_type_size(id)) };
            assert_eq!((layout.block, layout.bytes), (block as u64, bytes as u64), "type {id}");
            n += 1;
        }
        assert_eq!(n, 32);
    }
}
