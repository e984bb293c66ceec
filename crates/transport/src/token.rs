//! Bearer tokens: kept as digests, compared in constant time, never printed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use subtle::{Choice, ConstantTimeEq};

use crate::Error;
use crate::secret::{Digest, is_secret};
use crate::watched::Watched;

/// A secret that a caller shows. Debug does not print it.
#[derive(Clone)]
pub struct Token(Arc<Watched<HeaderValue>>);

impl Token {
    /// A token of visible ASCII characters, 16 at least; `None` where it is none.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        Some(Self(Arc::new(Watched::fixed(header(secret)?))))
    }

    /// The token on a file's first line; read again once the file changes.
    ///
    /// # Errors
    /// Where the file can't be read or holds no usable token.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = path.to_owned();
        let make = move || {
            let text = read(&file)?;
            let line = text.lines().next().unwrap_or_default().trim();
            header(line).ok_or_else(|| Error::TokenUnusable { path: file.clone() })
        };
        Ok(Self(Arc::new(Watched::new(vec![path.to_owned()], make)?)))
    }

    /// The value of the `Authorization` header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::clone(&self.0.get())
    }
}

fn header(secret: &str) -> Option<HeaderValue> {
    let secret = Some(secret).filter(|secret| is_secret(secret))?;
    let mut header = HeaderValue::try_from(format!("Bearer {secret}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The tokens that a listener accepts: several, so that one can be replaced without a gap.
pub struct Tokens(Watched<Vec<Digest>>);

impl Tokens {
    /// Accepts these.
    #[must_use]
    pub fn new<'t>(tokens: impl IntoIterator<Item = &'t Token>) -> Self {
        let digests = tokens.into_iter().map(|token| Digest::of(token.header().as_bytes()));
        Self(Watched::fixed(digests.collect()))
    }

    /// Accepts each line of a file; empty lines and those that begin with `#` are skipped. The file is read again
    /// once it changes.
    ///
    /// # Errors
    /// Where the file can't be read, or holds a line that is no token, or none at all.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = path.to_owned();
        Ok(Self(Watched::new(vec![path.to_owned()], move || digests(&file))?))
    }

    /// Whether a request's headers show one of them. Takes as long whichever it is, and whether or not.
    #[must_use]
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(shown) = headers.get(AUTHORIZATION) else { return false };
        let shown = Digest::of(shown.as_bytes());
        let any = self.0.get().iter().fold(Choice::from(0), |any, known| any | known.ct_eq(&shown));
        any.into()
    }
}

fn digests(path: &Path) -> Result<Vec<Digest>, Error> {
    let text = read(path)?;
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let digests: Option<Vec<_>> =
        lines.map(|line| Some(Digest::of(header(line)?.as_bytes()))).collect();
    match digests {
        Some(digests) if !digests.is_empty() => Ok(digests),
        _ => Err(Error::TokenUnusable { path: path.to_owned() }),
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.get().len())
    }
}

/// Middleware: 401 in JSON unless the request shows one of the tokens. Use it with
/// `axum::middleware::from_fn_with_state(Arc::new(tokens), require_token)`.
pub async fn require_token(
    State(tokens): State<Arc<Tokens>>,
    request: Request,
    next: Next,
) -> Response {
    if tokens.admit(request.headers()) {
        return next.run(request).await;
    }
    let why = "a token is needed: send `Authorization: Bearer TOKEN`";
    let body = serde_json::json!({ "error": why }).to_string();
    let headers = [(CONTENT_TYPE, "application/json"), (WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, headers, body).into_response()
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn only_the_right_token_is_admitted() {
        let (old, new) = (Token::new("0123456789abcdef").unwrap(), Token::new("fedcba9876543210"));
        let tokens = Tokens::new([&old, &new.unwrap()]);
        assert!(tokens.admit(&headers("Bearer 0123456789abcdef")));
        assert!(tokens.admit(&headers("Bearer fedcba9876543210")));
        for wrong in ["Bearer 0123456789abcde", "bearer x", "0123456789abcdef", "", "Bearer "] {
            assert!(!tokens.admit(&headers(wrong)), "{wrong}");
        }
        assert!(!tokens.admit(&HeaderMap::new()));
        assert!(!Tokens::new([]).admit(&headers("Bearer ")));
    }

    #[test]
    fn what_can_be_guessed_is_no_token_and_none_is_printed() {
        for wrong in ["", "short", "with a space inside it", "ünïcödé-ünïcödé-ünïcödé"]
        {
            assert!(Token::new(wrong).is_none(), "{wrong}");
        }
        let token = Token::new("0123456789abcdef").unwrap();
        let printed = format!("{token:?} {:?} {:?}", token.header(), Tokens::new([&token]));
        assert!(!printed.contains("0123456789"), "{printed}");
    }
}
