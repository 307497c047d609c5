//! The log's side: asks witnesses to sign each checkpoint that is published, and learns from them whether
//! this log is what it was.

use super::Policy;
use super::policy::Listed;
use crate::error::Error;
use crate::note::Checkpoint;
use crate::proof::{ConsistencyProof, decimal};
use crate::tiles::read::Tiles;
use crate::tree::Nodes as _;
use std::io;

/// Carries the body of an `add-checkpoint` request to a witness. Blocks; must have a time limit.
pub trait Transport: Send + Sync {
    /// Posts `body` to `<url>/add-checkpoint`.
    fn add_checkpoint(&self, url: &str, body: &str) -> io::Result<Reply>;
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// The witnesses of a log, and how they are reached.
pub struct Witnesses {
    policy: Policy,
    transport: Box<dyn Transport>,
    /// How long the log goes on recording without enough signatures.
    grace_ms: u64,
    /// For each, the size that it signed last, as far as we know.
    known: Vec<u64>,
}

/// What one witness said.
enum Said {
    Signed(String),
    /// It has signed a longer log than this one: this one was put back.
    Longer(u64),
    /// It has signed another log of this name and key.
    Other,
    /// Nothing that helps.
    Nothing(String),
}

/// Signatures that were gathered.
pub(crate) struct Gathered {
    /// Their lines.
    pub(crate) lines: String,
    /// Why the policy is not met, if it is not.
    pub(crate) lacking: Option<String>,
}

impl Witnesses {
    /// `grace_ms`: how long entries are recorded although too few witnesses have signed.
    pub fn new(policy: Policy, transport: Box<dyn Transport>, grace_ms: u64) -> Self {
        let known = vec![0; policy.witnesses().len()];
        Self { policy, transport, grace_ms, known }
    }

    /// Whose signatures are enough.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn grace_ms(&self) -> u64 {
        self.grace_ms
    }

    /// Asks all of them to sign `note`. An error if one of them knows better than we do: then this
    /// directory is not what it was.
    pub(crate) fn gather(&mut self, tiles: &Tiles<'_>, new: Checkpoint, note: &str) -> Result<Gathered, Error> {
        let (mut lines, mut signers, mut others) = (String::new(), Vec::new(), Vec::new());
        for (witness, known) in self.policy.witnesses().iter().zip(&mut self.known) {
            let Some(url) = witness.url() else { continue };
            let name = witness.name().name();
            match ask(&*self.transport, witness, url, known, tiles, new, note)? {
                Said::Signed(line) => {
                    lines.push_str(&line);
                    signers.push(witness.name());
                }
                Said::Longer(size) => {
                    return Err(Error::PutBack { witness: name.to_owned(), witnessed: size, log: new.size });
                }
                Said::Other => return Err(Error::OtherHistory { witness: name.to_owned(), log: new.size }),
                Said::Nothing(why) => {
                    tracing::warn!(witness = name, why, "a witness did not sign the checkpoint");
                    others.push(format!("{name}: {why}"));
                }
            }
        }
        let lacking = (!self.policy.is_met_by(&signers)).then(|| others.join("; "));
        Ok(Gathered { lines, lacking })
    }
}

fn ask(
    transport: &dyn Transport,
    witness: &Listed,
    url: &str,
    known: &mut u64,
    tiles: &Tiles<'_>,
    new: Checkpoint,
    note: &str,
) -> Result<Said, Error> {
    // The second time with what the witness said that it knows.
    for _ in 0..2 {
        if *known > new.size {
            return Ok(Said::Longer(*known));
        }
        let old = Checkpoint { size: *known, root: tiles.root_at(*known)? };
        let path = tiles.consistency(old.size, new.size)?;
        let body = ConsistencyProof { old, size: new.size, root: new.root, path, checkpoint: note.to_owned() };
        let reply = match transport.add_checkpoint(url, &body.to_text()) {
            Ok(reply) => reply,
            Err(e) => return Ok(Said::Nothing(e.to_string())),
        };
        match reply.status {
            200 => {
                let (text, _) = crate::note::split(note).map_err(|e| Error::damaged("checkpoint", 0, e.to_string()))?;
                let line = reply.body.split_inclusive('\n').find(|line| {
                    line.ends_with('\n') && witness.name().signed(text, line.trim_end_matches('\n')).is_some()
                });
                let Some(line) = line else { return Ok(Said::Nothing("its answer is not its signature".into())) };
                *known = new.size;
                return Ok(Said::Signed(line.to_owned()));
            }
            409 => match reply.body.strip_suffix('\n').and_then(decimal) {
                // The same size as ours, and it would not sign: another root.
                Some(size) if size == *known => return Ok(Said::Other),
                Some(size) => *known = size,
                None => return Ok(Said::Nothing("its answer is not a size".into())),
            },
            422 if *known > 0 => return Ok(Said::Other),
            status => return Ok(Said::Nothing(format!("it answered {status}"))),
        }
    }
    Ok(Said::Nothing("it changed its mind".into()))
}
