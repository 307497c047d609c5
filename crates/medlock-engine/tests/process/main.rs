//! Real processes: this executable is also the engine, the launcher and the attacker.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests with a main of their own")]

mod attacks;
mod memory;
mod shapes;
mod talk;
mod together;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

type Test = (&'static str, fn());

fn main() -> ExitCode {
    if let Some(code) = medlock_engine::run_if_child() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = attacks::run_if_attacker(arguments.first()) {
        return code;
    }
    let tests: Vec<Test> = [attacks::TESTS, talk::TESTS, together::TESTS, shapes::TESTS, memory::TESTS].concat();
    if arguments.iter().any(|a| a == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let mut failed = 0;
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
            let began = std::time::Instant::now();
            let ok = catch_unwind(AssertUnwindSafe(test)).is_ok();
            failed += u32::from(!ok);
            println!("test {name} ... {} ({:.2?})", if ok { "ok" } else { "FAILED" }, began.elapsed());
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
