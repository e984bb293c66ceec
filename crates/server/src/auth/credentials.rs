//! Where a request says who it is from: `u` and `p`, Basic, `Token NAME:SECRET`, and a secret alone.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{User, Users};
use crate::http::Parameters;

/// What a request showed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A name and its secret.
    Named {
        /// The name.
        name: String,
        /// The secret.
        secret: String,
    },
    /// A secret alone, as InfluxDB 2's clients send their token.
    Secret(String),
}

/// Why a request is from nobody; InfluxDB's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// Nothing was shown that can be understood.
    #[error("unable to parse authentication credentials")]
    Missing,
    /// A secret without a name.
    #[error("username required")]
    NoName,
    /// Nobody has that name and secret.
    #[error("authorization failed")]
    Wrong,
}

impl Credentials {
    /// Looks for them in the URL's parameters, then in the headers, as InfluxDB does.
    pub(crate) fn of(url: &Parameters, headers: &HeaderMap) -> Result<Self, CredentialsError> {
        let (name, secret) = (url.get("u"), url.get("p"));
        if !name.is_empty() && !secret.is_empty() {
            return Ok(Self::named(name, secret));
        }
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, shown) =
            header.and_then(|header| header.split_once(' ')).ok_or(CredentialsError::Missing)?;
        match scheme {
            _ if scheme.eq_ignore_ascii_case("basic") => basic(shown),
            "Token" => Ok(match shown.split_once(':') {
                Some((name, secret)) => Self::named(name, secret),
                None => Self::Secret(shown.to_owned()),
            }),
            "Bearer" => Ok(Self::Secret(shown.to_owned())),
            _ => Err(CredentialsError::Missing),
        }
    }

    /// Whose they are.
    pub(crate) fn user<'u>(&self, users: &'u Users) -> Result<&'u User, CredentialsError> {
        match self {
            Self::Named { name, .. } if name.is_empty() => Err(CredentialsError::NoName),
            Self::Named { name, secret } => {
                users.by_name(name, secret).ok_or(CredentialsError::Wrong)
            }
            Self::Secret(secret) => users.by_secret(secret).ok_or(CredentialsError::Wrong),
        }
    }

    fn named(name: &str, secret: &str) -> Self {
        Self::Named { name: name.to_owned(), secret: secret.to_owned() }
    }
}

fn basic(shown: &str) -> Result<Credentials, CredentialsError> {
    let bytes = STANDARD.decode(shown.trim()).map_err(|_| CredentialsError::Missing)?;
    let text = String::from_utf8(bytes).map_err(|_| CredentialsError::Missing)?;
    let (name, secret) = text.split_once(':').ok_or(CredentialsError::Missing)?;
    Ok(Credentials::named(name, secret))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(url: &str, header: &str) -> Result<Credentials, CredentialsError> {
        let headers =
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(header).unwrap())]);
        Credentials::of(&Parameters::of_query(url), &headers)
    }

    #[test]
    fn all_places_are_looked_into() {
        let named = Ok(Credentials::named("a", "b:c"));
        assert_eq!(of("u=a&p=b:c", "Basic nonsense"), named);
        assert_eq!(of("u=a", "Basic YTpiOmM="), named);
        assert_eq!(of("", "basic YTpiOmM="), named);
        assert_eq!(of("", "Token a:b:c"), named);
        assert_eq!(of("", "Token abc"), Ok(Credentials::Secret("abc".to_owned())));
        assert_eq!(of("", "Bearer abc"), Ok(Credentials::Secret("abc".to_owned())));
        for wrong in ["", "Basic", "Basic !", "Basic YQ==", "Digest x", "Tokenabc"] {
            assert_eq!(of("", wrong), Err(CredentialsError::Missing), "{wrong}");
        }
    }
}
