//! Attachments: data of a text type is decoded, rewritten by its own format's rules and encoded
//! again. Any other, and whatever lies elsewhere, is left out and counted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::RecordError;
use crate::inside;
use crate::json::tree::{Kind, Value};
use crate::work::Work;

/// Rewrites `data` of an Attachment or a Binary; `url`, `hash` and `size` (of what is no longer
/// there) are the table's to remove, but for a size, which is removed here when the data changes.
pub(super) fn rewrite(value: &mut Value, work: &mut Work<'_>, path: &str) -> Result<(), RecordError> {
    let kind = value.text("contentType").unwrap_or_default().to_owned();
    let Some(data) = value.get_mut("data") else { return Ok(()) };
    let Kind::String(encoded) = &data.kind else {
        data.removed = true;
        work.report.removed("data that is no text", path);
        return Ok(());
    };
    match decoded(encoded, &kind, work, path)? {
        Ok(new) => data.replace_with_string(&STANDARD.encode(new)),
        Err(why) => {
            data.removed = true;
            work.report.removed(why, path);
        }
    }
    if let Some(size) = value.get_mut("size") {
        size.removed = true;
    }
    Ok(())
}

fn decoded(
    encoded: &str,
    kind: &str,
    work: &mut Work<'_>,
    path: &str,
) -> Result<Result<Vec<u8>, &'static str>, RecordError> {
    let packed: String = encoded.split_ascii_whitespace().collect();
    let Ok(bytes) = STANDARD.decode(packed) else { return Ok(Err("an attachment that is not base64")) };
    inside::rewrite(&bytes, kind, work, path)
}
