//! What the guarded path costs over a model that answers at once: each stage by itself, then whole
//! requests, unstreamed and streamed, through real TLS. `TMPDIR` says which disk the log is on.
//!
//!     cargo run --release -p testkit --example overhead

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program for developers")]

use futures_util::StreamExt;
use medlock_audit::{Entry, Kind};
use medlock_auth::{Ask, ChatAction, Credential};
use medlock_deid::{Detector, Input, OnLeak, OutputFilter, Restorer, protect_all};
use medlock_domain::{Actor, ModelText, NetworkSource, PhiText, ProtectionMode, Purpose};
use medlock_keys::password::Secret;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{MODEL, Say, Script, Server};

const NOTE: &str = "Patient: Margaret Ellison, DOB 04/12/1951, MRN 48213377. Seen 03/14/2024 by Dr. Alan Whitfield at \
    Cedar Grove Medical Center. Phone (415) 555-0132, margaret.ellison@example.com. 72-year-old woman with type 2 \
    diabetes and hypertension. A1c 8.1 %, BP 148/86. Metformin raised to 1000 mg twice daily. ";
const ANSWER: &str =
    "[NAME-1] was seen on [DATE-2] and her blood pressure was above the goal, so the dose was raised. ";

#[tokio::main]
async fn main() {
    let script = Script::default();
    let server = Server::builder().script(script.clone()).start().await;
    let text = |n: usize| NOTE.chars().cycle().take(n).collect::<String>();
    let body =
        |stream: bool| json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": text(1024)}]});
    let answer: String = ANSWER.chars().cycle().take(1000).collect();
    script.say(Say::cut(&answer, 50)); // 20 pieces

    println!("{:<44} {:>9} {:>9} {:>7}", "stage", "median", "p99", "n");
    stages(&server, &text, &answer).await;
    println!();
    println!("{:<44} {:>9} {:>9} {:>9} {:>7}", "request", "median", "p99", "CPU", "n");
    for clients in [1, 16] {
        let floor = load(&server, clients, 1000, |s| Box::pin(async move { get(s).await })).await;
        floor.print(&format!("GET /healthz, {clients} clients (TLS and HTTP alone)"));
        let (b, n) = (body(false), 1000);
        let whole = load(&server, clients, n, |s| {
            let b = b.clone();
            Box::pin(async move { chat(s, b).await })
        })
        .await;
        whole.print(&format!("chat of 1 KB, {clients} clients"));
        let b = body(true);
        let streamed = load(&server, clients, n / 2, |s| {
            let b = b.clone();
            Box::pin(async move { chat(s, b).await })
        })
        .await;
        streamed.print(&format!("stream of 20 pieces, {clients} clients: whole"));
    }
    first_and_between(&server, &body(true)).await;
    println!("\nmemory resident, server and clients together: {} MB", resident_kb() / 1024);
}

async fn stages(server: &Server, text: &impl Fn(usize) -> String, answer: &str) {
    let from = NetworkSource([127, 0, 0, 1].into());
    let key = server.key("clinician");
    let auth = server.auth();
    let mut t = Vec::new();
    for _ in 0..500 {
        let at = Instant::now();
        auth.authenticate(Credential::ApiKey(Secret::new(key.as_str())), from).await.unwrap();
        t.push(at.elapsed());
    }
    print("authenticate an API key", t);
    let principal = auth.authenticate(Credential::ApiKey(Secret::new(key.as_str())), from).await.unwrap();
    let ask = Ask {
        action: ChatAction::Chat,
        model: MODEL.parse().unwrap(),
        model_local: true,
        purpose: Some(Purpose::Treatment),
        at_least: None,
        patient: None,
        relation: Default::default(),
    };
    print("authorise (Cedar)", time(2000, || drop(auth.authorize(&principal, &ask).unwrap())));
    let mut t = Vec::new();
    for _ in 0..500 {
        let at = Instant::now();
        server.log().append(Entry::new(Kind::Release, Actor::Server).content(vec![65; 1024])).await.unwrap();
        t.push(at.elapsed());
    }
    print("audit: one record of 1 KB, durable", t);
    let d = Detector::shared();
    for n in [1024, 8192] {
        let text = text(n);
        let run = || {
            let input = Input::from(PhiText::new(text.as_str()));
            drop(protect_all(d, ProtectionMode::Tokenize, vec![input], &mut medlock_keys::random::fill));
        };
        print(&format!("protect {} KB", n / 1024), time(1000, run));
    }
    let p = protect_all(
        d,
        ProtectionMode::Tokenize,
        vec![Input::from(PhiText::new(text(1024)))],
        &mut medlock_keys::random::fill,
    )
    .ok()
    .unwrap();
    let run = || {
        let mut filter = OutputFilter::new(d, &p.surrogates, OnLeak::Redact);
        let mut restorer = Restorer::new(&p.surrogates, true);
        for piece in answer.as_bytes().chunks(50) {
            for t in filter.push(ModelText::new(std::str::from_utf8(piece).unwrap())).unwrap() {
                restorer.push(t);
            }
        }
        for t in filter.finish().unwrap().0 {
            restorer.push(t);
        }
        restorer.finish();
    };
    print("filter and restore 1 KB in 20 pieces", time(300, run));
}

/// Time to the first and between the following pieces of a stream, as the client sees them.
async fn first_and_between(server: &Server, body: &Value) {
    let (mut first, mut between) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let at = Instant::now();
        let response = request(server, body).send().await.unwrap();
        let mut bytes = response.bytes_stream();
        let mut last: Option<Instant> = None;
        while let Some(chunk) = bytes.next().await {
            // Each event with content is one window; the first event has only the role.
            if !String::from_utf8_lossy(&chunk.unwrap()).contains("\"content\":\"") {
                continue;
            }
            match last {
                None => first.push(at.elapsed()),
                Some(l) => between.push(l.elapsed()),
            }
            last = Some(Instant::now());
        }
    }
    println!();
    print("stream: first piece (open, first window)", first);
    print("stream: between pieces", between);
}

fn request(server: &Server, body: &Value) -> reqwest::RequestBuilder {
    server.client().post(server.url("/v1/chat/completions")).bearer_auth(server.key("clinician")).json(body)
}

async fn chat(server: &Server, body: Value) {
    let response = request(server, &body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
}

async fn get(server: &Server) {
    let response = server.client().get(server.url("/healthz")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
}

struct Load {
    times: Vec<Duration>,
    cpu_ms: f64,
}

impl Load {
    fn print(mut self, what: &str) {
        let n = self.times.len();
        let (median, p99) = quantiles(&mut self.times);
        println!("{what:<44} {:>9} {:>9} {:>6.2} ms {n:>7}", show(median), show(p99), self.cpu_ms);
    }
}

type Step<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

async fn load<'a>(server: &'a Server, clients: usize, n: usize, one: impl Fn(&'a Server) -> Step<'a>) -> Load {
    for _ in 0..20 {
        one(server).await;
    }
    let before = cpu_ms();
    let lanes = (0..clients).map(|_| async {
        let mut times = Vec::new();
        for _ in 0..n / clients {
            let at = Instant::now();
            one(server).await;
            times.push(at.elapsed());
        }
        times
    });
    let times: Vec<Duration> = futures_util::future::join_all(lanes).await.into_iter().flatten().collect();
    let cpu_ms = (cpu_ms() - before) / times.len() as f64;
    Load { times, cpu_ms }
}

fn time(n: usize, mut f: impl FnMut()) -> Vec<Duration> {
    (0..n)
        .map(|_| {
            let at = Instant::now();
            f();
            at.elapsed()
        })
        .collect()
}

fn print(what: &str, mut times: Vec<Duration>) {
    let n = times.len();
    let (median, p99) = quantiles(&mut times);
    println!("{what:<44} {:>9} {:>9} {n:>7}", show(median), show(p99));
}

fn quantiles(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[(times.len() - 1) * 99 / 100])
}

fn show(d: Duration) -> String {
    if d < Duration::from_millis(1) {
        format!("{} µs", d.as_micros())
    } else {
        format!("{:.2} ms", d.as_secs_f64() * 1e3)
    }
}

/// CPU time of this process, client and server together.
#[allow(unsafe_code, reason = "getrusage has no safe wrapper")]
fn cpu_ms() -> f64 {
    // SAFETY: a zeroed rusage is valid, and the call only writes into it.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut used);
        used
    };
    let ms = |t: libc::timeval| t.tv_sec as f64 * 1e3 + t.tv_usec as f64 / 1e3;
    ms(used.ru_utime) + ms(used.ru_stime)
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
