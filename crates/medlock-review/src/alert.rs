//! What somebody should be told of at once. Alerts are records: what is told is in the log first, and is told at least
//! once.

use medlock_audit::read::StoredEntry;
use medlock_audit::{Kind, Outcome};

/// The state of a log that cannot be written: what says so is in no log.
pub(crate) const UNWRITABLE: &str = "log_unwritable";

/// Why this entry is an alert, in a word; `None` when it is none.
pub fn of(entry: &StoredEntry) -> Option<&'static str> {
    let word = |key| entry.facts.word(key);
    match entry.kind {
        Kind::AdminIntent if word("verb") == Some("break_glass_drill") => Some("break_glass_drill"),
        Kind::AdminOutcome if word("verb") == Some("model_drifted") => Some("model_drifted"),
        Kind::AdminOutcome if entry.outcome == Outcome::Ok => match word("verb")? {
            "break_glass" => Some("break_glass"),
            "ask_approval" => Some("approval_wanted"),
            "break_glass_overdue" => Some("break_glass_overdue"),
            "erase_again" => Some("erased_keys_were_back"),
            _ => None,
        },
        Kind::LoginOk if word("factor") == Some("recovery_code") => Some("recovery_code_used"),
        Kind::LoginFailed if word("why") == Some("locked") => Some("locked_out"),
        Kind::LoginFailed | Kind::Denied if word("why") == Some("cloned_passkey") => Some("passkey_cloned"),
        Kind::Denied if word("code") == Some("wrong_network") => Some("key_from_wrong_network"),
        Kind::Denied if word("code") == Some("wrong_certificate") => Some("session_without_its_certificate"),
        Kind::LogRead if word("with") == Some("verify") && entry.outcome != Outcome::Ok => Some("log_not_intact"),
        Kind::Recovery => Some("log_recovered"),
        Kind::EngineDown => Some("engine_down"),
        Kind::Delivery if word("state") == Some(UNWRITABLE) => Some("log_unwritable"),
        Kind::Delivery if entry.outcome != Outcome::Ok => Some("delivery_failing"),
        _ => None,
    }
}
