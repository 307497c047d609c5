//! What the engine does in a second, for one and for several who ask at once: tokens of answers, after the first one of each,
//! and the milliseconds to the first. Wiping and the sandbox are on, as always. `make bench-engine` sets it beside bare
//! llama.cpp (`medlock-engine`'s example `bare`).
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures")]

use medlock_model::{
    Asker, CancelToken, ChatPrompt, EngineConfig, EngineHandle, GenEvent, Launch, PromptMessage, Registry, Sampling,
};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What one stream did: when its first text came, when its last did, and its tokens.
struct Stream {
    first: Duration,
    last: Duration,
    prompt: u32,
    tokens: u32,
}

async fn stream(engine: EngineHandle, owner: u64, words: usize, tokens: u32) -> Stream {
    let content = (0..words).map(|n| ["patient", "notes", "say", "that", "cough"][(n + owner as usize) % 5]);
    let content = content.collect::<Vec<_>>().join(" ");
    let prompt = ChatPrompt { messages: vec![PromptMessage { role: "user", content }], shape: None };
    // The end of an answer is never chosen, so that all are as long; 2 is the end of a message in this vocabulary.
    let bias = vec![(0, -100.0), (2, -100.0)];
    let how = Sampling { max_tokens: Some(tokens), temperature: 0.0, bias, ..Sampling::default() };
    let asker = Asker { owner, scope: Some(owner) };
    let began = Instant::now();
    let mut events = engine.generate(asker, prompt, how, CancelToken::new()).await.unwrap();
    let (mut first, mut last) = (None, Duration::ZERO);
    loop {
        match events.recv().await.unwrap() {
            GenEvent::Text(_) => {
                last = began.elapsed();
                first.get_or_insert(last);
            }
            GenEvent::Done { prompt_tokens, completion_tokens, .. } => {
                let (first, prompt) = (first.unwrap_or(last), prompt_tokens);
                return Stream { first, last, prompt, tokens: completion_tokens };
            }
            GenEvent::Failed(error) => panic!("{error}"),
        }
    }
}

/// Tokens a second of all together, prompts included; of one after its first; the middle one's milliseconds to the first;
/// tokens of a prompt.
async fn round(
    engine: &EngineHandle,
    streams: usize,
    owners: usize,
    words: usize,
    tokens: u32,
) -> (f64, f64, f64, u32) {
    let began = Instant::now();
    let mut all = JoinSet::new();
    for n in 0..streams {
        all.spawn(stream(engine.clone(), (n % owners) as u64, words, tokens));
    }
    let mut done: Vec<Stream> = all.join_all().await;
    let wall = began.elapsed().as_secs_f64();
    done.sort_by_key(|s| s.first);
    let (middle, prompt) = (done[done.len() / 2].first.as_secs_f64() * 1e3, done[0].prompt);
    let all = done.iter().map(|s| f64::from(s.tokens)).sum::<f64>() / wall;
    let one = f64::from(done[0].tokens - 1) / (done[0].last - done[0].first).as_secs_f64();
    (all, one, middle, prompt)
}

fn main() -> ExitCode {
    if let Some(code) = medlock_engine::run_if_child() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [models, words, tokens, rounds] = &arguments[..] else { panic!("speed MODELS-DIRECTORY WORDS TOKENS ROUNDS") };
    let (words, tokens, rounds): (usize, u32, usize) =
        (words.parse().unwrap(), tokens.parse().unwrap(), rounds.parse().unwrap());
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
        let name = "smollm2-135m-instruct".parse().unwrap();
        let model = Registry::open(models).unwrap().verify(&name).await.unwrap();
        let exe = std::env::current_exe().unwrap();
        let config = EngineConfig { engines: 2, queue: 64, ..EngineConfig::new(Launch::Direct(exe), model) };
        let engine = EngineHandle::start(config).await.unwrap();
        // The weights' pages come with the first request of each process; bare llama.cpp is warmed as well.
        round(&engine, 2, 2, words, 2).await;
        for _ in 0..rounds {
            for (what, streams, owners) in [
                ("one", 1, 1),
                ("one-later", 1, 1),
                ("two-askers", 2, 2),
                ("eight-of-one", 8, 1),
                ("eight-askers", 8, 8),
            ] {
                if what == "one-later" {
                    // Long enough that the engine has made its next context.
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                let (all, one, first, prompt) = round(&engine, streams, owners, words, tokens).await;
                println!("{what} {first:.1} {all:.1} {one:.1} {prompt}");
            }
        }
    });
    ExitCode::SUCCESS
}
