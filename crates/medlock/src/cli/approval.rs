//! `medlock approval`.

use clap::Subcommand;
use medlock_domain::{ApprovalId, RoleName};
use medlock_pipeline::admin::Reason;

#[derive(Debug, Subcommand)]
pub(crate) enum Approval {
    /// What waits for somebody, or holds; your own, unless you may list people
    List,
    /// Ask for a role for a while; somebody else decides
    Request {
        /// The role
        #[arg(long, value_name = "ROLE")]
        role: RoleName,
        /// For how long, up to 720
        #[arg(long, value_name = "N")]
        hours: u32,
        /// Why, in one word: care, patient-request, incident, review, legal, retention, other
        #[arg(long, value_name = "WORD")]
        reason: Reason,
    },
    /// Say yes to what somebody else wants: they can do it once within a day, or have the role until its time is over
    Approve {
        /// Its id
        #[arg(value_name = "ID")]
        id: ApprovalId,
    },
    /// Say no
    Refuse {
        /// Its id
        #[arg(value_name = "ID")]
        id: ApprovalId,
    },
    /// Take back what you asked for, or end what holds; what runs under its role is cut
    End {
        /// Its id
        #[arg(value_name = "ID")]
        id: ApprovalId,
    },
}
