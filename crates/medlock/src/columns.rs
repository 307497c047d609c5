//! Two texts beside each other where there is room, else one below the other.

use crate::terminal::Terminal;

/// Narrower columns than this are hard to read.
const LEAST: usize = 44;

/// Prints two headed texts.
pub(crate) fn beside(terminal: Terminal, left: (&str, &str), right: (&str, &str)) {
    let width = terminal.width();
    if width < 2 * LEAST + 3 {
        section(terminal, left.0, left.1);
        section(terminal, right.0, right.1);
        return;
    }
    let column = (width - 3) / 2;
    let (a, b) = (wrap(left.1, column), wrap(right.1, column));
    terminal.out("");
    terminal.out(format!("{}   {}", terminal.bold(&pad(left.0, column)), terminal.bold(right.0)));
    terminal.out(terminal.dim(&format!("{}   {}", "─".repeat(column), "─".repeat(column))));
    for i in 0..a.len().max(b.len()) {
        let cell = |lines: &[String]| lines.get(i).cloned().unwrap_or_default();
        let line = format!("{}   {}", marked(terminal, &pad(&cell(&a), column)), marked(terminal, &cell(&b)));
        terminal.out(line.trim_end());
    }
}

/// Prints one headed text.
pub(crate) fn section(terminal: Terminal, head: &str, text: &str) {
    let width = terminal.width();
    terminal.out("");
    terminal.out(terminal.bold(head));
    terminal.out(terminal.dim(&"─".repeat(width.min(80))));
    wrap(text, width).iter().for_each(|line| terminal.out(marked(terminal, line)));
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// Placeholders stand out.
fn marked(terminal: Terminal, line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('[') {
        let Some(end) = rest[start..].find(']').map(|e| start + e + 1) else { break };
        out.push_str(&rest[..start]);
        let inside = &rest[start + 1..end - 1];
        let placeholder = inside.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-_".contains(&b));
        let piece = &rest[start..end];
        out.push_str(&if placeholder && !inside.is_empty() { terminal.styled(piece, "36") } else { piece.to_owned() });
        rest = &rest[end..];
    }
    out + rest
}

/// Lines of at most `width` characters, broken between words where that is possible.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let words = paragraph.trim_start_matches(' ');
        let mut line = " ".repeat((paragraph.len() - words.len()).min(width / 2));
        for word in words.split(' ') {
            let mut word: Vec<char> = word.chars().collect();
            if !line.trim().is_empty() && line.chars().count() + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.trim().is_empty() {
                line.push(' ');
            }
            while line.chars().count() + word.len() > width {
                let room = width - line.chars().count();
                line.extend(word.drain(..room));
                lines.push(std::mem::take(&mut line));
            }
            line.extend(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ColorWhen;

    #[test]
    fn lines_are_never_wider_and_lose_nothing() {
        let text = "Patient: Margaret Ellison, seen\n\nAbcdefghijklmnopqrstuvwxyz end";
        for width in 5..40 {
            let lines = wrap(text, width);
            assert!(lines.iter().all(|l| l.chars().count() <= width), "{width}: {lines:?}");
            let squeezed = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(squeezed(&lines.concat()), squeezed(text));
        }
    }

    #[test]
    fn placeholders_are_marked_and_nothing_else_is() {
        let terminal = Terminal { color: true, ..Terminal::new(false, ColorWhen::Never) };
        assert_eq!(marked(terminal, "a [NAME-1] [x] ["), "a \x1b[36m[NAME-1]\x1b[0m [x] [");
        assert_eq!(marked(terminal, "[] plain"), "[] plain");
    }
}
