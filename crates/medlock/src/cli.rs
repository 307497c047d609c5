//! The command line: one definition that help, completions and man pages are made from.

mod approval;
mod audit;
mod deid;
mod emergency;
mod policy;

pub(crate) use approval::Approval;
pub(crate) use audit::{
    Audit, AuditExport, AuditHold, AuditIndex, AuditReview, AuditSearch, AuditShow, Paper, PaperFormat, Scope, Why,
};
pub(crate) use emergency::BreakGlass;
pub(crate) use policy::{CLASS, Explain as PolicyQuestion, Policy};

pub(crate) use deid::{Certify, Deid, DeidFiles, DeidVerb, Eval, Explain, Per, Required};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use medlock_domain::{Binding, KeyId, ModelName, Network, Purpose, RoleName, SessionId, Username};
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
    /// Who may do what: the policies
    #[command(subcommand)]
    Policy(Policy),
    /// Emergency access to models (45 CFR 164.312(a)(2)(ii))
    #[command(subcommand)]
    BreakGlass(BreakGlass),
    /// What nobody does alone: requests that somebody else decides, and roles for a while
    #[command(subcommand)]
    Approval(Approval),
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
    /// Bring a model of your own: its header is checked, it is copied here, and you sign what it is
    Import {
        /// A GGUF file
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// What requests are to call it
        #[arg(long, value_name = "NAME")]
        name: ModelName,
        /// Its licence, as SPDX has it
        #[arg(long, value_name = "TEXT")]
        licence: String,
        /// Where it came from
        #[arg(long, value_name = "TEXT")]
        source: String,
        /// What it is meant for
        #[arg(long = "use", value_name = "TEXT")]
        intended_use: String,
        /// What people should know of its answers, such as how it was evaluated
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// NAME.key, with NAME.vkey beside it (medlock key signer)
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        key: PathBuf,
    },
    /// Sign a model that somebody else brought
    Sign {
        /// Its name
        name: ModelName,
        /// The version: how its SHA-256 begins [default: the only one]
        digest: Option<String>,
        /// NAME.key, with NAME.vkey beside it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        key: PathBuf,
    },
    /// Load this version: a running server does at once, and what runs goes on with the one before
    Promote {
        /// Its name
        name: ModelName,
        /// The version: how its SHA-256 begins [default: the only one]
        digest: Option<String>,
    },
    /// Load the version before again
    Rollback {
        /// Its name
        name: ModelName,
    },
    /// Move a version aside, so that nothing loads it
    Quarantine {
        /// Its name
        name: ModelName,
        /// The version: how its SHA-256 begins [default: the only one]
        digest: Option<String>,
    },
    /// Read a model's file and compare it with what is signed, or with the catalogue
    Verify {
        /// Its name in the catalogue [default: the configured one]
        name: Option<ModelName>,
    },
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
    /// Review who has what access: rights and keys that nobody used, rights that do not belong together; exits 1 when
    /// there are some
    Review {
        /// Since when: a time such as 2026-11-23T08:00:00Z, or 30d, 90d ago
        #[arg(long, value_name = "TIME", default_value = "90d")]
        since: String,
    },
    /// Who was shut out, and how long that took; exits 1 where it was over an hour after they had left
    Leavers {
        /// Since when: a time such as 2026-11-23T08:00:00Z, or 30d, 90d ago
        #[arg(long, value_name = "TIME", default_value = "90d")]
        since: String,
    },
    /// Recertification: whether everybody and every key still needs what they may
    #[command(subcommand)]
    Recertify(Recertify),
    /// Shut a person out; their sessions end
    Disable {
        /// A name or id
        user: String,
        /// When they left: a time such as 2026-11-23T08:00:00Z, or 20m ago
        #[arg(long, value_name = "TIME")]
        left: Option<String>,
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
pub(crate) enum Recertify {
    /// Begin one: what is there now is to be decided about
    Begin {
        /// Within how many days, up to 180
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
    },
    /// Somebody, or a key, still needs what they may; for what is not needed: medlock user disable, set-roles, token revoke
    Keep {
        /// A person's name or id, or a key's id
        #[arg(value_name = "WHO")]
        who: String,
    },
    /// How far the last one is, with the records that prove it; exits 1 while something is open
    Status,
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
        /// A network that it may be used from, such as 192.0.2.0/24; without, any
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<Network>,
        /// What it shows instead of a secret: sub:SUBJECT of the identity provider's tokens, or uri:URI or
        /// sha256:FINGERPRINT of its client certificate
        #[arg(long, value_name = "BINDING")]
        bound_to: Option<Binding>,
        /// When it ends
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
    },
    /// Make a key that may what this one may, in its place; it is shown once
    Rotate {
        /// Its id
        id: KeyId,
        /// So long the old one goes on
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=720))]
        overlap_hours: u16,
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
    /// Show your second factor again, before what wants it fresh
    StepUp {
        /// Take the one-time code from this file's first line instead of a prompt
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        otp_file: Option<PathBuf>,
    },
    /// Have new recovery codes; those you had are worth nothing from then on
    RecoveryCodes,
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
    /// Make a key to sign policies or models with: NAME.key, to be kept, and NAME.vkey, for the file of signers
    Signer {
        /// Whose
        #[arg(value_name = "NAME")]
        name: String,
        /// Where to
        #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
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
