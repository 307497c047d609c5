//! The words that every medlock crate shares: ids, text types, actors, purposes of use, PHI
//! classes, protection modes and the clock. No I/O, no randomness, no time of its own.

mod actor;
mod binding;
mod clock;
mod id;
mod mode;
mod network;
mod patient;
mod phi;
mod purpose;
mod text;

pub use actor::{Actor, NetworkSource};
pub use binding::{BadBinding, Binding};
pub use clock::{Clock, ManualClock, Timestamp};
pub use id::{
    ApprovalId, BadId, CeremonyId, EmergencyId, HolderId, KeyId, ModelName, PasskeyId, RequestId, RoleName, SessionId,
    UserId, Username,
};
pub use mode::{Protection, ProtectionMode};
pub use network::{BadNetwork, Network};
pub use patient::{BadPatient, PatientRef};
pub use phi::{ClassCounts, Finding, PhiClass, PhiClasses, Span};
pub use purpose::Purpose;
pub use text::{ModelText, PhiText};
