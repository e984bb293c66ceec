//! `GET` and `POST /query`: from a request to statements and a form for their answers.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use svcflow_influxql::{Options, Param, Params, Statement, parse_with};
use svcflow_query::{Session, Zone};

use super::body::{self};
use super::context::{Caller, Context};
use super::failure::Failure;
use super::{Parameters, run};
use crate::answer::{Epoch, Form};
use crate::app::App;
use crate::auth::{Needs, needs};

/// Rows of a document where `chunked=true` says no `chunk_size`; InfluxDB's.
const CHUNK_ROWS: usize = 10_000;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) statements: Vec<Statement>,
    pub(super) session: Session,
    pub(super) form: Form,
    /// By `GET`, which shouldn't change anything.
    pub(super) reads_only: bool,
    /// Databases that may be seen; `None` is all.
    pub(super) sees: Option<crate::auth::User>,
}

pub(super) async fn get(State(app): State<Arc<App>>, context: Context) -> Response {
    respond(&app, &context, Ok(context.url.clone()), true).await
}

pub(super) async fn post(
    State(app): State<Arc<App>>,
    context: Context,
    request: Request,
) -> Response {
    let form = form(&app, &context, request).await.map(|form| form.or(context.url.clone()));
    respond(&app, &context, form, false).await
}

async fn respond(
    app: &Arc<App>,
    context: &Context,
    parameters: Result<Parameters, Failure>,
    reads_only: bool,
) -> Response {
    let answered = match parameters {
        Ok(parameters) => answer(app, context, &parameters, reads_only).await,
        Err(failure) => Err(failure),
    };
    answered.unwrap_or_else(|failure| context.fail(&failure))
}

async fn answer(
    app: &Arc<App>,
    context: &Context,
    parameters: &Parameters,
    reads_only: bool,
) -> Result<Response, Failure> {
    let asked = asked(app, context, parameters, reads_only)?;
    let Some(elsewhere) = app.elsewhere() else { return run::run(app, asked, context.form).await };
    let names = ["q", "db", "rp", "epoch", "chunked", "chunk_size", "params"];
    let form = names.map(|name| (name, parameters.get(name)));
    Ok(elsewhere.query(&form, context.url.get("pretty"), &context.headers).await?)
}

fn asked(
    app: &App,
    context: &Context,
    parameters: &Parameters,
    reads_only: bool,
) -> Result<Asked, Failure> {
    let caller = context.caller(app)?;
    let text = parameters.get("q").trim();
    if text.is_empty() {
        return Err(Failure::bad_request("missing required parameter \"q\""));
    }
    let options = Options {
        params: params(parameters.get("params"))?,
        knows_zone: |name| Zone::named(name).is_some(),
    };
    let statements =
        parse_with(text, &options).map_err(|error| Failure::bad_request(error.to_string()))?;
    let database = parameters.get("db");
    let sees = match caller {
        Caller::Anybody => None,
        Caller::User(user) => {
            for statement in &statements {
                let mut needs = needs(statement, database);
                if app.elsewhere().is_some() && needs == Needs::Nothing {
                    // Its answer is handed on as it is, with whatever is in it.
                    needs = Needs::Admin;
                }
                if let Some(lacking) = needs.lacking(&user) {
                    let message = format!(
                        "error authorizing query: {} not authorized to execute statement '{statement}', {lacking}",
                        user.name()
                    );
                    return Err(Failure::forbidden(message));
                }
            }
            Some(user)
        }
    };
    let session = Session {
        database: database.to_owned(),
        retention_policy: parameters.get("rp").to_owned(),
        now: app.now(),
        text: text.to_owned(),
    };
    let chunk_size = || parameters.get("chunk_size").parse().ok().filter(|rows| *rows > 0);
    let chunked = parameters.get("chunked") == "true";
    let form = Form {
        csv: context.form.csv,
        epoch: Epoch::of(parameters.get("epoch")),
        chunks: chunked.then(|| chunk_size().unwrap_or(CHUNK_ROWS)),
    };
    Ok(Asked { statements, session, form, reads_only, sees })
}

/// A form's parameters; none where the body is no form.
async fn form(app: &App, context: &Context, request: Request) -> Result<Parameters, Failure> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let received = body::receive(app, &context.headers, request.into_body()).await?;
        return Ok(Parameters::of_query(&received.bytes));
    }
    if kind.eq_ignore_ascii_case("multipart/form-data") {
        let (parts, body) = request.into_parts();
        let received = body::receive(app, &context.headers, body).await?;
        return multipart(Request::from_parts(parts, Body::from(received.bytes))).await;
    }
    Ok(Parameters::default())
}

/// What `curl -F` sends: a value, or a file, for each name.
async fn multipart(request: Request) -> Result<Parameters, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::bad_request(error.to_string());
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| wrong(&error))?;
    let mut parameters = Parameters::default();
    while let Some(field) = form.next_field().await.map_err(|error| wrong(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        parameters.push(name, field.text().await.map_err(|error| wrong(&error))?);
    }
    Ok(parameters)
}

/// Reads `params`: a JSON object of what stands for each `$name`.
fn params(text: &str) -> Result<Params, Failure> {
    if text.is_empty() {
        return Ok(Params::new());
    }
    let wrong = |error| Failure::bad_request(format!("error parsing query parameters: {error}"));
    let values: std::collections::BTreeMap<String, &serde_json::value::RawValue> =
        serde_json::from_str(text).map_err(wrong)?;
    values.into_iter().map(|(name, value)| Ok((name, param(value.get())?))).collect()
}

fn param(json: &str) -> Result<Param, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::bad_request(format!("error parsing json value: {error}"))
    };
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).map(Param::String).map_err(|error| wrong(&error)),
        Some(b't' | b'f') => Ok(Param::Boolean(json == "true")),
        Some(b'0'..=b'9' | b'-') if json.contains('.') => number(json, Param::Number),
        Some(b'0'..=b'9' | b'-') => number(json, Param::Integer),
        Some(b'{') => {
            let object: std::collections::BTreeMap<String, &serde_json::value::RawValue> =
                serde_json::from_str(json).map_err(|error| wrong(&error))?;
            match object.into_iter().collect::<Vec<_>>().as_slice() {
                [(kind, value)] if !value.get().starts_with('{') => {
                    Param::of_kind(kind, param(value.get())?).map_err(|error| wrong(&error))
                }
                _ => Err(wrong(&"expected an object of one entry, such as {\"regex\": \"a.*\"}")),
            }
        }
        _ => Err(wrong(&"expected a text, a number, a boolean or an object of one entry")),
    }
}

fn number<T: FromStr<Err: std::fmt::Display>>(
    json: &str,
    kind: fn(T) -> Param,
) -> Result<Param, Failure> {
    let wrong = |error| Failure::bad_request(format!("error parsing json value: {json}: {error}"));
    json.parse().map(kind).map_err(wrong)
}

/// What a request that comes while the server stops is told.
pub(super) fn stopping() -> Failure {
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the server is being stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_what_their_json_is() {
        let text =
            r#"{"a":"x\"y","b":1,"c":1.5,"d":true,"e":{"duration":"1h"},"f":-9223372036854775808}"#;
        let params = params(text).unwrap();
        assert_eq!(params["a"], Param::String("x\"y".to_owned()));
        assert_eq!(params["b"], Param::Integer(1));
        assert_eq!(params["c"], Param::Number(1.5));
        assert_eq!(params["d"], Param::Boolean(true));
        assert!(matches!(params["e"], Param::Duration(_)));
        assert_eq!(params["f"], Param::Integer(i64::MIN));
    }

    #[test]
    fn wrong_parameters_are_the_client_s_fault() {
        let wrong = [
            "[1]",
            "{\"a\":",
            "{\"a\":[1]}",
            "{\"a\":null}",
            "{\"a\":1e3}",
            "{\"a\":{}}",
            "{\"a\":99999999999999999999}",
            "{\"a\":{\"x\":1}}",
            "{\"a\":{\"regex\":{\"regex\":\"x\"}}}",
        ];
        for text in wrong {
            assert_eq!(params(text).unwrap_err().status, StatusCode::BAD_REQUEST, "{text}");
        }
    }
}
