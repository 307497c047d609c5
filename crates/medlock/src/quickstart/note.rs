//! A made-up patient. Every identifier here is invented; the telephone number is of the range that is
//! kept for fiction.

use serde_json::{Value, json};

/// What a clinician might paste.
const PROMPT: &str = "\
Write a one-sentence summary of this visit.

Margaret Ellison (MRN 48213377, born 04/12/1951) was seen on 03/14/2024 by Dr. Alan Whitfield at \
Cedar Grove Medical Center. She lives at 2817 Juniper Street, Sacramento, CA 95814; phone (415) 555-0132, \
margaret.ellison@example.com. 72-year-old woman with type 2 diabetes and hypertension, A1c 8.1 %, BP 148/86. \
Metformin raised to 1000 mg twice daily. Follow-up in six weeks.";

/// The body of the request.
pub(super) fn request(model: &str) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "user", "content": PROMPT}],
        "temperature": 0,
        "seed": 7,
        "max_tokens": 64,
    })
}
