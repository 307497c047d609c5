//! A witness over HTTPS (C2SP tlog-witness): one thing to ask, of a bounded size, in a bounded time.

use crate::config::{GatewayError, Limits};
use crate::server::listen;
use crate::stall::Stall;
use crate::tls;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use medlock_audit::witness::{Answer, Watch};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// A checkpoint with its signatures and a proof is some thousand bytes.
const BODY: usize = 64 << 10;
/// A log keeps one connection.
const CONNECTIONS: usize = 256;
/// Time for a request's body.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The door of a witness, standing but not open yet.
pub struct WitnessServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    watch: Arc<Watch>,
}

impl WitnessServer {
    /// Takes the address and reads the certificate. Must be called within a tokio runtime.
    pub fn bind(listen_on: SocketAddr, cert_pem: &str, key_pem: &str, watch: Watch) -> Result<Self, GatewayError> {
        let mut tls = tls::server_config(cert_pem, key_pem, None)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { listener: listen(listen_on)?, acceptor: TlsAcceptor::from(Arc::new(tls)), watch: Arc::new(watch) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`. What is being signed then is kept or not, as ever; the log asks again.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let mut stop = pin!(stop);
        loop {
            let accepted = async {
                let slot = slots.clone().acquire_owned().await.ok()?;
                Some((self.listener.accept().await, slot))
            };
            let accepted = tokio::select! {
                () = &mut stop => return,
                accepted = accepted => accepted,
            };
            let Some((Ok((socket, from)), slot)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (acceptor, watch) = (self.acceptor.clone(), self.watch.clone());
            tokio::spawn(async move {
                let _slot = slot;
                serve(socket, from, acceptor, watch).await;
            });
        }
    }
}

async fn serve(socket: TcpStream, from: SocketAddr, acceptor: TlsAcceptor, watch: Arc<Watch>) {
    let limits = Limits::default();
    let handshake = acceptor.accept(Stall::new(socket, limits.write_timeout));
    let Ok(Ok(stream)) = tokio::time::timeout(limits.handshake_timeout, handshake).await else {
        tracing::debug!(address = %from, "no TLS handshake");
        return;
    };
    let service = service_fn(move |request| {
        let watch = watch.clone();
        async move { Ok::<_, Infallible>(answer(request, watch, from).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let _broken_off = connection.await;
}

async fn answer(request: Request<Incoming>, watch: Arc<Watch>, from: SocketAddr) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/add-checkpoint") => {}
        (&Method::GET, "/healthz") => return response(StatusCode::OK, "text/plain", "ok\n".to_owned()),
        (_, "/add-checkpoint") => return response(StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new()),
        _ => return response(StatusCode::NOT_FOUND, "text/plain", String::new()),
    }
    let body = tokio::time::timeout(BODY_TIME, Limited::new(request.into_body(), BODY).collect()).await;
    let text = match body {
        Ok(Ok(body)) => String::from_utf8(body.to_bytes().to_vec()),
        Ok(Err(_)) => return response(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", String::new()),
        Err(_) => return response(StatusCode::REQUEST_TIMEOUT, "text/plain", String::new()),
    };
    let Ok(text) = text else {
        return response(StatusCode::BAD_REQUEST, "text/plain", "not UTF-8\n".to_owned());
    };
    // It waits for the disk.
    let answered = tokio::task::spawn_blocking(move || watch.add_checkpoint(&text)).await;
    let answer = answered.unwrap_or(Answer::Unkept);
    match &answer {
        Answer::Signed(_) => tracing::info!(address = %from, "signed"),
        Answer::Forked(_) | Answer::Unproved => {
            tracing::error!(address = %from, "REFUSED: a log signed a checkpoint that does not continue its history; it is kept");
        }
        _ => tracing::debug!(address = %from, status = answer.to_http().0, "not signed"),
    }
    let kind =
        if matches!(answer, Answer::Conflict(_) | Answer::Forked(_)) { "text/x.tlog.size" } else { "text/plain" };
    let (status, body) = answer.to_http();
    response(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), kind, body)
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
