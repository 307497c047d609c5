//! A thin safe layer over the model code: just what one request at a time needs.
#![allow(unsafe_code, reason = "calls into C++; each type owns its pointer and frees it once")]

use crate::engine::inbox::{Inbox, on_node};
use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use zeroize::Zeroize;

pub(crate) type Token = sys::llama_token;

/// The weights and the vocabulary.
pub(crate) struct Model {
    model: NonNull<sys::llama_model>,
    vocab: *const sys::llama_vocab,
}

impl Model {
    /// Loads a model. This is where bytes that nobody trusts are parsed for the first time: the
    /// process must be locked down by now.
    pub(crate) fn load(file: crate::lockdown::ModelFile, read_weights: bool) -> Option<Self> {
        // SAFETY: default parameters, a stream that is open and read by nobody else. A mapping
        // outlives its descriptor, so the stream is closed (on drop) either way.
        unsafe {
            let mut params = sys::llama_model_default_params();
            params.load_mode = if read_weights { sys::LLAMA_LOAD_MODE_NONE } else { sys::LLAMA_LOAD_MODE_MMAP };
            params.n_gpu_layers = 0;
            let model = NonNull::new(sys::llama_model_load_from_file_ptr(file.stream().cast(), params))?;
            Some(Self { model, vocab: sys::llama_model_get_vocab(model.as_ptr()) })
        }
    }

    /// Tokens of `text`. Control tokens are recognised in it only where `special` says so: in the
    /// template's own text, never in a message's.
    pub(crate) fn tokenize(&self, text: &str, special: bool) -> Option<Vec<Token>> {
        let len = i32::try_from(text.len()).ok()?;
        // A token covers a byte at least, but for what the vocabulary may put in front.
        let mut tokens = vec![0; text.len() + 8];
        // SAFETY: pointer and length belong together, for the text and for the room for tokens.
        let n = unsafe {
            let room = tokens.len() as i32;
            sys::llama_tokenize(self.vocab, text.as_ptr().cast(), len, tokens.as_mut_ptr(), room, false, special)
        };
        tokens.truncate(usize::try_from(n).ok()?);
        Some(tokens)
    }

    /// Appends the token's bytes. Control tokens have none.
    pub(crate) fn append_piece(&self, token: Token, out: &mut Vec<u8>) {
        let mut piece = [0u8; 256];
        // SAFETY: pointer and length are those of `piece`. A piece that does not fit gives a
        // negative number and nothing else.
        let n = unsafe {
            sys::llama_token_to_piece(self.vocab, token, piece.as_mut_ptr().cast(), piece.len() as i32, 0, false)
        };
        out.extend_from_slice(usize::try_from(n).ok().and_then(|n| piece.get(..n)).unwrap_or_default());
    }

    pub(crate) fn ends_answer(&self, token: Token) -> bool {
        // SAFETY: the vocabulary lives as long as the model; the token came from it.
        unsafe { sys::llama_vocab_is_eog(self.vocab, token) }
    }

    /// How many tokens there are.
    pub(crate) fn vocabulary(&self) -> Token {
        // SAFETY: the vocabulary lives as long as the model.
        unsafe { sys::llama_vocab_n_tokens(self.vocab) }
    }

    pub(crate) fn is_control(&self, token: Token) -> bool {
        // SAFETY: as above.
        let attributes = unsafe { sys::llama_vocab_get_attr(self.vocab, token) };
        attributes & sys::LLAMA_TOKEN_ATTR_CONTROL != 0
    }

    /// The token that this model wants before everything else, if it wants one.
    pub(crate) fn leading_token(&self) -> Option<Token> {
        // SAFETY: the vocabulary lives as long as the model.
        unsafe { sys::llama_vocab_get_add_bos(self.vocab).then(|| sys::llama_vocab_bos(self.vocab)) }
    }

    /// The texts of the tokens that begin and end a text, for the template.
    pub(crate) fn boundary_texts(&self) -> (String, String) {
        // SAFETY: the vocabulary lives as long as the model; its texts are C strings of its own.
        let text = |token: Token| unsafe {
            if token < 0 || token >= self.vocabulary() {
                return String::new();
            }
            let text = sys::llama_vocab_get_text(self.vocab, token);
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        // SAFETY: as above.
        let (first, last) = unsafe { (sys::llama_vocab_bos(self.vocab), sys::llama_vocab_eos(self.vocab)) };
        (text(first), text(last))
    }

    /// A metadata value as text.
    pub(crate) fn metadata(&self, key: &CStr) -> Option<String> {
        let mut text = vec![0u8; 256 << 10];
        // SAFETY: pointer and length are those of `text`; the call ends what it writes with a zero.
        let n = unsafe {
            sys::llama_model_meta_val_str(self.model.as_ptr(), key.as_ptr(), text.as_mut_ptr().cast(), text.len())
        };
        let n = usize::try_from(n).ok().filter(|n| *n < text.len())?;
        text.truncate(n);
        String::from_utf8(text).ok()
    }

    /// The context that the model was trained with.
    pub(crate) fn trained_context(&self) -> u32 {
        // SAFETY: the model lives.
        u32::try_from(unsafe { sys::llama_model_n_ctx_train(self.model.as_ptr()) }).unwrap_or(0)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once; contexts borrow the model and are gone.
        unsafe { sys::llama_model_free(self.model.as_ptr()) }
    }
}

/// The memory of requests that are answered together: keys, values, logits and buffers. Made for them, freed with them.
pub(crate) struct Context<'m> {
    context: NonNull<sys::llama_context>,
    model: PhantomData<&'m Model>,
}

/// Tokens to be computed in one go, of one request or several.
pub(crate) struct Batch {
    tokens: Vec<Token>,
    positions: Vec<i32>,
    /// Of how many requests each token is: one.
    counts: Vec<i32>,
    places: Vec<i32>,
    /// To each of `places`.
    pointers: Vec<*mut i32>,
    /// Whether it is asked what comes after the token.
    wanted: Vec<i8>,
}

impl Batch {
    /// Room for so many tokens; more leave copies behind.
    pub(crate) fn new(size: usize) -> Self {
        let (tokens, positions, places) =
            (Vec::with_capacity(size), Vec::with_capacity(size), Vec::with_capacity(size));
        Self { tokens, positions, places, counts: Vec::new(), pointers: Vec::new(), wanted: Vec::new() }
    }

    /// Adds a token at `position` of the request at `place`. Gives its index.
    pub(crate) fn push(&mut self, token: Token, position: usize, place: u32, wanted: bool) -> i32 {
        self.tokens.push(token);
        self.positions.push(i32::try_from(position).unwrap_or(i32::MAX));
        self.places.push(i32::try_from(place).unwrap_or(i32::MAX));
        self.counts.push(1);
        self.wanted.push(i8::from(wanted));
        self.tokens.len() as i32 - 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        for numbers in [&mut self.tokens, &mut self.positions, &mut self.counts, &mut self.places] {
            numbers.clear();
        }
        self.wanted.clear();
    }

    /// Overwrites what the last batches left.
    pub(crate) fn wipe(&mut self) {
        self.clear();
        self.tokens.zeroize();
    }

    fn point(&mut self) {
        self.pointers.clear();
        self.pointers.extend(self.places.iter_mut().map(std::ptr::from_mut));
    }
}

/// Why a computation ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// The abort callback said so.
    Interrupted,
    /// The model code refused or failed.
    Failed,
}

impl<'m> Context<'m> {
    /// For `together` requests at once at most, which share `size` tokens.
    pub(crate) fn new(model: &'m Model, size: u32, batch: u32, together: u32) -> Option<Self> {
        // SAFETY: default parameters with sizes of ours; the model outlives the context ('m). One
        // thread: the lock-down forbids more.
        unsafe {
            let mut params = sys::llama_context_default_params();
            params.n_ctx = size;
            params.n_batch = batch;
            params.n_ubatch = batch;
            params.n_seq_max = together;
            params.kv_unified = true;
            params.n_threads = 1;
            params.n_threads_batch = 1;
            params.no_perf = true;
            let context = NonNull::new(sys::llama_init_from_model(model.model.as_ptr(), params))?;
            Some(Self { context, model: PhantomData })
        }
    }

    /// Tokens that fit.
    pub(crate) fn size(&self) -> u32 {
        // SAFETY: the context lives.
        unsafe { sys::llama_n_ctx(self.context.as_ptr()) }
    }

    /// Computes the batch, after what came before it; `inbox` may stop it.
    pub(crate) fn decode(&mut self, batch: &mut Batch, inbox: &Inbox) -> Result<(), DecodeError> {
        batch.point();
        // SAFETY: the pointers are those of vectors of the same length, which the batch owns and which stay as they are
        // during the call. The callback has `inbox` for the same duration and is taken away again.
        let code = unsafe {
            sys::llama_set_abort_callback(self.context.as_ptr(), Some(on_node), inbox.as_data());
            let given = sys::llama_batch {
                n_tokens: batch.tokens.len() as i32,
                token: batch.tokens.as_mut_ptr(),
                embd: std::ptr::null_mut(),
                pos: batch.positions.as_mut_ptr(),
                n_seq_id: batch.counts.as_mut_ptr(),
                seq_id: batch.pointers.as_mut_ptr(),
                logits: batch.wanted.as_mut_ptr(),
            };
            let code = sys::llama_decode(self.context.as_ptr(), given);
            sys::llama_set_abort_callback(self.context.as_ptr(), Some(on_node), std::ptr::null_mut());
            code
        };
        match code {
            0 => Ok(()),
            2 => Err(DecodeError::Interrupted),
            _ => Err(DecodeError::Failed),
        }
    }
}

impl Context<'_> {
    /// Frees a place from its `from`th token on: what was there is gone with the context.
    pub(crate) fn forget(&mut self, place: u32, from: usize) {
        let from = i32::try_from(from).unwrap_or(i32::MAX);
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_seq_rm(sys::llama_get_memory(self.context.as_ptr()), place as i32, from, -1) };
    }

    /// Lets another place have the first tokens of one as well. Nothing is copied.
    pub(crate) fn share(&mut self, from: u32, with: u32, tokens: usize) {
        let tokens = i32::try_from(tokens).unwrap_or(i32::MAX);
        // SAFETY: the context lives.
        unsafe {
            let memory = sys::llama_get_memory(self.context.as_ptr());
            sys::llama_memory_seq_cp(memory, from as i32, with as i32, 0, tokens);
        }
    }

    /// What the model gives each token to come after the one at `index` of the batch that was computed last.
    pub(crate) fn logits(&mut self, model: &Model, index: i32) -> Option<&mut [f32]> {
        let len = usize::try_from(model.vocabulary()).ok()?;
        // SAFETY: null, or one number for each token of the vocabulary, which the context owns until its next decode;
        // the borrow keeps that away.
        unsafe {
            let logits = sys::llama_get_logits_ith(self.context.as_ptr(), index);
            (!logits.is_null()).then(|| std::slice::from_raw_parts_mut(logits, len))
        }
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once. `data = true` is the only clearing that zeroes; what the
        // context owns beside it is zeroed by our free() or, where it is a mapping of its own,
        // given back to the kernel.
        unsafe {
            sys::llama_memory_clear(sys::llama_get_memory(self.context.as_ptr()), true);
            sys::llama_free(self.context.as_ptr());
        }
    }
}

/// Starts the model code, before anything has been read, and sends its words nowhere: a log line
/// may quote what it is about.
pub(crate) fn start_backend(on_abort: Option<unsafe extern "C" fn(*const c_char)>) {
    unsafe extern "C" fn no_log(_: sys::ggml_log_level, _: *const c_char, _: *mut c_void) {}
    // SAFETY: callbacks that live as long as the program.
    unsafe {
        sys::llama_log_set(Some(no_log), std::ptr::null_mut());
        sys::ggml_set_abort_callback(on_abort);
        sys::llama_backend_init();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::lockdown::ModelFile;
    use std::ffi::CString;

    /// The default model, not confined.
    pub(crate) fn model() -> Model {
        const HERE: &str = "/../../.cache/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
        let default = env!("CARGO_MANIFEST_DIR").to_string() + HERE;
        let path = std::env::var("MEDLOCK_TEST_MODEL").unwrap_or(default);
        start_backend(None);
        Model::load(ModelFile::open(&CString::new(path).unwrap()), false).unwrap()
    }
}
