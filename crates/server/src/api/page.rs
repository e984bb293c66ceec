//! The page: the files that `ui/` builds, within the binary.

use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use include_dir::{Dir, DirEntry, include_dir};

use crate::http::weighted;

/// The build's outcome. Without it there is no binary.
static DIST: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../ui/dist");
/// Files below it have a hash of their content in their name.
const HASHED: &str = "assets/";
const INDEX: &str = "index.html";

/// One file, ready to be sent.
struct File {
    plain: &'static [u8],
    gzip: Option<Bytes>,
    kind: &'static str,
    hashed: bool,
    tag: HeaderValue,
}

fn files() -> &'static HashMap<&'static str, File> {
    static FILES: OnceLock<HashMap<&'static str, File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut all = HashMap::new();
        collect(&DIST, &mut all);
        all
    })
}

fn collect(folder: &Dir<'static>, all: &mut HashMap<&'static str, File>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, all),
            DirEntry::File(file) => {
                if let Some(path) = file.path().to_str() {
                    all.insert(path, File::new(path, file.contents()));
                }
            }
        }
    }
}

impl File {
    fn new(path: &str, plain: &'static [u8]) -> Self {
        let kind = kind(path);
        let text = kind.starts_with("text/") || kind.contains("svg") || kind.contains("json");
        let tag = format!("\"{:016x}\"", hash(plain));
        Self {
            plain,
            gzip: text.then(|| gzip(plain)).flatten(),
            kind,
            hashed: path.starts_with(HASHED),
            tag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    fn reply(&self, headers: &HeaderMap) -> Response {
        let cache = if self.hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
        let shared = [
            (CACHE_CONTROL, HeaderValue::from_static(cache)),
            (ETAG, self.tag.clone()),
            (VARY, HeaderValue::from_static("Accept-Encoding")),
        ];
        if headers.get(IF_NONE_MATCH) == Some(&self.tag) {
            return (StatusCode::NOT_MODIFIED, shared).into_response();
        }
        let kind = [(CONTENT_TYPE, HeaderValue::from_static(self.kind))];
        let gzip = self.gzip.as_ref();
        let gzip = gzip.filter(|_| weighted(headers, ACCEPT_ENCODING).any(|it| it == "gzip"));
        match gzip {
            Some(bytes) => {
                let coding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
                (shared, kind, coding, bytes.clone()).into_response()
            }
            None => (shared, kind, self.plain).into_response(),
        }
    }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < bytes.len()).then(|| packed.into())
}

/// FNV-1a, 64 bits: tells two builds apart, nothing more.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Changes with the page that is built in: its index names every file by its hash.
pub(super) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let index = DIST.get_file(INDEX).map(|file| file.contents());
        format!("{:016x}", hash(index.unwrap_or_default()))
    })
}

/// A route for each file, and `/` for the index.
pub(super) fn routes() -> Router {
    let mut router = Router::new();
    for path in files().keys().copied() {
        let serve = async move |headers: HeaderMap| match files().get(path) {
            Some(file) => file.reply(&headers),
            None => StatusCode::NOT_FOUND.into_response(),
        };
        router = router.route(&format!("/{path}"), get(serve));
        if path == INDEX {
            router = router.route("/", get(serve));
        }
    }
    router
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_within_the_binary_and_whole() {
        let index = std::str::from_utf8(files().get(INDEX).unwrap().plain).unwrap();
        let named = index.split(['"', '\'']).filter_map(|part| part.strip_prefix("./"));
        let named: Vec<&str> = named.collect();
        assert!(!named.is_empty());
        for name in named {
            assert!(files().contains_key(name), "{name} is named by the index and not there");
        }
        for (path, file) in files() {
            assert_ne!(file.kind, "application/octet-stream", "{path} has no type");
        }
        assert_eq!(version().len(), 16);
    }
}
