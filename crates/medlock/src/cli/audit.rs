//! `medlock audit`.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use medlock_domain::{RequestId, UserId};
use medlock_pipeline::admin::{Day, Reason, Verdict};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check the whole log; needs its files and a public key only
    ///
    /// Exits 0 when it is intact, 1 when it is not, 2 when it could not be checked.
    Verify {
        /// The log directory [default: the data directory's]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
        /// A copy of log.vkey that was kept elsewhere
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        vkey: Option<PathBuf>,
        /// A checkpoint that was kept elsewhere: the log must be an extension of it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        since: Option<PathBuf>,
        /// A witness policy that was kept elsewhere: its witnesses must have signed the checkpoint
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        witnesses: Option<PathBuf>,
        /// Check only this proof of one entry, as `audit prove` wrote it; needs the key and nothing else
        #[arg(long, value_name = "FILE", conflicts_with_all = ["since", "witnesses"], value_hint = ValueHint::FilePath)]
        proof: Option<PathBuf>,
    },
    /// Prove that an entry is in the log, or that the log has only grown since a checkpoint
    ///
    /// Prints a C2SP tlog-proof, or with --since the consistency proof that a C2SP witness takes. Needs
    /// neither keys nor the server; what was recorded in the last ten seconds may not be published yet.
    #[command(group(clap::ArgGroup::new("what").required(true)))]
    Prove {
        /// The entry
        #[arg(value_name = "INDEX", group = "what")]
        index: Option<u64>,
        /// A checkpoint that was kept elsewhere
        #[arg(long, value_name = "FILE", group = "what", value_hint = ValueHint::FilePath)]
        since: Option<PathBuf>,
        /// The log directory [default: the data directory's]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Find entries
    ///
    /// Every filter must hold; of several values, separated by commas, one. Newest first. Exits 1 when
    /// nothing was found.
    Search(Box<AuditSearch>),
    /// Print the last entries, and with --follow those that come
    Tail {
        /// So many
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 10)]
        lines: usize,
        /// Go on until stopped
        #[arg(short, long)]
        follow: bool,
        /// The log directory [default: the data directory's]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// The index that `audit search` looks in
    #[command(subcommand)]
    Index(AuditIndex),
    /// Write entries in a format that other systems take, without content
    ///
    /// People, keys, sessions and patients appear as tokens of the receiver alone.
    Export(AuditExport),
    /// Print entries
    Show(AuditShow),
    /// Open everything that is sealed of a request: what came beside what the model saw, and what it said
    ///
    /// Takes the right, a reason, a one-time code where a server runs, and the reading key, which the server
    /// does not have. That it was opened is recorded first.
    Open {
        /// The request
        #[arg(value_name = "REQUEST")]
        request: RequestId,
        /// The private reading key
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        reading_key: PathBuf,
        #[command(flatten)]
        why: Why,
    },
    /// Erase content for good, by destroying the keys that it is sealed under; print a certificate
    ///
    /// Entries stay, and the log still verifies. A legal hold stops it. Today's content can be erased tomorrow.
    Erase {
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        why: Why,
        /// Do not ask again
        #[arg(long)]
        yes: bool,
    },
    /// Print the certificate of an erasure again
    Certificate {
        /// The number of the record that says it was done (`audit search --action erase`)
        #[arg(value_name = "NUMBER")]
        number: u64,
    },
    /// Legal holds: content that nothing erases
    #[command(subcommand)]
    Hold(AuditHold),
    /// Put requests together again: who, what classes, how many individuals, delivered or not
    ///
    /// What a breach assessment starts from (45 CFR 164.404 to 164.410). Takes the filters of `audit search`.
    Reconstruct {
        #[command(flatten)]
        search: Box<AuditSearch>,
        /// Lines of patient, comma, state: individuals are counted by state as well
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        states: Option<PathBuf>,
        #[command(flatten)]
        paper: Paper,
    },
    /// The accounting of a patient's disclosures (45 CFR 164.528)
    Disclosures {
        /// The patient; - reads it from stdin
        #[arg(value_name = "PATIENT")]
        patient: String,
        /// Everything that was asked about them, also what need not be accounted for
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        paper: Paper,
    },
    /// How far the receivers of the log are that the settings name
    Sinks,
    /// Examine the log: packs to review, signed off by somebody who is not in them
    #[command(subcommand)]
    Review(AuditReview),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditReview {
    /// Make a pack of some days
    ///
    /// Failed log-ins, what was done outside working hours, emergency access, content that was opened, changes,
    /// what was denied, who asked most, and requests drawn by a seed. The same days and seed give the same pack.
    Pack {
        /// The first day (UTC): 2026-11-01
        #[arg(long, value_name = "DAY")]
        from_day: Day,
        /// The last day, which has to be over
        #[arg(long, value_name = "DAY")]
        to_day: Day,
        /// What requests are drawn by [default: a number that nobody knows]
        #[arg(long, value_name = "N")]
        seed: Option<u32>,
        /// So many requests
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=1000))]
        sample: u16,
        #[command(flatten)]
        paper: Paper,
    },
    /// Sign a pack off; by somebody who is logged in
    Sign {
        /// The pack, as `audit review pack --format json` wrote it
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        pack: PathBuf,
        /// clean, or follow-up
        #[arg(long, value_name = "WORD")]
        verdict: Verdict,
    },
}

/// On what a report is written.
#[derive(Debug, Args)]
pub(crate) struct Paper {
    /// json, csv, or html: a page to print
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(crate) format: PaperFormat,
    /// Into this file, which must not be there yet, instead of stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PaperFormat {
    Json,
    Csv,
    Html,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditHold {
    /// Hold content
    Add {
        #[command(flatten)]
        scope: Scope,
        /// Everything
        #[arg(long, conflicts_with_all = ["from_day", "to_day", "patient", "owner"])]
        all: bool,
        #[command(flatten)]
        why: Why,
    },
    /// The holds in force
    List,
    /// Lift a hold
    Lift {
        /// Its number
        #[arg(value_name = "NUMBER")]
        number: u64,
        #[command(flatten)]
        why: Why,
    },
}

/// Which content.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// What was sealed from this day (UTC) on: 2026-11-23
    #[arg(long, value_name = "DAY", requires = "to_day", conflicts_with_all = ["patient", "owner"])]
    pub(crate) from_day: Option<Day>,
    /// To this day
    #[arg(long, value_name = "DAY", requires = "from_day")]
    pub(crate) to_day: Option<Day>,
    /// What was declared to be about this patient; - reads it from stdin
    #[arg(long, value_name = "PATIENT", conflicts_with = "owner")]
    pub(crate) patient: Option<String>,
    /// What this person, or API keys that they answer for, asked
    #[arg(long, value_name = "USER-ID")]
    pub(crate) owner: Option<UserId>,
}

/// Why somebody does it.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// care, patient-request, incident, review, legal, retention or other
    #[arg(long, value_name = "WORD")]
    pub(crate) reason: Reason,
    /// In your own words; sealed in the log
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Read the one-time code from here instead of asking; - is stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) otp_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditIndex {
    /// Throw it away and make it again from the log
    Rebuild,
    /// Compare every row with the log; exits 1 when one differs
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct AuditSearch {
    /// Who did it: ids of people, keys, owners or sessions; local-operator, server
    #[arg(long, value_name = "IDS")]
    pub(crate) who: Option<String>,
    /// To whom it was done
    #[arg(long, value_name = "IDS")]
    pub(crate) about: Option<String>,
    /// A patient, declared or found in the texts: as it was declared, or hld_…; - reads it from stdin
    #[arg(long, value_name = "PATIENT")]
    pub(crate) patient: Option<String>,
    /// Request ids
    #[arg(long, value_name = "IDS")]
    pub(crate) request: Option<String>,
    /// Record ids, as receipts and the header x-medlock-audit have them
    #[arg(long, value_name = "IDS")]
    pub(crate) id: Option<String>,
    /// Kinds of entry (open, permit, release, close, denied, login_failed …)
    #[arg(long, value_name = "KINDS")]
    pub(crate) kind: Option<String>,
    /// Administrative actions or verbs
    #[arg(long, value_name = "WORDS")]
    pub(crate) action: Option<String>,
    /// How it ended: ok, denied, failed, aborted, pending
    #[arg(long, value_name = "WORDS")]
    pub(crate) outcome: Option<String>,
    /// Classes of identifiers that were found or removed (NAME, SSN …)
    #[arg(long, value_name = "CLASSES")]
    pub(crate) class: Option<String>,
    /// Models
    #[arg(long, value_name = "NAMES")]
    pub(crate) model: Option<String>,
    /// Purposes of use
    #[arg(long, value_name = "WORDS")]
    pub(crate) purpose: Option<String>,
    /// Codes of refusals
    #[arg(long, value_name = "CODES")]
    pub(crate) code: Option<String>,
    /// Network addresses
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) from: Option<String>,
    /// From this time on: 2026-11-23T08:00:00Z, or 90m, 24h, 7d ago
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Oldest first
    #[arg(long)]
    pub(crate) oldest: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    /// Where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditExport {
    /// jsonl, ocsf (1.8), fhir (R4 AuditEvent), cef, syslog (RFC 5424)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: String,
    /// From this entry on
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub(crate) from: u64,
    /// Before this entry
    #[arg(long, value_name = "INDEX")]
    pub(crate) to: Option<u64>,
    /// Into this file, which must not be there yet, instead of stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The key of the receiver's tokens; made when the file is not there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) sink_key: Option<PathBuf>,
    /// The log directory [default: the data directory's]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditShow {
    /// The log directory [default: the data directory's]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// Of this request only
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<RequestId>,
    /// Of this kind only (open, permit, release, close, login_failed …)
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// From this entry on
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
    /// What came after this checkpoint
    #[arg(long, value_name = "FILE", conflicts_with = "from", value_hint = ValueHint::FilePath)]
    pub(crate) since: Option<PathBuf>,
    /// The last so many only
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Open the sealed content, with the keys of this data directory, while no server runs; that it was read
    /// is itself recorded
    #[arg(long, requires = "reading_key", conflicts_with = "dir")]
    pub(crate) content: bool,
    /// The private reading key that opens it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) reading_key: Option<PathBuf>,
}
