//! The append-only audit log: durable writer, Merkle proofs, recovery, offline verifier
