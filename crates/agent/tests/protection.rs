//! Who may ask an agent: a token, TLS, and nothing without.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::path::PathBuf;
use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use support::{config, contiv_example, start};
use svcflow_agent::{Config, Protection, SamplesDocument, bind, router, serve};
use svcflow_transport::{Client, ClientTls, Limits, Trust};

const LIMITS: Limits = Limits { time: Duration::from_secs(60), bytes: 1 << 20 };

#[tokio::test]
async fn a_protected_agent_answers_only_who_shows_its_token_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = write("agent.pem", &made.cert.pem());
    let config = Config {
        token_file: Some(write(
            "tokens",
            "# two, while one is replaced\n0123456789abcdef\nfedcba9876543210\n",
        )),
        tls_certificate: Some(certificate.clone()),
        tls_key: Some(write("agent.key", &made.signing_key.serialize_pem())),
        listen: "0.0.0.0:4000".parse().unwrap(),
        ..config()
    };
    config.validate().unwrap();
    let protection = Protection::load(&config).unwrap();
    assert_eq!(protection.scheme(), "https");
    let bench = start(contiv_example(), config);
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let at = listener.local_addr().unwrap();
    let routes = router(bench.agent.shared());
    tokio::spawn(async move { serve(listener, routes, &protection, std::future::pending()).await });

    let tls = ClientTls::read(&Trust::Ca(certificate), None, None).unwrap();
    let client = Client::new(&tls, Duration::from_secs(60));
    let ask = async |path: &str, token: &str| {
        let request = Request::get(format!("https://{at}{path}")).header(AUTHORIZATION, token);
        client.fetch(request.body(Full::default()).unwrap(), LIMITS).await.unwrap()
    };
    for token in ["Bearer 0123456789abcdef", "Bearer fedcba9876543210"] {
        let answer = ask("/api/v1/samples?after=0", token).await;
        let document: SamplesDocument = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((document.node.as_str(), document.lives.len()), ("node-1", 1));
    }
    for path in ["/api/v1/samples", "/metrics", "/healthz", "/svcstats", "/11.1.1.2", "/nothing"] {
        assert_eq!(ask(path, "Bearer 0123456789abcdeF").await.status, 401, "{path}");
    }
    let plain = Request::get(format!("http://{at}/healthz")).body(Full::default()).unwrap();
    assert!(client.fetch(plain, LIMITS).await.is_err(), "nothing is answered in the clear");
}
