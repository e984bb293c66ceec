//! From the parts of a step to the request that it sends.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::request::{encode, header};
use crate::scenario::Parts;
use crate::{Check, Request, Step};

/// A query, sent by the method that the step names, or by the one that clients take for such a statement.
pub(crate) fn query(q: &str, parts: &Parts, db: Option<&str>) -> Step {
    let db = parts.db.as_deref().or(db).filter(|db| !db.is_empty());
    let mut parameters = vec![("q", q.to_owned())];
    let optional = [
        ("db", db),
        ("rp", parts.rp.as_deref()),
        ("epoch", parts.epoch.as_deref()),
        ("params", parts.params.as_deref()),
        ("chunked", parts.chunked.as_deref()),
        ("chunk_size", parts.chunk_size.as_deref()),
        ("pretty", parts.pretty.as_deref()),
    ];
    let given = optional.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned())));
    parameters.extend(given.filter(|(_, value)| !value.is_empty()));
    let reads = ["SELECT", "SHOW"].iter().any(|word| {
        q.trim_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    });
    let method = parts.method.as_deref().unwrap_or(if reads { "GET" } else { "POST" });
    let mut request = match method {
        "POST" => Request::form("/query", &parameters),
        "MULTIPART" => multipart(&parameters),
        "POST-URL" => Request { method: "POST".to_owned(), ..Request::get("/query", &parameters) },
        other => Request { method: other.to_owned(), ..Request::get("/query", &parameters) },
    };
    add_headers(&mut request, parts);
    let told: Vec<_> =
        parameters.iter().skip(1).map(|(name, value)| format!("{name}={value}")).collect();
    let label = format!("{q}   [{method} {}]", told.join(" "));
    Step { label, q: parts.params.is_none().then(|| q.to_owned()), request, check: check(parts) }
}

/// Line protocol for `/write`.
pub(crate) fn write(lines: &str, parts: &Parts, db: Option<&str>) -> Result<Step, String> {
    let db = parts.db.as_deref().or(db).filter(|db| !db.is_empty());
    let optional =
        [("db", db), ("rp", parts.rp.as_deref()), ("precision", parts.precision.as_deref())];
    let parameters: Vec<_> =
        optional.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect();
    let mut request = Request {
        method: "POST".to_owned(),
        target: format!("/write?{}", encode(&parameters)),
        body: lines.as_bytes().to_vec(),
        headers: Vec::new(),
    };
    if parts.gzip == Some(true) {
        let packed = GzEncoder::new(Vec::new(), Compression::default());
        request.body = gzip(packed, lines).map_err(|error| error.to_string())?;
        request.headers.push(header("Content-Encoding", "gzip"));
    }
    add_headers(&mut request, parts);
    let label = format!("{} {}\n{}", request.method, request.target, lines.trim_end());
    Ok(Step { label, q: None, request, check: check(parts) })
}

/// A request as the file spells it.
pub(crate) fn raw(line: &str, body: String, parts: &Parts) -> Result<Step, String> {
    let (method, target) =
        line.split_once(' ').ok_or_else(|| format!("`request: {line}`: expected METHOD /path"))?;
    let mut request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: body.clone().into_bytes(),
    };
    add_headers(&mut request, parts);
    let label =
        if body.is_empty() { line.to_owned() } else { format!("{line}\n{}", body.trim_end()) };
    Ok(Step { label, q: None, request, check: check(parts) })
}

fn gzip(mut packed: GzEncoder<Vec<u8>>, lines: &str) -> std::io::Result<Vec<u8>> {
    packed.write_all(lines.as_bytes())?;
    packed.finish()
}

fn multipart(parameters: &[(&str, String)]) -> Request {
    const BOUNDARY: &str = "svcflow-compat-boundary";
    let mut body = String::new();
    for (name, value) in parameters {
        body += &format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    body += &format!("--{BOUNDARY}--\r\n");
    Request {
        method: "POST".to_owned(),
        target: "/query".to_owned(),
        headers: vec![header("Content-Type", &format!("multipart/form-data; boundary={BOUNDARY}"))],
        body: body.into_bytes(),
    }
}

fn add_headers(request: &mut Request, parts: &Parts) {
    if let Some(accept) = &parts.accept {
        request.headers.push(header("Accept", accept));
    }
    request.headers.extend(parts.headers.iter().map(|(name, value)| header(name, value)));
}

fn check(parts: &Parts) -> Check {
    let headers = parts.check.iter().flatten().map(|name| name.to_ascii_lowercase()).collect();
    Check {
        compare: parts.compare.unwrap_or_default(),
        headers,
        status: parts.status,
        exception: parts.exception.clone(),
    }
}
