//! Both sides over real connections: who is believed, who is turned away.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

use std::error::Error as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use svcflow_transport::{
    Answer, Client, ClientTls, Error, Fingerprint, Limits, ServerTls, TlsListener, Token, Tokens,
    Trust, require_token,
};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "0123456789abcdef";
const LIMITS: Limits = Limits { time: Duration::from_secs(60), bytes: 100 };

/// A CA in a folder, and what it signed.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn sign(&self, name: &str) -> (PathBuf, PathBuf, Fingerprint) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let at = |end: &str| self.folder.path().join(format!("{name}.{end}"));
        std::fs::write(at("pem"), certificate.pem()).unwrap();
        std::fs::write(at("key"), key.serialize_pem()).unwrap();
        (at("pem"), at("key"), Fingerprint::of(certificate.der()))
    }
}

/// Serves `hello`, and a long answer, to whoever shows the token.
async fn serve(tls: ServerTls) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let tokens = Arc::new(Tokens::new([&Token::new(SECRET).unwrap()]));
    let routes = Router::new()
        .route("/", get(async || "hello"))
        .route("/long", get(async || "x".repeat(101)))
        .route("/never", get(std::future::pending::<()>))
        .layer(from_fn_with_state(tokens, require_token));
    tokio::spawn(axum::serve(TlsListener::new(tcp, &tls), routes).into_future());
    address
}

fn client(trust: Trust, identity: Option<(&Path, &Path)>, name: Option<&str>) -> Client {
    Client::new(&ClientTls::read(&trust, identity, name).unwrap(), Duration::from_secs(60))
}

async fn ask(client: &Client, at: SocketAddr, path: &str, token: &str) -> Result<Answer, Error> {
    let request = Request::get(format!("https://{at}{path}"))
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Full::default())
        .unwrap();
    client.fetch(request, LIMITS).await
}

#[tokio::test]
async fn a_ca_or_a_fingerprint_is_believed_and_nobody_else() {
    let authority = Authority::new();
    let (certificate, key, fingerprint) = authority.sign("127.0.0.1");
    let at = serve(ServerTls::read(&certificate, &key, None).unwrap()).await;
    let by_ca = client(Trust::Ca(authority.ca()), None, None);
    assert_eq!(ask(&by_ca, at, "/", SECRET).await.unwrap().body, "hello");
    let pinned = client(Trust::Pinned(vec![fingerprint]), None, None);
    assert_eq!(ask(&pinned, at, "/", SECRET).await.unwrap().body, "hello");

    let (_, _, other) = authority.sign("other");
    let stranger = Authority::new();
    for trust in [Trust::Ca(stranger.ca()), Trust::Pinned(vec![other]), Trust::Pinned(Vec::new())] {
        let error = ask(&client(trust, None, None), at, "/", SECRET).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.source().is_some(), "{error}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_believed_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let (certificate, key, _) = old.sign("127.0.0.1");
    let (renewed, renewed_key, _) = new.sign("127.0.0.1");
    let at = serve(ServerTls::read(&certificate, &key, None).unwrap()).await;
    let client = client(Trust::Ca(old.ca()), None, None);
    assert_eq!(ask(&client, at, "/", SECRET).await.unwrap().body, "hello");
    std::fs::copy(renewed, certificate).unwrap();
    std::fs::copy(renewed_key, key).unwrap();
    std::fs::copy(new.ca(), old.ca()).unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(ask(&client, at, "/", SECRET).await.unwrap().body, "hello");
    let stranger = Client::new(
        &ClientTls::read(&Trust::Ca(new.ca()), None, None).unwrap(),
        Duration::from_secs(60),
    );
    assert_eq!(
        ask(&stranger, at, "/", SECRET).await.unwrap().body,
        "hello",
        "the new one is shown"
    );
}

#[tokio::test]
async fn one_name_in_all_certificates_serves_agents_found_by_address() {
    let authority = Authority::new();
    let (certificate, key, _) = authority.sign("agent.svcflow");
    let at = serve(ServerTls::read(&certificate, &key, None).unwrap()).await;
    let named = client(Trust::Ca(authority.ca()), None, Some("agent.svcflow"));
    assert_eq!(ask(&named, at, "/", SECRET).await.unwrap().body, "hello");
    let by_address = client(Trust::Ca(authority.ca()), None, None);
    assert!(ask(&by_address, at, "/", SECRET).await.is_err(), "the address isn't in it");
}

#[tokio::test]
async fn without_the_token_or_the_certificate_asked_for_there_is_no_answer() {
    let authority = Authority::new();
    let (certificate, key, _) = authority.sign("127.0.0.1");
    let tls = ServerTls::read(&certificate, &key, Some(&authority.ca())).unwrap();
    let at = serve(tls).await;
    let (mine, my_key, _) = authority.sign("collector");
    let known = client(Trust::Ca(authority.ca()), Some((&mine, &my_key)), None);
    assert_eq!(ask(&known, at, "/", SECRET).await.unwrap().status, 200);
    let answer = ask(&known, at, "/", "another-secret-of-some-length").await.unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.body.starts_with(b"{\"error\":"), "{answer:?}");
    let unknown = client(Trust::Ca(authority.ca()), None, None);
    assert!(ask(&unknown, at, "/", SECRET).await.is_err());
}

#[tokio::test]
async fn long_and_late_answers_and_silent_callers_hurt_nobody() {
    let authority = Authority::new();
    let (certificate, key, _) = authority.sign("127.0.0.1");
    let at = serve(ServerTls::read(&certificate, &key, None).unwrap()).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    let client = client(Trust::Ca(authority.ca()), None, None);
    assert_eq!(ask(&client, at, "/", SECRET).await.unwrap().body, "hello");
    let error = ask(&client, at, "/long", SECRET).await.unwrap_err();
    assert!(matches!(error, Error::TooLong { limit: 100, .. }), "{error}");
    let request = Request::get(format!("https://u:secret@{at}/never?token=secret"))
        .header(AUTHORIZATION, format!("Bearer {SECRET}"));
    let limits = Limits { time: Duration::from_millis(100), bytes: 1 };
    let error = client.fetch(request.body(Full::default()).unwrap(), limits).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn wrong_files_are_named_with_the_remedy() {
    let authority = Authority::new();
    let (certificate, key, _) = authority.sign("a");
    let (_, other_key, _) = authority.sign("b");
    let fault = |a: &Path, b: &Path| ServerTls::read(a, b, None).unwrap_err().to_string();
    assert!(fault(&key, &key).contains("holds no certificate"));
    assert!(fault(&certificate, &certificate).contains("holds no private key"));
    assert!(fault(&certificate, &other_key).contains("belong to each other"));
    assert!(fault(Path::new("/nonexistent"), &key).contains("can't read /nonexistent"));
}
