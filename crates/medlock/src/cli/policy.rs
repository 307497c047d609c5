//! `medlock policy`.

use clap::{Args, Subcommand, ValueHint};
use medlock_auth::{Relation, When};
use medlock_domain::{PhiClass, Purpose, RoleName};
use std::net::IpAddr;
use std::path::PathBuf;

pub(crate) const CLASS: &str = "a class of identifiers, such as NAME, DATE, SSN";

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Write the shipped policies into a directory, to begin with
    Init {
        /// Where; it is made, and no file in it is written over
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// With one that lets nobody change access, policies or content alone (medlock approval)
        #[arg(long)]
        two_persons: bool,
    },
    /// Look for mistakes in policies; exits 1 when there are some
    Check {
        /// The `*.cedar` files of this directory [default: those that are configured]
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Ask the cases of a file, and compare; exits 1 when the policies say otherwise
    Test {
        /// Cases: [[case]] with name, roles, action, and expect = "allow" or "deny"; key, mfa, fresh, approved, purpose, elsewhere,
        /// emergency and from where they matter
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        cases: PathBuf,
        /// The policies [default: those that are configured]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// What other policies would decide otherwise than those in force; exits 1 when there is something
    Diff {
        /// The others
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
    /// What other policies would have decided otherwise of the requests that the audit log tells of; exits 1 when
    /// there is something
    Replay {
        /// The others
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// Since when: a time such as 2026-11-23T08:00:00Z, or 90m, 24h, 7d ago
        #[arg(long, value_name = "TIME", default_value = "7d")]
        since: String,
    },
    /// Sign policies: who wrote them, and who read them, each with a key of their own
    ///
    /// Policies that have changed since they were signed become a new version, which everybody has to sign anew.
    Sign {
        /// The policies
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// NAME.key, with NAME.vkey beside it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        key: PathBuf,
    },
    /// What the policies say to one question, and which of them
    Explain(Explain),
    /// Let the running server read its policies anew; those with mistakes do not come into force
    Reload,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A role; may be given several times
    #[arg(long = "role", value_name = "ROLE", required = true)]
    pub(crate) roles: Vec<RoleName>,
    /// What they would do, such as chat:tokenize, restore, audit:read
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: String,
    /// What for, of what uses a model
    #[arg(long, value_name = "PURPOSE")]
    pub(crate) purpose: Option<Purpose>,
    /// A program with an API key, not a person
    #[arg(long)]
    pub(crate) key: bool,
    /// Without a second factor
    #[arg(long)]
    pub(crate) no_mfa: bool,
    /// The second factor was not shown within the last minutes
    #[arg(long)]
    pub(crate) no_fresh: bool,
    /// Nobody else has approved of it
    #[arg(long)]
    pub(crate) alone: bool,
    /// The model runs elsewhere, not in our own engine
    #[arg(long)]
    pub(crate) elsewhere: bool,
    /// They have declared an emergency that covers it
    #[arg(long)]
    pub(crate) emergency: bool,
    /// What they are to the patient: related, unrelated, undeclared, unknown, or unasked
    #[arg(long, value_name = "WORD", default_value = "unasked")]
    pub(crate) relation: Relation,
    /// From this address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) from: IpAddr,
    /// When, such as monday-14
    #[arg(long, value_name = "HOUR", default_value_t = When::SOME)]
    pub(crate) at: When,
    /// Of this class of identifiers, such as SSN
    #[arg(long, value_name = "CLASS", value_parser = |text: &str| PhiClass::from_label(text).ok_or(CLASS))]
    pub(crate) class: Option<PhiClass>,
    /// The policies [default: those that are configured]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}
