//! A real model behind the real sandbox.

use crate::Test;
use medlock_engine::channel::{self, ChannelError, Receiver, Sender};
use medlock_engine::frame::{ErrorCode, Finish, Generate, Message, Ready, Reply, Request, Sampling, Shape, Start};
use medlock_engine::gguf;
use medlock_engine::launch::{self, Ended, Process, Running, SealedModel};
use medlock_engine::launcher::Launcher;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    ("talk::the_real_header_is_sound", the_real_header_is_sound),
    ("talk::it_answers_and_repeats_itself", it_answers_and_repeats_itself),
    ("talk::the_process_is_confined", the_process_is_confined),
    ("talk::stop_texts_end_the_answer_before_them", stop_texts_end_the_answer_before_them),
    ("talk::it_stops_when_cancelled", it_stops_when_cancelled),
    ("talk::a_prompt_that_does_not_fit_is_refused", a_prompt_that_does_not_fit_is_refused),
    ("talk::bad_requests_are_refused", bad_requests_are_refused),
    ("talk::a_broken_model_is_refused", a_broken_model_is_refused),
    ("talk::the_launcher_starts_and_ends_engines", the_launcher_starts_and_ends_engines),
];

/// The real model, sealed once.
pub(crate) fn model() -> &'static SealedModel {
    static MODEL: OnceLock<SealedModel> = OnceLock::new();
    MODEL.get_or_init(|| {
        let path = model_file();
        let file = File::open(&path).unwrap_or_else(|e| panic!("no model to test with at {}: {e}", path.display()));
        SealedModel::copy(file, |_| {}).unwrap()
    })
}

pub(crate) fn model_file() -> PathBuf {
    let below = "../../.cache/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below);
    std::env::var_os("MEDLOCK_TEST_MODEL").map_or(default, PathBuf::from)
}

/// An engine that is ready.
pub(crate) struct Engine {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    pub(crate) process: Process,
    pub(crate) ready: Ready,
    next: u64,
    /// Of the next request.
    pub(crate) shape: Option<Shape>,
    pub(crate) scope: Option<u64>,
    pub(crate) keep: bool,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) last: Reply,
}

impl Engine {
    pub(crate) fn start(context: u32) -> Self {
        Self::on(launch::spawn(&std::env::current_exe().unwrap(), model()).unwrap(), context)
    }

    fn on(running: Running, context: u32) -> Self {
        let (sender, mut receiver) = channel::split(running.end);
        sender.send(&Request::Start(Start { context, ..Start::default() })).unwrap();
        match receiver.receive().unwrap() {
            Reply::Ready(ready) => Self {
                sender,
                receiver,
                process: running.process,
                ready,
                next: 1,
                shape: None,
                scope: None,
                keep: false,
            },
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn ask(&mut self, messages: &[(&str, &str)], sampling: Sampling) -> u64 {
        self.next += 1;
        let message = |(role, content): &(&str, &str)| Message { role: (*role).into(), content: (*content).into() };
        let messages = messages.iter().map(message).collect();
        self.sender
            .send(&Request::Generate(Generate {
                id: self.next,
                scope: self.scope,
                keep: self.keep,
                messages,
                sampling,
                shape: self.shape.take(),
            }))
            .unwrap();
        self.next
    }

    pub(crate) fn hear(&mut self) -> Answer {
        let mut text = String::new();
        loop {
            match self.receiver.receive().unwrap() {
                Reply::Text { text: piece, .. } => text += &piece,
                last => return Answer { text, last },
            }
        }
    }

    /// A question that this small model answers rightly.
    pub(crate) fn capital(&mut self) -> Answer {
        self.ask(&[("system", "Be brief."), ("user", "What is the capital of France?")], greedy(24));
        self.hear()
    }

    pub(crate) fn user(&mut self, content: &str, sampling: Sampling) -> Answer {
        self.ask(&[("user", content)], sampling);
        self.hear()
    }
}

pub(crate) fn greedy(max_tokens: u32) -> Sampling {
    Sampling { max_tokens: Some(max_tokens), temperature: 0.0, ..Sampling::default() }
}

#[track_caller]
pub(crate) fn finish(reply: &Reply) -> (Finish, u32, u32) {
    match reply {
        Reply::Done { finish, prompt_tokens, completion_tokens, .. } => (*finish, *prompt_tokens, *completion_tokens),
        other => panic!("{other:?}"),
    }
}

fn the_real_header_is_sound() {
    let header = gguf::check(BufReader::new(model().open().unwrap()), model().len()).unwrap();
    assert_eq!((header.architecture.as_str(), header.tensors), ("llama", 272));
    assert_eq!((header.context_length, header.repacked), (Some(8192), false));
    assert!(header.chat_template.unwrap().contains("<|im_start|>") && header.parameters > 130_000_000);
}

fn it_answers_and_repeats_itself() {
    let mut engine = Engine::start(1024);
    assert_eq!((engine.ready.architecture.as_str(), engine.ready.context), ("llama", 1024));
    println!("  {:?}", engine.ready);
    let began = Instant::now();
    let answer = engine.capital();
    println!("  {:?} in {:.0?}", answer.text, began.elapsed());
    assert!(answer.text.contains("Paris"), "{}", answer.text);
    let (_, prompt, made) = finish(&answer.last);
    assert!(prompt > 20 && (1..=24).contains(&made), "{prompt} {made}");
    assert_eq!(engine.capital().text, answer.text);

    let seeded = |seed| Sampling { max_tokens: Some(24), seed, ..Sampling::default() };
    let one = engine.user("Tell me a story.", seeded(1)).text;
    assert_eq!(engine.user("Tell me a story.", seeded(1)).text, one);
    assert_ne!(engine.user("Tell me a story.", seeded(2)).text, one);
    let full = Sampling {
        top_k: 40,
        top_p: 0.9,
        min_p: 0.05,
        presence_penalty: 0.5,
        frequency_penalty: 0.5,
        ..seeded(u64::from(u32::MAX))
    };
    assert!(!engine.user("Tell me a story.", full).text.is_empty());
    let (why, ..) = finish(&engine.user("Tell me a story.", greedy(5)).last);
    assert_eq!(why, Finish::Length);
    assert_eq!(finish(&engine.user("x", greedy(0)).last).2, 0);
}

fn the_process_is_confined() {
    let engine = Engine::start(512);
    let of = |what: &str| format!("/proc/{}/{what}", engine.process.id());
    let status = std::fs::read_to_string(of("status")).unwrap();
    for line in ["Seccomp:\t2", "Seccomp_filters:\t3", "NoNewPrivs:\t1", "Threads:\t1"] {
        assert!(status.lines().any(|l| l == line), "{line} in {status}");
    }
    match std::fs::read(of("environ")) {
        Ok(environment) => assert_eq!(environment, b"GGML_NO_BACKTRACE=1\0"),
        Err(e) => return println!("  the rest is skipped, it needs root: {e}"),
    }
    assert_eq!(std::fs::read(of("cmdline")).unwrap(), b"medlock\0engine\0");
    let mut open: Vec<String> =
        std::fs::read_dir(of("fd")).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    open.sort();
    assert_eq!(open, ["0", "1", "2", "4"], "the model's descriptor is closed, its mapping stays");
}

fn stop_texts_end_the_answer_before_them() {
    let mut engine = Engine::start(1024);
    let whole = engine.user("Count from one to twenty in words.", greedy(60)).text;
    // A text in the middle that begins and ends within words, and so within tokens.
    let middle = whole.len() / 2;
    let at = (middle..).find(|i| whole.is_char_boundary(*i)).unwrap();
    let stop = &whole[at..at + 7];
    let before = &whole[..whole.find(stop).unwrap()];
    let sampling = Sampling { stop: vec!["never said".into(), stop.into()], ..greedy(60) };
    let answer = engine.user("Count from one to twenty in words.", sampling);
    assert_eq!((answer.text.as_str(), finish(&answer.last).0), (before, Finish::Stop), "stop {stop:?}");
}

fn it_stops_when_cancelled() {
    let mut engine = Engine::start(4096);
    let long = "The patient has a mild fever and was told to rest. ".repeat(250);
    let id = engine.ask(&[("user", &long)], greedy(400));
    std::thread::sleep(Duration::from_millis(300)); // it reads the prompt now
    let began = Instant::now();
    engine.sender.send(&Request::Cancel { id }).unwrap();
    let answer = engine.hear();
    let took = began.elapsed();
    println!("  while reading the prompt: {took:.0?}");
    assert_eq!((finish(&answer.last).0, answer.text.as_str()), (Finish::Cancelled, ""));
    assert!(took < Duration::from_secs(2), "{took:?}");

    let id = engine.ask(&[("user", "Tell me a very long story.")], greedy(2000));
    let Reply::Text { .. } = engine.receiver.receive::<Reply>().unwrap() else { panic!("no text") };
    let began = Instant::now();
    engine.sender.send(&Request::Cancel { id }).unwrap();
    let answer = engine.hear();
    println!("  while writing the answer: {:.0?}", began.elapsed());
    let (why, _, made) = finish(&answer.last);
    assert!(why == Finish::Cancelled && made < 2000, "{why:?} after {made}");
    // Too late for that one, and nobody's business; the next one is served.
    engine.sender.send(&Request::Cancel { id }).unwrap();
    assert!(engine.capital().text.contains("Paris"));
}

fn a_prompt_that_does_not_fit_is_refused() {
    let mut engine = Engine::start(512);
    // Larger than a packet too.
    let answer = engine.user(&"word ".repeat(40_000), greedy(1));
    match answer.last {
        Reply::Error { code: ErrorCode::ContextLengthExceeded { prompt_tokens, context: 512 }, .. } => {
            assert!(prompt_tokens >= 40_000, "{prompt_tokens}");
        }
        other => panic!("{other:?}"),
    }
    let (why, prompt, made) =
        finish(&engine.user(&"word ".repeat(400), Sampling { max_tokens: None, ..greedy(1) }).last);
    assert!(why == Finish::Stop || prompt + made == 512, "{why:?} {prompt} {made}");
}

fn bad_requests_are_refused() {
    let mut engine = Engine::start(512);
    let bad = [
        Sampling { temperature: f32::MAX, ..greedy(1) },
        Sampling { top_p: -1.0, ..greedy(1) },
        Sampling { stop: vec![String::new()], ..greedy(1) },
        Sampling { stop: vec!["x".into(); 17], ..greedy(1) },
    ];
    for sampling in bad {
        let last = engine.user("x", sampling).last;
        assert!(matches!(last, Reply::Error { code: ErrorCode::BadRequest, .. }), "{last:?}");
    }
    engine.ask(&[("wizard", "x")], greedy(1));
    assert!(matches!(engine.hear().last, Reply::Error { code: ErrorCode::BadRequest, .. }));
    // A second start is no request: the engine ends.
    engine.sender.send(&Request::Start(Start::default())).unwrap();
    assert!(matches!(engine.hear().last, Reply::Error { id: None, .. }));
    assert!(matches!(engine.receiver.receive::<Reply>(), Err(ChannelError::Closed)));
}

fn a_broken_model_is_refused() {
    let exe = std::env::current_exe().unwrap();
    for bytes in [&b"GGUF\x03\0\0\0"[..], b"", &[0xff; 4096]] {
        let running = launch::spawn(&exe, &SealedModel::copy(bytes, |_| {}).unwrap()).unwrap();
        let (sender, mut receiver) = channel::split(running.end);
        sender.send(&Request::Start(Start::default())).unwrap();
        let reply = receiver.receive().unwrap();
        assert!(matches!(reply, Reply::Error { id: None, code: ErrorCode::ModelRefused }), "{reply:?}");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(running.process.end().unwrap(), Ended::Code(1));
    }
}

fn the_launcher_starts_and_ends_engines() {
    let launcher = Launcher::start(&std::env::current_exe().unwrap()).unwrap();
    let mut one = Engine::on(launcher.spawn(model()).unwrap(), 512);
    let two = Engine::on(launcher.spawn(model()).unwrap(), 512);
    assert!(one.capital().text.contains("Paris"));
    let (first, second) = (one.process.id(), two.process.id());
    assert_eq!(one.process.end().unwrap(), Ended::Signal(libc::SIGKILL));
    assert!(!alive(first) && alive(second));
    // The engines go with the launcher, and the launcher with the last that holds it.
    let id = launcher.id();
    drop((two.process, launcher));
    let until = Instant::now() + Duration::from_secs(5);
    while (alive(second) || alive(id)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!alive(second) && !alive(id));
}

/// Whether a process runs; one that waits for its parent to notice does not.
fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}
