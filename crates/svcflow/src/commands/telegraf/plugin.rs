//! `svcflow telegraf-plugin`: line protocol of every edge, for Telegraf's `inputs.execd`.
//!
//! Lines go to standard output, errors to standard error, and it ends when standard input does: its parent
//! holds the other end of that, and is gone then.

use std::fmt::Write;
use std::io::BufRead;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use svcflow_agent::EdgesDocument;
use svcflow_model::Timestamp;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::TelegrafPluginArgs;
use crate::client::Client;
use crate::document::is_unknown;
use crate::exit::{CliError, one_line};
use crate::output;

/// Words that may wait; where as many do, lines are due anyway, so another changes nothing.
const WORDS_MAX: usize = 16;

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Print now.
    Print,
    /// The parent is gone, or wants it to end.
    End,
}

pub(crate) fn run(args: &TelegrafPluginArgs) -> Result<(), CliError> {
    let client = Client::new(&args.agent.agent, &args.agent.access)?;
    let (sender, words) = sync_channel(WORDS_MAX);
    let _signals = signals(&sender)?;
    std::thread::spawn(move || listen(&sender));
    let mut last = None;
    let mut due = (!args.on_signal).then(Instant::now);
    loop {
        let told = match wait(&words, due) {
            Some(Word::End) => return Ok(()),
            word => word.is_some(),
        };
        if !told {
            due = Some(Instant::now() + args.interval);
        }
        match client.fresh_edges() {
            Ok(document) => {
                let this = (document.epoch, document.sequence);
                // At an interval of its own the same look needs no second line.
                if last.replace(this) != Some(this) || told {
                    output::print(&lines(&document, args))?;
                }
            }
            Err(error) => output::say(&one_line(&error)),
        }
    }
}

/// The next word; `None` when it is time for lines without one.
fn wait(words: &Receiver<Word>, due: Option<Instant>) -> Option<Word> {
    let Some(due) = due else { return Some(words.recv().unwrap_or(Word::End)) };
    match words.recv_timeout(due.saturating_duration_since(Instant::now())) {
        Ok(word) => Some(word),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Word::End),
    }
}

/// Each line on standard input is a word; its end is the last.
fn listen(words: &SyncSender<Word>) {
    let mut line = String::new();
    while std::io::stdin().lock().read_line(&mut line).is_ok_and(|read| read > 0) {
        line.clear();
        let _ = words.try_send(Word::Print);
    }
    let _ = words.send(Word::End);
}

/// SIGUSR1 asks for lines; the runtime must be kept.
fn signals(words: &SyncSender<Word>) -> Result<Runtime, CliError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().map_err(CliError::Start)?;
    let each = [
        (SignalKind::user_defined1(), Word::Print),
        (SignalKind::interrupt(), Word::End),
        (SignalKind::terminate(), Word::End),
    ];
    for (kind, word) in each {
        let words = words.clone();
        let _inside = runtime.enter();
        let mut signal = signal(kind).map_err(CliError::Start)?;
        runtime.spawn(async move {
            while signal.recv().await.is_some() {
                let _ = words.try_send(word);
            }
        });
    }
    Ok(runtime)
}

fn lines(document: &EdgesDocument, args: &TelegrafPluginArgs) -> String {
    let at = humantime::parse_rfc3339(&document.at).map(Timestamp::from);
    let at = at.map_or_else(|_| String::new(), |at| format!(" {}", at.0));
    let mut text = String::new();
    for edge in document.edges.iter().filter(|edge| !is_unknown(edge)) {
        let row = &edge.row;
        let _ = write!(
            text,
            "{},EndpointIP={},Node={},Protocol={},ProviderIP={},ProviderPort={}",
            escaped(&args.measurement, ", "),
            row.endpoint,
            escaped(&row.node, ",= "),
            row.protocol,
            row.provider,
            row.provider_port,
        );
        if let Some(service) = row.service {
            let _ = write!(text, ",ServiceIP={service}");
        }
        if let Some(port) = row.service_port {
            let _ = write!(text, ",ServicePort={port}");
        }
        let fields = [
            ("BytesIn", row.bytes_in),
            ("BytesOut", row.bytes_out),
            ("PacketsIn", row.packets_in),
            ("PacketsOut", row.packets_out),
        ];
        for (i, (name, value)) in fields.into_iter().enumerate() {
            let before = if i == 0 { ' ' } else { ',' };
            // Integers are signed there; nothing counts that far.
            let _ = match args.integers {
                true => write!(text, "{before}{name}={}i", value.min(i64::MAX.cast_unsigned())),
                false => write!(text, "{before}{name}={value}"),
            };
        }
        let _ = writeln!(text, "{at}");
    }
    text
}

/// A name in line protocol.
fn escaped(text: &str, special: &str) -> String {
    let escape = |c: char| match c {
        '\n' | '\r' => "\\ ".to_owned(),
        c if special.contains(c) => format!("\\{c}"),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
