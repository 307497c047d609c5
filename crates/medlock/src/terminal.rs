//! What people see: stdout carries data, stderr everything else. A reader that has gone away (a
//! closed pipe) ends the printing, not the program.
#![expect(clippy::print_stderr, reason = "the command line's own output")]

use crate::cli::ColorWhen;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// How to talk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    pub(crate) json: bool,
    /// Colours on stdout.
    pub(crate) color: bool,
    /// stderr is a terminal: progress bars make sense.
    pub(crate) progress: bool,
}

impl Terminal {
    pub(crate) fn new(json: bool, color: ColorWhen) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let color = match color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => io::stdout().is_terminal() && !no_color,
        };
        Self { json, color: color && !json, progress: io::stderr().is_terminal() }
    }

    /// A line of data.
    pub(crate) fn out(&self, line: impl Display) {
        let mut text = line.to_string();
        text.push('\n');
        self.write(&text);
    }

    /// Data as it is.
    pub(crate) fn write(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        let _reader_gone = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// A JSON document with the version of its shape.
    pub(crate) fn json(&self, mut value: serde_json::Value) {
        if let Some(object) = value.as_object_mut() {
            object.insert("schema".into(), 1.into());
        }
        self.out(value);
    }

    /// Something to know that is no data.
    pub(crate) fn note(&self, text: impl Display) {
        eprintln!("medlock: {text}");
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.styled(text, "1")
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        self.styled(text, "2")
    }

    pub(crate) fn good(&self, text: &str) -> String {
        self.styled(text, "32")
    }

    pub(crate) fn styled(&self, text: &str, code: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Columns of stdout's terminal; 80 where that is not known.
    pub(crate) fn width(&self) -> usize {
        let told = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let real = || console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        told.or_else(real).unwrap_or(80).clamp(40, 160)
    }

    /// Rows with a head, each column as wide as it must be.
    pub(crate) fn table(&self, head: &[&str], rows: &[Vec<String>]) {
        let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
        for row in rows {
            widths.iter_mut().zip(row).for_each(|(w, cell)| *w = (*w).max(cell.chars().count()));
        }
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<String> = cells.zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
            padded.join("  ").trim_end().to_owned()
        };
        self.out(self.bold(&line(&mut head.iter().copied())));
        for row in rows {
            self.out(line(&mut row.iter().map(String::as_str)));
        }
    }
}
