//! A made-up patient. Every identifier here is invented; the numbers are from ranges that are never
//! given out.

use serde_json::{Value, json};

/// What a clinician might paste.
const NOTE: &str = "\
Patient: Margaret Ellison   DOB: 04/12/1951   MRN: 48213377
Seen 03/14/2024 by Dr. Alan Whitfield, Cedar Grove Medical Center.
Phone (415) 555-0132, margaret.ellison@example.com
Home: 2817 Juniper Street, Sacramento, CA 95814

72-year-old woman with type 2 diabetes and hypertension. A1c 8.1 %, BP 148/86.
Metformin raised to 1000 mg twice daily. Follow-up in six weeks.";

const ASK: &str = "Write one short sentence that reminds the patient, by name, of the follow-up visit.";
const SYSTEM: &str = "You help clinicians write short notes. Words in square brackets such as [NAME-1] stand for \
                      something real: copy them exactly as they are.";

fn prompt() -> String {
    format!("{ASK}\n\n{NOTE}")
}

/// The body of the request.
pub(super) fn request(model: &str) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt()}],
        "temperature": 0,
        "seed": 7,
        "max_tokens": 80,
    })
}
