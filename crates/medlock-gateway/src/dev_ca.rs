//! A certificate authority for trying things: its key lies beside the data, so nobody else should
//! trust it.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use zeroize::Zeroizing;

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct DevCaError(#[from] rcgen::Error);

/// A development CA.
pub struct DevCa {
    cert_pem: String,
    issuer: Issuer<'static, KeyPair>,
    key_pem: Zeroizing<String>,
}

/// A server's certificate and key.
pub struct ServerPair {
    /// The certificate, with the CA's below it.
    pub cert_pem: String,
    /// The private key.
    pub key_pem: Zeroizing<String>,
}

impl DevCa {
    /// Makes a CA with a fresh key.
    pub fn create() -> Result<Self, DevCaError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "medlock development CA");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = params.self_signed(&key)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        Ok(Self { cert_pem: cert.pem(), issuer: Issuer::new(params, key), key_pem })
    }

    /// Takes up a CA from its texts, to issue another certificate.
    pub fn from_pem(cert_pem: &str, key_pem: &str) -> Result<Self, DevCaError> {
        let issuer = Issuer::from_ca_cert_pem(cert_pem, KeyPair::from_pem(key_pem)?)?;
        Ok(Self { cert_pem: cert_pem.to_string(), issuer, key_pem: Zeroizing::new(key_pem.to_string()) })
    }

    /// The CA's certificate, for clients to trust.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The CA's key.
    pub fn key_pem(&self) -> &Zeroizing<String> {
        &self.key_pem
    }

    /// Issues a server certificate for these names and addresses.
    pub fn issue_server<S: AsRef<str>>(&self, names: &[S]) -> Result<ServerPair, DevCaError> {
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|n| n.as_ref().to_string()).collect();
        let mut params = CertificateParams::new(names)?; // tells addresses from names
        params.distinguished_name.push(DnType::CommonName, "medlock");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let cert = params.signed_by(&key, &self.issuer)?;
        let cert_pem = format!("{}{}", cert.pem(), self.cert_pem);
        Ok(ServerPair { cert_pem, key_pem: Zeroizing::new(key.serialize_pem()) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_ca_read_back_issues_under_the_same_name() {
        let ca = DevCa::create().unwrap();
        let again = DevCa::from_pem(ca.cert_pem(), ca.key_pem()).unwrap();
        let pair = again.issue_server(&["localhost", "127.0.0.1", "::1"]).unwrap();
        assert_eq!(pair.cert_pem.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(pair.cert_pem.ends_with(ca.cert_pem()));
    }
}
