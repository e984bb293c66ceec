//! Answers recorded from the reference, for machines without it: one zstd file of JSON lines per scenario.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Answer, Error, Result, Scenario, Step};

/// The answers of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    path: PathBuf,
    lines: Vec<Line>,
}

/// The answer of one step, and the step it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    step: String,
    answer: Answer,
}

/// Slow to pack, small: files are packed rarely and kept for good.
const LEVEL: i32 = 19;

impl Recorded {
    /// Where a scenario's answers are kept.
    pub fn path(folder: &Path, scenario: &Scenario) -> PathBuf {
        folder.join(&scenario.name).with_extension("jsonl.zst")
    }

    /// Reads a scenario's answers; `None` where none are recorded.
    ///
    /// # Errors
    /// Fails where the file can't be read or is no recording.
    pub fn read(folder: &Path, scenario: &Scenario) -> Result<Option<Recorded>> {
        let path = Self::path(folder, scenario);
        let packed = match std::fs::read(&path) {
            Ok(packed) => packed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("reading", path)(error)),
        };
        let text = zstd::decode_all(packed.as_slice()).map_err(Error::file("unpacking", &path))?;
        let lines = serde_json::Deserializer::from_slice(&text)
            .into_iter()
            .collect::<std::result::Result<_, _>>();
        match lines {
            Ok(lines) => Ok(Some(Recorded { path, lines })),
            Err(error) => Err(Error::Recorded { path, fault: error.to_string() }),
        }
    }

    /// The answer of the step with this index.
    ///
    /// # Errors
    /// Fails where the scenario has changed since it was recorded.
    pub fn answer(&self, index: usize, step: &Step) -> Result<&Answer> {
        match self.lines.get(index) {
            Some(line) if line.step == step.label => Ok(&line.answer),
            _ => {
                let fault = format!("no answer to step {index}: {}", step.label);
                Err(Error::Recorded { path: self.path.clone(), fault })
            }
        }
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Keeps the answers of a scenario's steps in the folder.
    ///
    /// # Errors
    /// Fails where the file can't be written.
    pub fn write(folder: &Path, scenario: &Scenario, answers: &[(Step, Answer)]) -> Result<()> {
        let path = Self::path(folder, scenario);
        let mut text = Vec::new();
        for (step, answer) in answers {
            let line = Line { step: step.label.clone(), answer: answer.clone() };
            serde_json::to_writer(&mut text, &line)
                .map_err(|error| Error::file("writing", &path)(error.into()))?;
            text.push(b'\n');
        }
        let packed =
            zstd::encode_all(text.as_slice(), LEVEL).map_err(Error::file("packing", &path))?;
        std::fs::create_dir_all(folder).map_err(Error::file("making", folder))?;
        std::fs::write(&path, packed).map_err(Error::file("writing", &path))
    }
}
