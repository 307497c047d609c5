//! Completions and man pages, from the one definition of the command line.

use crate::cli::Cli;
use crate::failure::{Doing, Failure};
use crate::terminal::Terminal;
use clap::CommandFactory;
use std::path::Path;

pub(crate) fn completions(shell: clap_complete::Shell, terminal: Terminal) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "medlock", &mut script);
    terminal.write(&String::from_utf8_lossy(&script));
    Ok(())
}

pub(crate) fn man(dir: &Path, terminal: Terminal) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).doing(format!("making {}", dir.display()))?;
    clap_mangen::generate_to(Cli::command(), dir).doing(format!("writing to {}", dir.display()))?;
    terminal.note(format!("man pages written to {}", dir.display()));
    Ok(())
}
