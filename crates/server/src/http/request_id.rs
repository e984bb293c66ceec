//! A request's name, given by the client or made here, for finding it in logs.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

pub(super) async fn layer(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut given = [X_REQUEST_ID, REQUEST_ID].into_iter().filter_map(|name| headers.get(name));
    let id = given.find(|value| !value.is_empty()).cloned().or_else(make);
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert(X_REQUEST_ID, id.clone());
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A UUID of random look. It is no secret, so a seeded count will do.
fn make() -> Option<HeaderValue> {
    static SEEDS: LazyLock<[RandomState; 2]> =
        LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let [high, low] = SEEDS.each_ref().map(|seed| seed.hash_one(count));
    // Version 4 and the variant of RFC 9562, 5.4.
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let id = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    HeaderValue::try_from(id).ok()
}

#[cfg(test)]
mod tests {
    use super::make;

    #[test]
    fn ids_are_uuids_and_differ() {
        let (a, b) = (make().unwrap(), make().unwrap());
        assert_ne!(a, b);
        let text = a.to_str().unwrap();
        assert_eq!((text.len(), text.as_bytes()[14]), (36, b'4'), "{text}");
        assert!(text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{text}");
    }
}
