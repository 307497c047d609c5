//! Others who watch that the log only grows: C2SP tlog-witness, tlog-cosignature and tlog-policy.
//!
//! A witness keeps the last checkpoint of each log that it has signed and signs the next one only with a
//! proof that it continues that. So a log that was put back to an earlier day, or rewritten, cannot get
//! its next checkpoint signed, and whoever holds a checkpoint with enough witnesses' signatures knows that
//! everybody else has seen the same history (evidence for 45 CFR 164.312(b) and (c)).

pub(crate) mod ask;
mod cosign;
mod policy;
mod watch;

pub use ask::{Reply, Transport, Witnesses};
pub(crate) use cosign::signers;
pub use cosign::{Cosigner, CosignerName};
pub use policy::{BadPolicy, Policy};
pub use watch::{Answer, Watch};

use crate::error::Error;
use crate::format::WITNESSES;
use crate::medium::Medium;
use std::io;

/// Every witness that was ever asked to sign this log's checkpoints, as a file beside it lists them.
pub(crate) fn listed(medium: &dyn Medium) -> Result<Vec<CosignerName>, Error> {
    let text = match medium.read(WITNESSES, crate::note::MAX_NOTE) {
        Ok(text) => String::from_utf8(text).map_err(|_| Error::damaged(WITNESSES, 0, "not UTF-8"))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("read", WITNESSES, e)),
    };
    let parse = |line: &str| {
        let line = line.strip_suffix('\n').ok_or(crate::note::BadNote::Malformed("the last line has no end"))?;
        CosignerName::parse(line)
    };
    text.split_inclusive('\n')
        .map(parse)
        .collect::<Result<_, _>>()
        .map_err(|e| Error::damaged(WITNESSES, 0, e.to_string()))
}
