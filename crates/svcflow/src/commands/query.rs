//! `svcflow query`: InfluxQL to a running server, its answer as tables, JSON or CSV.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use svcflow_transport::{Answer, Client, ClientTls, Limits, Trust};

use super::serving::runtime;
use crate::answer::{self, Results};
use crate::args::QueryOptions;
use crate::exit::CliError;
use crate::output;

/// A server's own limit is five minutes unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(600);
const CONNECT: Duration = Duration::from_secs(5);
/// Beyond it `LIMIT` or a smaller time is what is meant.
const MOST_BYTES: usize = 1 << 30;

pub(crate) fn run(options: &QueryOptions) -> Result<(), CliError> {
    let answer = ask(options)?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.status != StatusCode::OK {
        return Err(refused(options, answer.status, &text));
    }
    if options.json || options.csv {
        return Ok(output::print(&text)?);
    }
    let results = Results::read(&text)
        .map_err(|source| CliError::AnswerUnreadable { url: options.url.clone(), source })?;
    output::print(&answer::tables(&results, output::colour()))?;
    match results.error() {
        Some(message) => Err(CliError::Query { message: message.to_owned() }),
        None => Ok(()),
    }
}

fn ask(options: &QueryOptions) -> Result<Answer, CliError> {
    let trust = Trust::where_needed(options.url.starts_with("https:"), options.ca.as_deref());
    let client = Client::new(&ClientTls::read(&trust, None, None)?, CONNECT);
    let url = format!("{}/query", options.url.trim_end_matches('/'));
    let mut request = Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, if options.csv { "application/csv" } else { "application/json" });
    if let Some(credentials) = credentials(options)? {
        request = request.header(AUTHORIZATION, credentials);
    }
    let request = request
        .body(Full::from(form(options)))
        .map_err(|_| svcflow_transport::Error::BadUrl(options.url.clone()))?;
    let limits = Limits { time: PATIENCE, bytes: MOST_BYTES };
    let fetched = runtime()?.block_on(client.fetch(request, limits));
    fetched.map_err(|error| match error {
        away @ svcflow_transport::Error::Unreachable { .. } => {
            CliError::ServerAway { url: options.url.clone(), source: away }
        }
        other => other.into(),
    })
}

fn form(options: &QueryOptions) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("q", &options.query);
    let optional = [("db", &options.db), ("rp", &options.rp), ("epoch", &options.epoch)];
    for (name, value) in optional {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    form.finish()
}

fn credentials(options: &QueryOptions) -> Result<Option<HeaderValue>, CliError> {
    let Some(user) = &options.user else { return Ok(None) };
    let secret = options.secret.as_deref().ok_or(CliError::NoSecret)?;
    let value = HeaderValue::try_from(format!("Token {user}:{secret}"));
    let mut value = value.map_err(|_| CliError::NoSecret)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The server's word; where the query doesn't parse, the place in it.
fn refused(options: &QueryOptions, status: StatusCode, text: &str) -> CliError {
    if status == StatusCode::BAD_REQUEST
        && let Err(error) = svcflow_influxql::parse(&options.query)
    {
        return CliError::QuerySyntax { shown: error.caret(&options.query).to_string() };
    }
    let message = answer::error(text).unwrap_or_else(|| format!("{status}: is it an InfluxDB?"));
    CliError::Query { message }
}
