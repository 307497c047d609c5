//! A format inside another: an attachment in a FHIR resource, encapsulated data in HL7 v2, an
//! unstructured body in a C-CDA document.

use crate::error::RecordError;
use crate::stream::{Input, Output};
use crate::work::{MAX_INSIDE, Work};
use crate::{Format, run};

/// Rewrites `bytes`, which the outer format says to be of `media_type`. The inner result says why
/// the data was not inspected and must be left out.
pub(crate) fn rewrite(
    bytes: &[u8],
    media_type: &str,
    work: &mut Work<'_>,
    path: &str,
) -> Result<Result<Vec<u8>, &'static str>, RecordError> {
    let Some(format) = format(media_type) else { return Ok(Err("an attachment of another type than text")) };
    // The bytes have a say: a PDF does not become text by being called one.
    let format = match Format::detect(None, &bytes[..bytes.len().min(4096)]) {
        Err(_) | Ok(Format::Parquet) => return Ok(Err("an attachment that is not what it says")),
        Ok(detected) if format == Format::Text => detected,
        Ok(_) => format,
    };
    if work.inside >= MAX_INSIDE {
        return Ok(Err("an attachment inside too many others"));
    }
    work.inside += 1;
    let mut out = Vec::with_capacity(bytes.len());
    let mut output = Output::new(&mut out);
    let done = run(&mut Input::new(bytes), &mut output, format, work).and_then(|()| output.flush());
    drop(output);
    work.inside -= 1;
    match done {
        Ok(()) => Ok(Ok(out)),
        Err(RecordError::Invalid { .. } | RecordError::Refused { .. } | RecordError::TooLarge { .. }) => {
            work.report.removed("an attachment that is not valid", path);
            Ok(Err("an attachment that is not what it says"))
        }
        Err(e) => Err(e),
    }
}

fn format(media_type: &str) -> Option<Format> {
    let kind = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match kind.as_str() {
        "text/plain" | "text/markdown" | "text" | "txt" => Format::Text,
        "text/xml"
        | "application/xml"
        | "application/hl7-cda+xml"
        | "application/cda+xml"
        | "text/html"
        | "application/xhtml+xml"
        | "xml"
        | "html" => Format::Xml,
        "text/csv" => Format::Csv,
        "text/tab-separated-values" => Format::Tsv,
        "application/json" | "text/json" => Format::Json,
        "application/fhir+json" => Format::Fhir,
        "application/hl7-v2" | "x-application/hl7-v2+er7" | "application/edi-hl7v2" => Format::Hl7v2,
        _ => return None,
    })
}
