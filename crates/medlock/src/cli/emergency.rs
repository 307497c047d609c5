//! `medlock break-glass`.

use super::Why;
use clap::Subcommand;
use medlock_domain::EmergencyId;
use medlock_pipeline::admin::Verdict;

#[derive(Debug, Subcommand)]
pub(crate) enum BreakGlass {
    /// Declare an emergency: for a while, requests with the purpose `emergency` are permitted to you
    ///
    /// Takes a reason and a one-time code. Who receives alerts is told at once, and somebody else reviews it afterwards.
    Open {
        /// For this patient only, whom requests then have to declare; - reads it from stdin
        #[arg(long, value_name = "PATIENT")]
        patient: Option<String>,
        /// How long, up to 240 [default: as configured, 60]
        #[arg(long, value_name = "N")]
        minutes: Option<u32>,
        #[command(flatten)]
        why: Why,
    },
    /// Who declared one, when, and whether it was reviewed; your own, unless you may read the log
    List,
    /// End one before its time; what runs under it is cut
    End {
        /// Its id
        #[arg(value_name = "ID")]
        id: EmergencyId,
    },
    /// Review one that is over, as somebody else
    Review {
        /// Its id
        #[arg(value_name = "ID")]
        id: EmergencyId,
        /// clean, or follow-up
        #[arg(long, value_name = "WORD")]
        verdict: Verdict,
        /// What you found; sealed in the log
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Exercise it: declare one that permits nothing, see that the receivers of alerts are told, end it
    ///
    /// Exits 1 when it did not go as it should.
    Drill {
        #[command(flatten)]
        why: Why,
    },
}
