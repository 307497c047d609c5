//! TLS as this server speaks it: 1.2 and 1.3, AES-GCM only, hybrid post-quantum key exchange first.

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite as cs, default_provider, kx_group as kx};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;

/// A certificate or key that cannot be served with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file holds none, or something else.
    #[error("the TLS certificate is not a PEM certificate chain")]
    Certificate,
    /// The key file holds none, or something else.
    #[error("the TLS key is not a PEM private key")]
    Key,
    /// The two do not fit each other, or are of a kind that is not served.
    #[error("the TLS certificate and key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
    /// The file with the clients' authorities holds none, or something else.
    #[error("the file of authorities for client certificates holds none that can be used")]
    ClientCa,
}

/// Every primitive from one module, and of its suites only those with AES-GCM.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cs::TLS13_AES_256_GCM_SHA384,
            cs::TLS13_AES_128_GCM_SHA256,
            cs::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cs::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cs::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cs::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        kx_groups: vec![kx::X25519MLKEM768, kx::SECP256R1, kx::SECP384R1],
        ..default_provider()
    }
}

/// The server's side of TLS, from the texts of its certificate chain and key, and of the authorities whose clients'
/// certificates it takes. A client may come without one: what it may then, its other credential says.
pub(crate) fn server_config(
    cert_pem: &str,
    key_pem: &str,
    client_ca_pem: Option<&str>,
) -> Result<ServerConfig, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(cert_pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::Certificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| TlsError::Key)?;
    let provider = Arc::new(provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let config = match client_ca_pem {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(authority.map_err(|_| TlsError::ClientCa)?).map_err(|_| TlsError::ClientCa)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.allow_unauthenticated().build().map_err(|_| TlsError::ClientCa)?;
            config.with_client_cert_verifier(verifier)
        }
    };
    let mut config = config.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::dev_ca::DevCa;

    #[test]
    fn only_aes_gcm_is_offered() {
        for suite in provider().cipher_suites {
            assert!(format!("{:?}", suite.suite()).contains("GCM"), "{:?}", suite.suite());
        }
    }

    #[test]
    fn a_certificate_and_a_key_that_do_not_belong_together_are_refused() {
        let ca = DevCa::create().unwrap();
        let (a, b) = (ca.issue_server(&["localhost"]).unwrap(), ca.issue_server(&["localhost"]).unwrap());
        assert!(server_config(&a.cert_pem, &a.key_pem, None).is_ok());
        assert!(matches!(server_config(&a.cert_pem, &b.key_pem, None), Err(TlsError::Pair(_))));
        assert!(matches!(server_config(&a.cert_pem, &a.key_pem, Some("")), Err(TlsError::ClientCa)));
        assert!(matches!(server_config("", &a.key_pem, None), Err(TlsError::Certificate)));
        assert!(matches!(server_config(&a.cert_pem, "x", None), Err(TlsError::Key)));
    }
}
