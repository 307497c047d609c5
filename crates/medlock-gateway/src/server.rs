//! The accept loop: a bounded number of connections, each with a bounded time for every step that
//! a stranger could stretch, and a bounded drain at the end.

use crate::app::App;
use crate::certificate;
use crate::config::{GatewayConfig, GatewayError, Limits, Parts};
use crate::front::Front;
use crate::metrics_server;
use crate::routes;
use crate::slots::{Slot, Slots};
use crate::sniff::{self, Opening};
use crate::stall::Stall;
use crate::tls;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use medlock_domain::NetworkSource;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

/// The front door, standing but not open yet.
pub struct Gateway {
    listener: TcpListener,
    metrics: Option<TcpListener>,
    acceptor: TlsAcceptor,
    app: Arc<App>,
    limits: Limits,
}

impl Gateway {
    /// Takes the addresses and reads the certificate. Must be called within a tokio runtime.
    pub fn bind(config: GatewayConfig, parts: Parts) -> Result<Gateway, GatewayError> {
        let tls = tls::server_config(&config.cert_pem, &config.key_pem, config.client_ca_pem.as_deref())?;
        Ok(Self {
            listener: listen(config.listen)?,
            metrics: config.metrics_listen.map(listen).transpose()?,
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            app: Arc::new(App::new(parts, config.limits, config.quotas)),
            limits: config.limits,
        })
    }

    /// Where the HTTPS port is.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where the metrics are, if anywhere.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|l| l.local_addr().ok())
    }

    /// Serves until `stop`, then lets what is running end, for a bounded time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, metrics, acceptor, app, limits } = self;
        let metrics = metrics.map(|l| tokio::spawn(metrics_server::serve(l, app.clone())));
        let router = routes::router(app.clone());
        let slots = Slots::new(limits.connections, limits.connections_per_source);
        let graceful = GracefulShutdown::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = accept(&listener, &slots) => accepted,
            };
            let Some((socket, address, free)) = accepted else { continue };
            let from = NetworkSource(address.ip());
            let Some(slot) = slots.take(free, from) else {
                app.noise(from, "too_many_connections");
                continue;
            };
            let door = Door { app: app.clone(), router: router.clone(), acceptor: acceptor.clone(), limits, from };
            tokio::spawn(door.serve(socket, slot, graceful.watcher()));
        }
        drop(listener);
        // What is cut off after that has no clean close in its record, which is the truth.
        if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still running at the end of the drain time");
        }
        if let Some(metrics) = metrics {
            metrics.abort();
        }
    }
}

pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, GatewayError> {
    let open = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    open().map_err(|source| GatewayError::Listen { address, source })
}

/// The next connection, once there is a slot for it: until then it waits in the system's queue.
async fn accept(listener: &TcpListener, slots: &Slots) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let free = slots.free().await?;
    match listener.accept().await {
        Ok((socket, address)) => Some((socket, address, free)),
        Err(error) => {
            // Out of descriptors, most likely: give the others time to end.
            tracing::warn!(kind = ?error.kind(), "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// One connection's way in.
struct Door {
    app: Arc<App>,
    router: Router,
    acceptor: TlsAcceptor,
    limits: Limits,
    from: NetworkSource,
}

impl Door {
    async fn serve(self, socket: TcpStream, slot: Slot, watcher: Watcher) {
        let _slot = slot;
        let _slower_only = socket.set_nodelay(true);
        let handshake = async || -> io::Result<_> {
            match sniff::opening(&socket).await? {
                Opening::Tls => {}
                Opening::PlainHttp => {
                    self.app.noise(self.from, "plain_http");
                    sniff::refuse_plain(socket).await?;
                    return Ok(None);
                }
                Opening::OldTls(version) => {
                    self.app.noise(self.from, "tls_old");
                    sniff::refuse_old(socket, version).await?;
                    return Ok(None);
                }
                Opening::Other => {
                    self.app.noise(self.from, "not_tls");
                    return Ok(None);
                }
            }
            match self.acceptor.accept(Stall::new(socket, self.limits.write_timeout)).await {
                Ok(stream) => Ok(Some(stream)),
                Err(error) => {
                    self.app.noise(self.from, handshake_failure(&error));
                    Ok(None)
                }
            }
        };
        let stream = match tokio::time::timeout(self.limits.handshake_timeout, handshake()).await {
            Ok(Ok(Some(stream))) => stream,
            Ok(Ok(None)) => return,
            Ok(Err(_gone)) => return self.app.noise(self.from, "connection_lost"),
            Err(_) => return self.app.noise(self.from, "handshake_timeout"),
        };
        let (app, from) = (self.app.clone(), self.from);
        let certificate = match stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()) {
            None => None,
            Some(der) => match certificate::read(der) {
                Some(shown) => Some(Arc::new(shown)),
                None => return app.noise(from, "client_certificate_unreadable"),
            },
        };
        let front = Front { app: self.app, router: self.router, from, certificate };
        let mut http = auto::Builder::new(TokioExecutor::new());
        // Without a timer hyper's time-outs do nothing.
        http.http1().timer(TokioTimer::new()).header_read_timeout(self.limits.header_timeout);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(128)
            .max_header_list_size(32 << 10)
            .keep_alive_interval(Duration::from_secs(20));
        let connection = http.serve_connection(TokioIo::new(stream), front);
        if let Err(error) = watcher.watch(connection.into_owned()).await
            && let Some(what) = broken_http(error.as_ref())
        {
            app.noise(from, what);
        }
    }
}

/// What a connection ended with that a client in good order does not do. A client that hangs up is
/// no such thing.
fn broken_http(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let error = error.downcast_ref::<hyper::Error>()?;
    match (error.is_parse(), error.is_timeout()) {
        (true, _) => Some("http_invalid"),
        (_, true) => Some("http_timeout"),
        _ => None,
    }
}

/// Why a handshake failed, from a closed set.
fn handshake_failure(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::PeerIncompatible(_)) => "tls_incompatible",
        Some(rustls::Error::AlertReceived(_)) => "tls_alert",
        Some(_) => "tls_invalid",
        None => "tls_broken_off",
    }
}
