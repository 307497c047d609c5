//! Says what is found in standard input, and why: `echo TEXT | cargo run -p medlock-deid --example explain`.
#![allow(clippy::print_stdout, reason = "a tool")]

use std::io::Read;

use medlock_deid::Detector;

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    for e in Detector::shared().explain(&text) {
        println!("{:?} {:?} {:?}", &text[e.finding.span.start..e.finding.span.end], e.finding.class, e.because);
    }
    Ok(())
}
