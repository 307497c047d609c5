//! What the engine process runs: lock down, load, then one request at a time until the server goes.

pub(crate) mod inbox;
mod sequence;
mod serve;

use crate::channel::{Receiver, Sender, split};
use crate::frame::{ErrorCode, Ready, Reply, Request, Start};
use crate::llama::Model;
use crate::lockdown::{self, Locked, SOCKET_FD};
use crate::prompt::Prompter;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::Instant;

/// Runs an engine: the whole life of a process that the launcher started with the model on
/// descriptor 3 and the socket on descriptor 4. Call it on the main thread, before there is any
/// other.
pub fn engine_main() -> ExitCode {
    // A message could quote what was being worked on; descriptor 2 is /dev/null, but then nobody
    // needs it either.
    std::panic::set_hook(Box::new(|_| {}));
    let (sender, receiver) = split(socket());
    let code = match run(&sender, receiver) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => {
            let _ = sender.send(&Reply::Error { id: None, code });
            ExitCode::FAILURE
        }
    };
    // Closing the socket is not on the list of system calls; the kernel does it in a moment.
    std::mem::forget(sender);
    code
}

#[allow(unsafe_code, reason = "takes over a descriptor by number")]
fn socket() -> OwnedFd {
    // SAFETY: the launcher's contract: descriptor 4 is ours. If it were not open, the first use
    // would fail.
    unsafe { OwnedFd::from_raw_fd(SOCKET_FD) }
}

fn run(sender: &Sender, mut receiver: Receiver) -> Result<(), ErrorCode> {
    let locked = lockdown::lock_down().map_err(ErrorCode::Confinement)?;
    let start = match receiver.receive() {
        Ok(Request::Start(start)) => start,
        Ok(_) => return Err(ErrorCode::BadRequest),
        Err(_) => return Ok(()), // the server is gone already
    };
    load_and_serve(locked, start, sender, receiver)
}

fn load_and_serve(locked: Locked, mut start: Start, sender: &Sender, receiver: Receiver) -> Result<(), ErrorCode> {
    let began = Instant::now();
    let Locked { model, landlock, memory_locked, took_us } = locked;
    let model = Model::load(model, start.read_weights).ok_or(ErrorCode::ModelRefused)?;
    let prompter = Prompter::new(&model).ok_or(ErrorCode::Template)?;
    let load_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    let trained = model.trained_context().max(1);
    let size = if start.context == 0 { trained } else { start.context.min(trained) };
    start.batch = start.batch.clamp(128, 2048);
    start.together = start.together.clamp(1, 64);
    let mut server = serve::Server::new(&model, &prompter, size, start, sender, inbox::Inbox::new(receiver))?;
    let ready = Ready {
        architecture: model.metadata(c"general.architecture").unwrap_or_default(),
        context: server.context_size(),
        load_ms,
        lock_down_us: took_us,
        landlock,
        memory_locked,
    };
    if sender.send(&Reply::Ready(ready)).is_err() {
        return Ok(());
    }
    server.run()
}
