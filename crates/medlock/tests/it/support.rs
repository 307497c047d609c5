//! Running the binary.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// It must have ended like this.
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(&self.out).unwrap();
        assert_eq!(value["schema"], 1);
        value
    }
}

impl From<Output> for Ran {
    fn from(o: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: o.status.code().unwrap_or(-1), out: text(o.stdout), err: text(o.stderr) }
    }
}

/// The binary with a clean environment and `stdin` as text.
pub(crate) fn medlock(data: &Path, stdin: &str, args: &[&str]) -> Ran {
    let mut child = command(data, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read closes the pipe; that is its right.
    let _closed = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// The same, not started.
pub(crate) fn command(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medlock"));
    command.args(args).stdin(Stdio::piped());
    for (name, _) in std::env::vars() {
        if name.starts_with("MEDLOCK_") || name == "NO_COLOR" || name == "COLUMNS" {
            command.env_remove(name);
        }
    }
    command.env("MEDLOCK_DATA_DIR", data);
    command
}

/// The model that setup fetched; tests that need it are skipped without, but never in CI.
pub(crate) fn models() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models");
    let dir = std::env::var_os("MEDLOCK_TEST_MODEL_DIR").map_or(default, PathBuf::from);
    let there = dir.join("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf").exists();
    assert!(there || std::env::var_os("CI").is_none(), "no model in {}: run `make setup`", dir.display());
    there.then(|| dir.canonicalize().unwrap())
}

/// A server that is stopped when this goes.
pub(crate) struct Serving(pub(crate) Child);

impl Serving {
    /// Starts `args` and waits until a line of its stderr contains `ready`.
    pub(crate) fn start(data: &Path, args: &[&str], ready: &str) -> Self {
        let mut child = command(data, args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        let found = lines.by_ref().map_while(Result::ok).any(|line| {
            let there = line.contains(ready);
            seen.push(line);
            there
        });
        assert!(found, "the server did not get there: {seen:#?}");
        // Whatever else it says must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    /// Sends a signal, and waits for the exit code.
    pub(crate) fn stop(&mut self, signal: &str) -> i32 {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < limit, "it did not stop");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}
