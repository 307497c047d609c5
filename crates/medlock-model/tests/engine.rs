//! The client, on real engine processes with a real model.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests with a main of their own")]

use medlock_model::{
    Asker, CancelToken, ChatPrompt, EngineConfig, EngineError, EngineHandle, Finish, GenEvent, GenerateError, Launch,
    Launcher, PromptMessage, Registry, Sampling, VerifiedModel,
};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

type Test = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

const TESTS: &[Test] = &[
    ("answers_through_the_sandbox", || Box::pin(answers_through_the_sandbox())),
    ("the_launcher_serves_too", || Box::pin(the_launcher_serves_too())),
    ("a_crash_fails_what_runs_and_the_engine_comes_back", || {
        Box::pin(a_crash_fails_what_runs_and_the_engine_comes_back())
    }),
    ("cancelling_frees_the_engine", || Box::pin(cancelling_frees_the_engine())),
    ("only_ones_own_requests_are_answered_together", || Box::pin(only_ones_own_requests_are_answered_together())),
    ("what_is_kept_is_ones_own_and_for_a_while", || Box::pin(what_is_kept_is_ones_own_and_for_a_while())),
    ("a_full_queue_is_busy", || Box::pin(a_full_queue_is_busy())),
    ("a_changed_or_broken_model_does_not_start", || Box::pin(a_changed_or_broken_model_does_not_start())),
];

fn main() -> ExitCode {
    if let Some(code) = medlock_engine::run_if_child() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let mut failed = 0;
    for (name, test) in TESTS {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
            let began = Instant::now();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let ok = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test()))).is_ok();
            failed += u32::from(!ok);
            println!("test {name} ... {} ({:.2?})", if ok { "ok" } else { "FAILED" }, began.elapsed());
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn model() -> VerifiedModel {
    let name = "smollm2-135m-instruct".parse().unwrap();
    let directory = match std::env::var_os("MEDLOCK_TEST_MODEL").map(PathBuf::from) {
        Some(file) => file.ancestors().nth(2).unwrap().to_path_buf(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models"),
    };
    Registry::open(directory).unwrap().verify(&name).await.unwrap()
}

async fn direct() -> EngineConfig {
    let exe = std::env::current_exe().unwrap();
    EngineConfig { context: 2048, ..EngineConfig::new(Launch::Direct(exe), model().await) }
}

const ME: Asker = Asker { owner: 1, scope: Some(1) };

fn ask(text: &str) -> ChatPrompt {
    let message = |role, content: &str| PromptMessage { role, content: content.into() };
    ChatPrompt { messages: vec![message("system", "Be brief."), message("user", text)], shape: None }
}

fn greedy(max_tokens: u32) -> Sampling {
    Sampling { max_tokens: Some(max_tokens), temperature: 0.0, ..Sampling::default() }
}

async fn generate(engine: &EngineHandle, prompt: ChatPrompt, how: Sampling) -> (String, GenEvent) {
    hear(engine.generate(ME, prompt, how, CancelToken::new()).await.unwrap()).await
}

async fn hear(mut events: mpsc::Receiver<GenEvent>) -> (String, GenEvent) {
    let mut text = String::new();
    loop {
        match events.recv().await.expect("an end is always told") {
            GenEvent::Text(piece) => text += piece.expose_unfiltered(),
            last => {
                assert!(events.recv().await.is_none(), "nothing comes after the end");
                return (text, last);
            }
        }
    }
}

fn running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}

async fn answers_through_the_sandbox() {
    let began = Instant::now();
    let engine = EngineHandle::start(direct().await).await.unwrap();
    println!("  started in {:.0?}: {:?}", began.elapsed(), engine.info());
    assert!(engine.ready() && engine.info().context == 2048);
    assert_eq!(engine.model_digest()[..4], [0xb1, 0x79, 0xc9, 0x52]);
    let began = Instant::now();
    let (text, last) = generate(&engine, ask("What is the capital of France?"), greedy(24)).await;
    println!("  {text:?} in {:.0?}", began.elapsed());
    assert!(text.contains("Paris"), "{text}");
    let GenEvent::Done { finish: Finish::Stop, prompt_tokens, completion_tokens, cached_tokens: 0, times } = last
    else {
        panic!("{last:?}")
    };
    assert!(prompt_tokens > 10 && completion_tokens > 3, "{prompt_tokens} {completion_tokens}");

    assert!(times.first > Duration::ZERO && times.rest > Duration::ZERO && times.queued < times.first, "{times:?}");
    // Without a seed every answer is another, with one it is the same.
    let loose = |seed| Sampling { max_tokens: Some(16), seed, ..Sampling::default() };
    let mut told = Vec::new();
    for seed in [None, None, Some(7), Some(7)] {
        told.push(generate(&engine, ask("Tell me a story."), loose(seed)).await.0);
    }
    assert!(told[0] != told[1] && told[2] == told[3], "{told:?}");

    let (_, last) = generate(&engine, ask(&"word ".repeat(3000)), greedy(1)).await;
    let GenEvent::Failed(EngineError::ContextLengthExceeded { context: 2048, .. }) = last else { panic!("{last:?}") };
    let (_, last) = generate(&engine, ChatPrompt { messages: Vec::new(), shape: None }, greedy(1)).await;
    assert!(matches!(last, GenEvent::Failed(EngineError::BadRequest)), "{last:?}");

    let pids = engine.process_ids();
    engine.shut_down().await;
    assert!(!engine.ready() && !pids.into_iter().any(running));
    let refused = engine.generate(ME, ask("x"), greedy(1), CancelToken::new()).await;
    assert_eq!(refused.unwrap_err(), GenerateError::Down);
}

async fn the_launcher_serves_too() {
    let launcher = Launcher::start(&std::env::current_exe().unwrap()).unwrap();
    let config = EngineConfig { launch: Launch::Launcher(launcher), engines: 2, ..direct().await };
    let engine = EngineHandle::start(config).await.unwrap();
    assert_eq!(engine.process_ids().len(), 2);
    let one = engine.generate(ME, ask("What is the capital of France?"), greedy(24), CancelToken::new()).await.unwrap();
    let two = engine.generate(ME, ask("What is the capital of France?"), greedy(24), CancelToken::new()).await.unwrap();
    let (one, two) = tokio::join!(hear(one), hear(two));
    assert!(one.0.contains("Paris") && one.0 == two.0, "{} {}", one.0, two.0);
    // The last handle takes the engines with it.
    let pids = engine.process_ids();
    drop(engine);
    let until = Instant::now() + Duration::from_secs(5);
    while pids.iter().any(|p| running(*p)) {
        assert!(Instant::now() < until, "the engines outlive their handle");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn a_crash_fails_what_runs_and_the_engine_comes_back() {
    let engine = EngineHandle::start(direct().await).await.unwrap();
    for working in [true, false] {
        let pid = engine.process_ids()[0];
        let mut events = None;
        if working {
            let mut running =
                engine.generate(ME, ask("Tell me a long story."), greedy(900), CancelToken::new()).await.unwrap();
            assert!(matches!(running.recv().await, Some(GenEvent::Text(_))));
            events = Some(running);
        }
        let began = Instant::now();
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
        if let Some(events) = events {
            let (_, last) = hear(events).await;
            let GenEvent::Failed(EngineError::Crashed(how)) = last else { panic!("{last:?}") };
            assert!(how.contains("killed"), "{how}");
            println!("  failed after {:.0?}", began.elapsed());
        }
        while engine.process_ids().is_empty() || engine.process_ids()[0] == pid {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not come back");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        println!("  ready again after {:.0?}, at work: {working}", began.elapsed());
        let (text, _) = generate(&engine, ask("What is the capital of France?"), greedy(24)).await;
        assert!(text.contains("Paris"), "{text}");
    }
}

async fn cancelling_frees_the_engine() {
    let engine = EngineHandle::start(direct().await).await.unwrap();
    let token = CancelToken::new();
    let mut events = engine.generate(ME, ask("Tell me a long story."), greedy(1500), token.clone()).await.unwrap();
    assert!(matches!(events.recv().await, Some(GenEvent::Text(_))));
    let began = Instant::now();
    token.cancel();
    let (_, last) = hear(events).await;
    assert!(matches!(last, GenEvent::Failed(EngineError::Cancelled)), "{last:?}");
    println!("  by token: {:.0?}", began.elapsed());

    let mut events = engine.generate(ME, ask("Tell me a long story."), greedy(1500), CancelToken::new()).await.unwrap();
    assert!(matches!(events.recv().await, Some(GenEvent::Text(_))));
    drop(events);
    let began = Instant::now();
    let (text, _) = generate(&engine, ask("What is the capital of France?"), greedy(24)).await;
    println!("  the next answer after a dropped receiver: {:.0?}", began.elapsed());
    assert!(text.contains("Paris"), "{text}");
    // Not by waiting for 1500 tokens, which take more than ten seconds.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

async fn what_is_kept_is_ones_own_and_for_a_while() {
    let keep = Duration::from_millis(1500);
    let engine = EngineHandle::start(EngineConfig { keep, ..direct().await }).await.unwrap();
    let cached = async |asker: Asker| {
        let question = format!("{} What is the capital of France?", "The cat sat on the mat. ".repeat(8));
        let events = engine.generate(asker, ask(&question), greedy(4), CancelToken::new()).await.unwrap();
        match hear(events).await.1 {
            GenEvent::Done { cached_tokens, prompt_tokens, .. } => (cached_tokens, prompt_tokens),
            other => panic!("{other:?}"),
        }
    };
    let (cold, prompt) = cached(ME).await;
    assert_eq!(cold, 0);
    assert_eq!(cached(ME).await.0, prompt - 1);
    for other in [Asker { owner: 2, scope: Some(2) }, Asker { scope: Some(3), ..ME }, ME] {
        assert_eq!(cached(other).await.0, 0, "{other:?}");
    }
    assert_eq!(cached(ME).await.0, prompt - 1);
    tokio::time::sleep(keep * 2).await;
    assert_eq!(cached(ME).await.0, 0, "its time was over");
}

async fn a_full_queue_is_busy() {
    let config = EngineConfig { queue: 1, together: 1, ..direct().await };
    let engine = EngineHandle::start(config).await.unwrap();
    let token = CancelToken::new();
    let first = engine.generate(ME, ask("Tell me a long story."), greedy(900), token.clone()).await.unwrap();
    let second = engine.generate(ME, ask("Tell me another."), greedy(900), token.clone()).await.unwrap();
    let third = engine.generate(ME, ask("And another."), greedy(900), token.clone()).await;
    assert!(matches!(third, Err(GenerateError::Busy { retry_after }) if retry_after >= Duration::from_secs(1)));
    token.cancel();
    for events in [first, second] {
        assert!(matches!(hear(events).await.1, GenEvent::Failed(EngineError::Cancelled)));
    }
}

async fn a_changed_or_broken_model_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let good = model().await;
    let mut entry = medlock_model::Catalogue::shipped().get(good.name()).unwrap().clone();
    entry.size = 8;
    entry.sha256 = medlock_keys::digest::sha256(&[b"GGUF\x03\0\0\0"]);
    let registry = Registry::open(directory.path()).unwrap();
    let registry = registry.with_catalogue(medlock_model::Catalogue::shipped().with(entry));
    let path = registry.path(good.name()).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for (bytes, said) in [(b"GGUF\x03\0\0\0", "malformed"), (b"GGUF\x04\0\0\0", "changed")] {
        std::fs::write(&path, b"GGUF\x03\0\0\0").unwrap();
        let tiny = registry.verify(good.name()).await.unwrap();
        std::fs::write(&path, bytes).unwrap();
        let error = EngineHandle::start(EngineConfig { model: tiny, ..direct().await }).await.unwrap_err();
        assert!(matches!(&error, EngineError::Start(why) if why.contains(said)), "{error}");
    }
}

async fn only_ones_own_requests_are_answered_together() {
    let engine = EngineHandle::start(direct().await).await.unwrap();
    let other = Asker { owner: 2, scope: Some(2) };
    let about_another = Asker { scope: Some(3), ..ME };
    let story = |asker: Asker, seed| {
        let how = Sampling { seed, ..greedy(60) };
        let engine = engine.clone();
        async move { engine.generate(asker, ask("Tell me a long story."), how, CancelToken::new()).await.unwrap() }
    };
    // Who is answered when: each piece by the number of its request.
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut all = tokio::task::JoinSet::new();
    let mut listen = |n: usize, mut events: mpsc::Receiver<GenEvent>| {
        let order = order.clone();
        all.spawn(async move {
            while let Some(event) = events.recv().await {
                assert!(!matches!(event, GenEvent::Failed(_)), "{event:?}");
                order.lock().unwrap().push(n);
            }
        });
    };
    for n in 0..3 {
        listen(n, story(ME, None).await);
    }
    while (0..3).any(|n| !order.lock().unwrap().contains(&n)) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for (n, asker, seed) in [(3, other, None), (4, about_another, None), (5, ME, Some(7)), (6, ME, None)] {
        listen(n, story(asker, seed).await);
    }
    all.join_all().await;
    let order = order.lock().unwrap();
    let at = |n| (order.iter().position(|m| *m == n).unwrap(), order.iter().rposition(|m| *m == n).unwrap());
    let meet = |a, b| {
        let ((a0, a1), (b0, b1)) = (at(a), at(b));
        a0 < b1 && b0 < a1
    };
    assert!(meet(0, 1) && meet(0, 2), "one's own, about the same: {order:?}");
    for n in [0, 1, 2] {
        assert!(!meet(n, 3), "somebody else's: {order:?}");
        assert!(!meet(n, 4), "about another patient: {order:?}");
        assert!(!meet(n, 5), "one with a seed is answered alone: {order:?}");
        assert!(!meet(n, 6), "nobody joins while somebody else waits: {order:?}");
    }
    assert!(at(3).0 < at(6).0, "whoever has nothing running is next: {order:?}");
}
