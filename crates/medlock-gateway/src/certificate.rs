//! The certificate that a client shows. By the time that it is read here, the TLS layer has verified its chain, its dates
//! and that the client has its key.

use medlock_auth::Certificate;
use medlock_domain::Timestamp;
use medlock_keys::digest::sha256;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What of it says who that is; `None` when it cannot be read.
pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let names = parsed.subject_alternative_name().ok()?;
    let uris = names.into_iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    });
    let expires = Timestamp(parsed.validity().not_after.timestamp().saturating_mul(1000));
    Some(Certificate { sha256: sha256(&[der]), uris: uris.collect(), expires })
}
