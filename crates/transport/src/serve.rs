use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinSet;

/// A caller that takes longer over a request's head, or says nothing between two requests, is let go. Longer than
/// [`crate::Client`] keeps an unused connection, so that it isn't closed under a request.
const HEAD_MAX: Duration = Duration::from_secs(120);

/// Serves HTTP/1.1 until `shutdown` is there, then until requests under way are answered. Whoever drops it breaks
/// those off.
pub async fn serve<L: Listener>(
    listener: L,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) {
    within(HEAD_MAX, listener, router, shutdown).await;
}

async fn within<L: Listener>(
    head_max: Duration,
    mut listener: L,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_max);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            (stream, _) = listener.accept() => {
                let service = TowerToHyperService::new(router.clone());
                let connection = http.serve_connection(TokioIo::new(stream), service);
                connections.spawn(graceful.watch(connection));
            }
            // How a connection ended is its caller's affair.
            Some(_) = connections.join_next() => {}
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_dawdles_over_a_request_is_let_go_and_the_rest_are_served_to_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let slow = get(async || {
            tokio::time::sleep(Duration::from_millis(600)).await;
            "done"
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let routes = Router::new().route("/", slow);
        let served = tokio::spawn(within(Duration::from_millis(200), listener, routes, async {
            let _ = stopped.await;
        }));
        let mut dawdler = TcpStream::connect(at).await.unwrap();
        dawdler.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        let mut said = Vec::new();
        let end = dawdler.read_to_end(&mut said);
        tokio::time::timeout(Duration::from_secs(5), end).await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&said).contains("200"), "{said:?}");

        let mut patient = TcpStream::connect(at).await.unwrap();
        patient.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        let mut said = String::new();
        patient.read_to_string(&mut said).await.unwrap();
        assert!(said.ends_with("done"), "{said}");
        served.await.unwrap();
        assert!(TcpStream::connect(at).await.is_err(), "nobody listens any more");
    }
}
