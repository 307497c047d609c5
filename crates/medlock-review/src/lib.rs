//! Reading the audit log: finding entries, examining them, handing them to others (45 CFR 164.312(b):
//! record *and examine*).
//!
//! Nothing here writes to the log, and nothing that the log needs is kept here: what this crate makes can
//! be thrown away and made again from the log.
