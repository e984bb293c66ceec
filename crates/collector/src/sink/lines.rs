//! Line protocol to a file or to standard output.

use std::path::PathBuf;

use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;

use super::{NotSent, Sent, Target};
use crate::history::Later;
use crate::point::{Batch, write_lines};

/// Appends line protocol. A file is opened anew for each write, so that it may be moved away at any
/// time; it is synced before it is acknowledged. After a crash the last lines may stand there twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lines {
    /// To this file, made where it isn't there.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

impl Lines {
    async fn write(&self, text: &str) -> std::io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = tokio::io::stdout();
                out.write_all(text.as_bytes()).await?;
                out.flush().await
            }
            Self::File(path) => {
                let mut file = OpenOptions::new().create(true).append(true).open(path).await?;
                let length = file.metadata().await?.len();
                let written = file.write_all(text.as_bytes()).await;
                let synced = match written {
                    Ok(()) => file.flush().await.and(file.sync_data().await),
                    failed => failed,
                };
                if synced.is_err() {
                    // No half a line stays: the whole is written again.
                    let _ = file.set_len(length).await;
                }
                synced
            }
        }
    }
}

impl Target for Lines {
    fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Stdout => "stdout",
        }
    }

    fn send<'a>(&'a mut self, batches: &'a [Batch]) -> Later<'a, Result<Sent, NotSent>> {
        Box::pin(async move {
            let mut text = String::new();
            for batch in batches {
                write_lines(&mut text, batch, false, &|_, _| false);
            }
            let written = self.write(&text).await;
            written.map_err(|error| NotSent::Later(format!("can't write: {error}")))?;
            Ok(Sent::default())
        })
    }
}
