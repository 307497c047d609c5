//! A small language model on PHI with the HIPAA technical safeguards enforced in the path: the
//! command line, configuration, wiring and exit codes.

mod admin;
mod cli;
mod clock;
mod columns;
mod commands;
mod config;
mod deid_vault;
mod detector;
mod failure;
mod hardening;
mod https;
mod init;
mod installation;
mod layout;
mod lock;
mod marks;
mod models;
mod policy_note;
mod progress;
mod prompt;
mod provider;
mod quickstart;
mod relationships;
mod server;
mod show;
mod signals;
mod signers;
mod sinks;
mod telemetry;
mod terminal;
mod witness;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // An engine or a launcher is decided before a thread is started or a file is opened.
    if let Some(code) = medlock_engine::run_if_child() {
        return code;
    }
    hardening::quiet_panics();
    let cli::Cli { global, command } = cli::Cli::parse();
    let terminal = terminal::Terminal::new(global.json, global.color);
    let whereabouts = config::Whereabouts { config: global.config, data_dir: global.data_dir };
    match commands::run(command, commands::Context { terminal, whereabouts }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.note(&failure);
            failure.code()
        }
    }
}
