//! Checks on the workspace itself.
//!
//!     cargo run -p xtask -- layers     dependencies point down only, and none is on the "never" list

mod layers;

use std::process::ExitCode;

fn main() -> ExitCode {
    let faults = match std::env::args().nth(1).as_deref() {
        Some("layers") => layers::check(),
        _ => Err("usage: xtask layers".into()),
    };
    match faults {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|f| report(f));
            ExitCode::FAILURE
        }
        Err(e) => {
            report(&e);
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is a command-line tool")]
fn report(line: &str) {
    eprintln!("xtask: {line}");
}
