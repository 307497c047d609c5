//! The client's side of TLS, for what is not HTTP: syslog (RFC 5425).

use crate::tls::{TlsError, provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Trusts some certificates only, and shows its own where it has one.
#[derive(Clone)]
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// Trusts `ca_pem` and nothing else; `identity` is a certificate chain and its key, for mutual TLS.
    ///
    /// # Errors
    /// When one of them is not what it should be.
    pub fn new(ca_pem: &[u8], identity: Option<(&[u8], &[u8])>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem) {
            roots.add(certificate.map_err(|_| TlsError::Certificate)?)?;
        }
        if roots.is_empty() {
            return Err(TlsError::Certificate);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
                    .collect::<Result<_, _>>()
                    .map_err(|_| TlsError::Certificate)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
                config.with_client_auth_cert(chain, key)?
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Sends `bytes` over a connection of their own, ends it, and waits until the receiver has ended it as well:
    /// who ends a connection after its end was announced has read what came before. That is as much as a protocol
    /// without answers can tell.
    ///
    /// A receiver that ends it without announcing that (no `close_notify`) could be anybody on the way who cut the
    /// connection and passed nothing on: it counts only where `unannounced` says so.
    ///
    /// # Errors
    /// When one of these does not happen in `limit`: then nothing is known to have arrived.
    pub async fn deliver(
        &self,
        host: &str,
        port: u16,
        bytes: &[u8],
        unannounced: bool,
        limit: Duration,
    ) -> io::Result<()> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let sent = async {
            let tcp = TcpStream::connect((host, port)).await?;
            let mut tls = self.0.connect(name, tcp).await?;
            tls.write_all(bytes).await?;
            tls.shutdown().await?;
            let mut rest = [0; 1024];
            loop {
                match tls.read(&mut rest).await {
                    Ok(0) => return Ok(()),
                    // It says something: nobody of this protocol does.
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::UnexpectedEof && unannounced => return Ok(()),
                    Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                        return Err(io::Error::new(
                            e.kind(),
                            "the receiver ended the connection without announcing it, as somebody on the way could: if \
                             it always does (rsyslog does), set unannounced_end = \"accept\" for it",
                        ));
                    }
                    Err(e) => return Err(e),
                }
            }
        };
        match tokio::time::timeout(limit, sent).await {
            Ok(done) => done,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the receiver did not take it in time")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::dev_ca::DevCa;
    use crate::tls::server_config;
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsAcceptor;

    const LIMIT: Duration = Duration::from_secs(5);

    /// A receiver that reads `read` bytes, or all; and ends the connection, or keeps it.
    async fn receiver(ca: &DevCa, read: Option<usize>, ends: bool) -> (u16, JoinHandle<Vec<u8>>) {
        let pair = ca.issue_server(&["localhost"]).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&pair.cert_pem, &pair.key_pem, None).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let Ok(mut tls) = acceptor.accept(listener.accept().await.unwrap().0).await else { return Vec::new() };
            let mut got = vec![0; read.unwrap_or(0)];
            match read {
                Some(_) => drop(tls.read_exact(&mut got).await.unwrap()),
                None => drop(tls.read_to_end(&mut got).await.unwrap()),
            }
            if ends && read.is_none() {
                tls.shutdown().await.unwrap();
            }
            if !ends {
                std::future::pending::<()>().await;
            }
            got
        });
        (port, task)
    }

    #[tokio::test]
    async fn what_is_delivered_was_read_to_its_end() {
        let ca = DevCa::create().unwrap();
        let (port, task) = receiver(&ca, None, true).await;
        let client = TlsClient::new(ca.cert_pem().as_bytes(), None).unwrap();
        let bytes = b"5 hello".repeat(10_000);
        client.deliver("localhost", port, &bytes, false, LIMIT).await.unwrap();
        assert_eq!(task.await.unwrap(), bytes);
    }

    #[tokio::test]
    async fn nobody_trusted_nobody_there_and_nobody_who_reads_to_the_end_are_failures() {
        let ca = DevCa::create().unwrap();
        let client = TlsClient::new(ca.cert_pem().as_bytes(), None).unwrap();
        let (port, _task) = receiver(&DevCa::create().unwrap(), None, true).await;
        assert!(client.deliver("localhost", port, b"x", true, LIMIT).await.is_err(), "another CA");
        let (port, _task) = receiver(&ca, None, true).await;
        assert!(client.deliver("127.0.0.1", port, b"x", true, LIMIT).await.is_err(), "another name");
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert!(client.deliver("localhost", closed, b"x", true, LIMIT).await.is_err());
        // Somebody who ends the connection and says nothing: taken only where the settings say so.
        for (unannounced, taken) in [(false, false), (true, true)] {
            let (port, _task) = receiver(&ca, Some(1), true).await;
            let done = client.deliver("localhost", port, b"x", unannounced, LIMIT).await;
            assert_eq!(done.is_ok(), taken, "{done:?}");
        }
        let (port, _task) = receiver(&ca, Some(3), false).await;
        let kept = client.deliver("localhost", port, &[7; 1000], true, Duration::from_millis(300)).await;
        assert_eq!(kept.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(TlsClient::new(b"", None).is_err() && TlsClient::new(b"x", None).is_err());
    }
}
