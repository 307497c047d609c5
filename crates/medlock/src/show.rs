//! Things that several commands show.

use crate::terminal::Terminal;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::io::{IsTerminal, stdout};

/// Recovery codes, once.
pub(crate) fn recovery_codes(terminal: Terminal, codes: &[impl AsRef<str>]) {
    terminal.out("  recovery codes: each stands in for a one-time code, once");
    for pair in codes.chunks(2) {
        terminal.out(format!("    {}", pair.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("   ")));
    }
}

/// A second factor, once: as text, and to be scanned where somebody looks at it.
pub(crate) fn factor(terminal: Terminal, otpauth_url: &str, secret: &str, recovery: &[impl AsRef<str>]) {
    terminal.out(format!("  one-time codes (TOTP), secret  {secret}"));
    terminal.out(format!("  for an authenticator app       {otpauth_url}"));
    if stdout().is_terminal()
        && let Ok(code) = QrCode::new(otpauth_url.as_bytes())
    {
        let picture = code.render::<Dense1x2>().quiet_zone(true).build();
        picture.lines().for_each(|line| terminal.out(format!("  {line}")));
    }
    recovery_codes(terminal, recovery);
}
