//! The command line: one definition that help, completions and man pages are made from.

mod deid;

pub(crate) use deid::{Certify, Deid, DeidFiles, DeidVerb, Eval, Explain, Per, Required};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use medlock_domain::{KeyId, ModelName, Purpose, RequestId, RoleName, SessionId, UserId, Username};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A small language model on protected health information, with the HIPAA technical safeguards
/// enforced in the path.
///
/// Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 something was found or
/// refused, 2 an error.
#[derive(Debug, Parser)]
#[command(name = "medlock", version, propagate_version = true, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The data directory [default: $MEDLOCK_DATA_DIR or ./medlock-data]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration file [default: $MEDLOCK_CONFIG or medlock.toml in the data directory]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colours: by default where stdout is a terminal and NO_COLOR is not set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub(crate) color: ColorWhen,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See the product do its job: set up, start, send a request with PHI, show what became of it
    Quickstart(Quickstart),
    /// Make a data directory: keys, development CA, configuration, first administrator
    Init(Init),
    /// Run the server
    Serve,
    /// Read the configuration and print what it comes to
    CheckConfig,
    /// The models
    #[command(subcommand)]
    Model(Model),
    /// The audit log
    #[command(subcommand)]
    Audit(Audit),
    /// Watch the audit logs of others: sign their checkpoints as long as they only grow
    #[command(subcommand)]
    Witness(Witness),
    Deid(Box<Deid>),
    /// People
    #[command(subcommand)]
    User(User),
    /// API keys
    #[command(subcommand)]
    Token(Token),
    /// Log-ins
    #[command(subcommand)]
    Session(Session),
    /// The keys of this installation
    #[command(subcommand)]
    Key(Key),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages
    Man {
        /// Where to
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// Go on serving afterwards
    #[arg(long)]
    pub(crate) keep: bool,
    /// Where to listen; another port is taken when this one is not free [default: as configured]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Keep the models here instead of in the data directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) model_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The first administrator's name
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(crate) admin: Username,
    /// Take their password from this file's first line (`-`: stdin) instead of making one up
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) password_file: Option<PathBuf>,
    /// A further name or address for the server's certificate
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Get a model and check it
    Pull {
        /// Its name in the catalogue [default: the configured one]
        name: Option<ModelName>,
    },
    /// The catalogue, and what of it is here
    List,
    /// Read a model's file and compare it with the catalogue
    Verify {
        /// Its name in the catalogue [default: the configured one]
        name: Option<ModelName>,
    },
}

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
        from_day: String,
        /// The last day, which has to be over
        #[arg(long, value_name = "DAY")]
        to_day: String,
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
        verdict: String,
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
    pub(crate) from_day: Option<String>,
    /// To this day
    #[arg(long, value_name = "DAY", requires = "from_day")]
    pub(crate) to_day: Option<String>,
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
    /// patient-request, incident, review, legal, retention or other
    #[arg(long, value_name = "WORD")]
    pub(crate) reason: String,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Make a witness: its key, a development certificate, and a directory for the logs to watch
    Init {
        /// Where
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// Its name, such as witness.clinic.example; part of every signature
        #[arg(long, value_name = "NAME")]
        name: String,
        /// A further name or address for its certificate
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
    },
    /// Watch a log: takes a copy of its log.vkey
    AddLog {
        /// The witness
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// The log's verifier key
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        vkey: PathBuf,
    },
    /// The logs, and how far each has been signed
    List {
        /// The witness
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
    /// Sign until stopped
    Serve {
        /// The witness
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// Where to listen
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8444")]
        listen: SocketAddr,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a person; their second factor is shown once
    Add {
        /// What they log in with
        name: Username,
        /// A role; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<RoleName>,
        /// Take the password from this file's first line (`-`: stdin) instead of a prompt
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        password_file: Option<PathBuf>,
    },
    /// Everybody
    List,
    /// Shut a person out; their sessions end
    Disable {
        /// A name or id
        user: String,
    },
    /// Let a person in again
    Enable {
        /// A name or id
        user: String,
    },
    /// Give a person other roles
    SetRoles {
        /// A name or id
        user: String,
        /// All the roles they are to have
        #[arg(required = true)]
        roles: Vec<RoleName>,
    },
    /// Give a person a new second factor, shown once
    ResetFactor {
        /// A name or id
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make an API key; it is shown once
    Create {
        /// What to call it: 1 to 64 of A-Z a-z 0-9 . _ -
        name: String,
        /// Who answers for it [default: yourself]
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// A role of the owner's that it acts in; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<RoleName>,
        /// A purpose of use that it may give; may be given several times
        #[arg(long = "purpose", value_name = "PURPOSE", required = true)]
        purposes: Vec<Purpose>,
        /// A model that it may use; without, all that policy allows
        #[arg(long = "model", value_name = "MODEL")]
        models: Vec<ModelName>,
        /// When it ends
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
    },
    /// Every key: never the secrets
    List,
    /// End a key at once
    Revoke {
        /// Its id
        id: KeyId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// Log in to the running server
    Login {
        /// Who
        user: Username,
        /// Take the password from this file's first line (`-`: stdin) instead of a prompt
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        password_file: Option<PathBuf>,
        /// Take the one-time code from this file's first line instead of a prompt
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        otp_file: Option<PathBuf>,
    },
    /// Log out
    Logout,
    /// Every session
    List,
    /// End a session at once
    End {
        /// Its id
        id: SessionId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// What keys there are and how they are kept
    Status,
    /// Let a key be followed by a new one; while no server runs
    Rotate {
        #[command(subcommand)]
        key: RotateKey,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RotateKey {
    /// The key that signs the audit log's checkpoints
    ///
    /// The old key vouches for the new one in the log, and signs as well for some days: until then, give
    /// whoever checks the log the new audit/log.vkey (witnesses: `medlock witness add-log`).
    AuditSigning {
        /// So many days both sign
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(0..=730))]
        overlap_days: u16,
    },
}
