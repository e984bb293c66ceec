use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::ServerTls;

/// A caller that takes longer is none.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes under way at once. Past it the newest wait in the kernel's backlog, so that strangers
/// who connect and say nothing cost sockets for 10 s each, not memory without bound.
const HANDSHAKES_MAX: usize = 512;

type Shaken = Option<(TlsStream<TcpStream>, SocketAddr)>;

/// A TCP listener whose connections are TLS, for [`crate::serve()`]. Handshakes run beside each other: a
/// caller that hangs in one delays nobody.
pub struct TlsListener {
    tcp: TcpListener,
    tls: ServerTls,
    handshakes: JoinSet<Shaken>,
}

impl TlsListener {
    /// Speaks TLS on a bound listener.
    #[must_use]
    pub fn new(tcp: TcpListener, tls: &ServerTls) -> Self {
        Self { tcp, tls: tls.clone(), handshakes: JoinSet::new() }
    }

    fn begin(&mut self, stream: TcpStream, from: SocketAddr) {
        let handshake = TlsAcceptor::from(self.tls.config()).accept(stream);
        self.handshakes.spawn(async move {
            match timeout(HANDSHAKE_MAX, handshake).await {
                Ok(Ok(stream)) => Some((stream, from)),
                Ok(Err(error)) => {
                    tracing::debug!("TLS with {from} failed: {error}");
                    None
                }
                Err(_) => None,
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let room = self.handshakes.len() < HANDSHAKES_MAX;
            tokio::select! {
                // Axum's own accept survives errors such as too many open files by waiting.
                (stream, from) = Listener::accept(&mut self.tcp), if room => self.begin(stream, from),
                Some(shaken) = self.handshakes.join_next() => {
                    if let Ok(Some(shaken)) = shaken {
                        return shaken;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

impl std::fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsListener").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}
