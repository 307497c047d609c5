//! De-identifies streams of records, format by format: plain text, JSON and JSON lines, FHIR R4, HL7
//! v2, C-CDA and other XML, CSV and TSV, Parquet.
//!
//! A format knows *where* something stands: that `Patient.birthDate` is a date and `PID-19` a social
//! security number, whatever they look like, and which strings are free text. What an identifier is
//! and what becomes of it is the business of whoever implements [`Rewrite`]. What comes out is valid
//! in its format, and byte for byte what went in where nothing was replaced. What a format cannot
//! look into is refused or left out and counted in the [`Report`]; it is never copied unseen.
//!
//! Memory is bounded by [`Options`]: a line, a message, a row, a document at a time; a text of any
//! length is searched in windows. No files, no network, no clock: bytes go in, bytes come out.
//!
//! ```
//! use medlock_domain::{ClassCounts, PhiClass};
//! use medlock_records::{Format, Options, Rewrite, RewriteError, rewrite};
//!
//! /// Stars for what a field tells; free text as it is (a detector belongs here).
//! #[derive(Default)]
//! struct Stars(ClassCounts);
//!
//! impl Rewrite for Stars {
//!     fn document(&mut self, _patient: Option<&str>) {}
//!     fn text(&mut self, _cue: Option<&str>, text: &str) -> Result<String, RewriteError> {
//!         Ok(text.to_owned())
//!     }
//!     fn field(&mut self, class: PhiClass, value: &str) -> Result<String, RewriteError> {
//!         self.0.add(class);
//!         Ok("*".repeat(value.len()))
//!     }
//!     fn counts(&self) -> &ClassCounts {
//!         &self.0
//!     }
//! }
//!
//! let csv = "mrn,last_name,glucose\r\n0042,\"Seven\",98\r\n";
//! let mut out = Vec::new();
//! let mut stars = Stars::default();
//! let report = rewrite(csv.as_bytes(), &mut out, Format::Csv, &mut stars, &Options::default())?;
//! assert_eq!(out, b"mrn,last_name,glucose\r\n****,\"*****\",98\r\n");
//! assert_eq!(report.documents, 1);
//! assert_eq!(stars.counts().to_string(), "NAME=1,MRN=1");
//! # Ok::<(), medlock_records::RecordError>(())
//! ```

mod align;
mod csv;
mod error;
mod fhir;
mod format;
mod hl7;
mod inside;
mod json;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod report;
mod rewrite;
mod stream;
mod text;
mod value;
mod words;
mod work;
mod xml;

use std::io::{Read, Write};

pub use error::{Place, RecordError};
pub use format::{Format, Unsupported};
pub use options::Options;
#[cfg(feature = "parquet")]
pub use parquet::rewrite_parquet;
pub use report::Report;
pub use rewrite::{Rewrite, RewriteError};

use stream::{Input, Output};
use work::Work;

/// Rewrites `input`, which is of the format `format`, to `output`.
///
/// The output may be used if this returns `Ok`, and only then: a stream that ends with an error is
/// cut off somewhere.
///
/// # Errors
/// [`RecordError`] says what is wrong and where, never with a value of the input.
pub fn rewrite<R: Read, W: Write>(
    input: R,
    output: W,
    format: Format,
    rewriter: &mut dyn Rewrite,
    options: &Options,
) -> Result<Report, RecordError> {
    let mut work = Work::new(rewriter, options);
    let (mut input, mut output) = (Input::new(input), Output::new(output));
    run(&mut input, &mut output, format, &mut work)?;
    output.flush()?;
    work.report.bytes_in = input.offset;
    work.report.bytes_out = output.written;
    Ok(work.report)
}

/// One format's way of rewriting, also for a format inside another.
fn run<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    format: Format,
    work: &mut Work<'_>,
) -> Result<(), RecordError> {
    match format {
        Format::Text => text::rewrite(input, output, work),
        Format::Json => json::rewrite(input, output, work, false),
        Format::Fhir => json::rewrite(input, output, work, true),
        Format::JsonLines => json::rewrite_lines(input, output, work, false),
        Format::FhirLines => json::rewrite_lines(input, output, work, true),
        Format::Hl7v2 => hl7::rewrite(input, output, work),
        Format::Xml => xml::rewrite(input, output, work),
        Format::Csv => csv::rewrite(input, output, work, None),
        Format::Tsv => csv::rewrite(input, output, work, Some(b'\t')),
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::run(input, output, work),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(RecordError::Refused { what: "Parquet: this build is without it", at: Place::byte(0) }),
    }
}
