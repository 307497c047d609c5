//! Who treats whom: from a file that another system writes, or asked of a FHIR server.

mod fhir;
mod file;

use crate::config::{RelationshipSettings, Settings};
use crate::failure::Failure;
pub(crate) use fhir::{SEARCH, Search};
use medlock_pipeline::Relationships;
use std::sync::Arc;

/// As the settings say; nobody keeps account of it unless they do.
pub(crate) fn of(settings: &Settings) -> Result<Option<Arc<dyn Relationships>>, Failure> {
    Ok(match &settings.relationships {
        None => None,
        Some(RelationshipSettings::File(path)) => Some(Arc::new(file::File::new(path.clone()))),
        Some(RelationshipSettings::Fhir(fhir)) => Some(Arc::new(fhir::Server::new(fhir)?)),
    })
}

/// The port that a FHIR server is asked at.
pub(crate) fn port(settings: &Settings) -> Option<u16> {
    match &settings.relationships {
        Some(RelationshipSettings::Fhir(fhir)) => Some(fhir.port),
        Some(RelationshipSettings::File(_)) | None => None,
    }
}
