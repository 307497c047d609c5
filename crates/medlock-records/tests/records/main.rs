//! Round trips of every format through a parser that is not ours, and what must be gone after them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod ccda;
mod csv_rows;
mod fhir_r4;
mod formats;
mod hl7v2;
mod hostile;
mod json_values;
mod marker;
#[cfg(feature = "parquet")]
mod parquet_files;
mod plain;

use marker::Marker;
use medlock_records::{Format, Options, RecordError, Report, rewrite};

/// Rewrites with [`Marker`] and the options that a test wants.
fn with(input: &[u8], format: Format, options: &Options) -> Result<(Vec<u8>, Report, Marker), RecordError> {
    let mut out = Vec::new();
    let mut marker = Marker::default();
    let report = rewrite(input, &mut out, format, &mut marker, options)?;
    assert_eq!((report.bytes_in, report.bytes_out), (input.len() as u64, out.len() as u64));
    Ok((out, report, marker))
}

fn done(input: &str, format: Format) -> (String, Report, Marker) {
    let (out, report, marker) = with(input.as_bytes(), format, &Options::default()).unwrap();
    (String::from_utf8(out).unwrap(), report, marker)
}

fn out(input: &str, format: Format) -> String {
    done(input, format).0
}

fn refused(input: &[u8], format: Format) -> String {
    with(input, format, &Options::default()).err().expect("refused").to_string()
}

/// None of the values may be in the text, and none may be too short for that to mean anything.
#[track_caller]
fn gone<S: AsRef<str>>(values: impl IntoIterator<Item = S>, text: &str) {
    let mut any = false;
    for value in values {
        let value = value.as_ref();
        assert!(!text.contains(value), "{value:?} is still there");
        any = true;
    }
    assert!(any, "nothing was looked for");
}
