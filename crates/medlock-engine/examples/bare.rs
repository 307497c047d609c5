//! Bare llama.cpp: the same library, the same file and the same work as `medlock-model`'s example `speed`, in one
//! process without a sandbox, a channel, wiping or anybody else. Prints for each round the milliseconds to the first token
//! and the tokens a second after it. (`make bench-engine`; this program does not link `medlock-engine`.)
#![allow(unsafe_code, clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures a C library")]

use llama_cpp_sys_2 as sys;
use std::ffi::{CString, c_char, c_void};
use std::time::Instant;

unsafe extern "C" fn no_log(_: sys::ggml_log_level, _: *const c_char, _: *mut c_void) {}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, prompt, tokens, rounds] = &arguments[..] else { panic!("bare MODEL PROMPT-TOKENS TOKENS ROUNDS") };
    let (prompt, tokens, rounds): (usize, usize, usize) =
        (prompt.parse().unwrap(), tokens.parse().unwrap(), rounds.parse().unwrap());
    let path = CString::new(file.as_str()).unwrap();
    // SAFETY: llama.cpp's interface as its header says, on one thread, with pointers that live until the calls return.
    unsafe {
        sys::llama_log_set(Some(no_log), std::ptr::null_mut());
        sys::llama_backend_init();
        let model = sys::llama_model_load_from_file(path.as_ptr(), sys::llama_model_default_params());
        assert!(!model.is_null(), "no model at {file}");
        let vocabulary = sys::llama_vocab_n_tokens(sys::llama_model_get_vocab(model));
        let mut params = sys::llama_context_default_params();
        (params.n_ctx, params.n_batch, params.n_ubatch) = (4096, 256, 256);
        (params.n_threads, params.n_threads_batch, params.no_perf) = (1, 1, true);
        let context = sys::llama_init_from_model(model, params);
        let greedy = sys::llama_sampler_init_greedy();
        for round in 0..rounds {
            sys::llama_memory_clear(sys::llama_get_memory(context), false);
            // Any tokens do: the work is the same.
            let mut given: Vec<i32> =
                (0..prompt).map(|n| ((n * 7 + round) as i32 % (vocabulary - 1000)) + 500).collect();
            let began = Instant::now();
            for chunk in given.chunks_mut(256) {
                assert_eq!(
                    sys::llama_decode(context, sys::llama_batch_get_one(chunk.as_mut_ptr(), chunk.len() as i32)),
                    0
                );
            }
            let mut token = sys::llama_sampler_sample(greedy, context, -1);
            let first = began.elapsed();
            for _ in 1..tokens {
                assert_eq!(sys::llama_decode(context, sys::llama_batch_get_one(&mut token, 1)), 0);
                token = sys::llama_sampler_sample(greedy, context, -1);
            }
            let rest = began.elapsed() - first;
            println!("{:.1} {:.1}", first.as_secs_f64() * 1e3, (tokens - 1) as f64 / rest.as_secs_f64());
        }
    }
}
