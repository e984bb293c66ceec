//! Stand-ins for the programs around svcflow: their HTTP interfaces, on loopback, as faulty as a test wants.

pub mod contiv;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Context, Result};

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// How long it takes.
    pub delay: Duration,
}

impl Reply {
    /// 200 with this body, at once.
    pub fn ok(body: impl Into<String>) -> Self {
        Self { status: 200, body: body.into(), delay: Duration::ZERO }
    }

    /// A refusal, at once.
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), delay: Duration::ZERO }
    }

    /// The same, later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

type Answer = Box<dyn Fn(&str) -> Reply + Send + Sync>;

struct Shared {
    answer: Mutex<Arc<Answer>>,
    asked: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// A running stand-in; ends when dropped.
pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Answers every GET on a free port of loopback with what `answer` says of its target.
    ///
    /// # Errors
    /// Where no port or thread can be had.
    pub fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), answer)
    }

    /// The same, at an address.
    ///
    /// # Errors
    /// Where the address is taken or no thread can be had.
    pub fn at(
        address: SocketAddr,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener =
            TcpListener::bind(address).context(|| format!("listen on {address} as a stand-in"))?;
        let address = listener.local_addr().context(|| "name a stand-in's port".to_owned())?;
        let answer: Answer = Box::new(answer);
        let shared = Arc::new(Shared {
            answer: Mutex::new(Arc::new(answer)),
            asked: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = thread::Builder::new().name("stand-in".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stop.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&serving);
                thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        let thread = Some(thread.context(|| "start a stand-in's thread".to_owned())?);
        Ok(Self { address, shared, thread })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: impl Fn(&str) -> Reply + Send + Sync + 'static) {
        let answer: Answer = Box::new(answer);
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(answer);
    }

    /// What was asked for so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for StandIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StandIn").field("address", &self.address).finish_non_exhaustive()
    }
}

/// One connection, kept for as long as it is asked on.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || shared.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut header = String::new();
        while reader.read_line(&mut header)? > 2 {
            header.clear();
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
        let answer = Arc::clone(&shared.answer.lock().unwrap_or_else(PoisonError::into_inner));
        let Reply { status, body, delay } = answer(&target);
        thread::sleep(delay);
        let length = body.len();
        let mut out: &TcpStream = stream;
        write!(out, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}")?;
    }
}
