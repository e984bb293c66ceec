//! A server's file: its own keys, and a table each for the collector, for sources of names, and for the agent
//! in the same process.

use std::path::Path;

use svcflow_settings::{DeValue, Faults, Walk};

use crate::exit::CliError;

/// What a server's file says.
#[derive(Debug, Default)]
pub(crate) struct ServerFile {
    pub(crate) server: svcflow_server::Config,
    /// `[collector]`, where it is there.
    pub(crate) collector: Option<svcflow_collector::config::Config>,
    /// `[names]`: where names come from besides the agents.
    pub(crate) names: svcflow_topology::sources::Settings,
    /// `[agent]`, for `svcflow standalone`.
    pub(crate) agent: Option<svcflow_agent::Config>,
}

impl ServerFile {
    /// Reads a file, or gives the defaults without one.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| CliError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, Some(path)).map_err(CliError::Config)
    }

    fn parse(text: &str, path: Option<&Path>) -> Result<Self, Faults> {
        let mut file = Self::default();
        let mut faults = Walk::document(text, |walk, key, value| {
            match (key, value) {
                ("collector", DeValue::Table(table)) => {
                    file.collector = Some(svcflow_collector::config::Config::walk(walk, table));
                }
                ("agent", DeValue::Table(table)) => {
                    let agent = file.agent.get_or_insert_default();
                    walk.table(table, |_, key, value| agent.set(key, value));
                }
                ("names", DeValue::Table(table)) => {
                    walk.table(table, |_, key, value| file.names.set(key, value));
                }
                ("collector" | "agent" | "names", _) => {
                    return Err(format!("expected a table: write `[{key}]`"));
                }
                _ => return file.server.set(key, value),
            }
            Ok(())
        });
        if faults.is_empty() {
            faults = file.server.faults();
            faults
                .extend(file.collector.iter().flat_map(svcflow_collector::config::Config::faults));
            faults.extend(file.agent.iter().flat_map(svcflow_agent::Config::faults));
        }
        Faults::or(file, faults, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_all_tables_come_together() {
        let text =
            "listen = 1\n[agent]\nnod = \"a\"\n[collector]\nagents = 3\n[names]\nfiles = \"x\"\n";
        let faults = ServerFile::parse(text, Some(Path::new("s.toml"))).unwrap_err().to_string();
        for expected in [
            "s.toml:1: `listen`",
            "s.toml:3: `nod`: unknown",
            "s.toml:5: `agents`",
            "s.toml:7: `files`: unknown key; the keys are file,",
        ] {
            assert!(faults.contains(expected), "{expected}\nnot in\n{faults}");
        }
        let text = "listen = \"0.0.0.0:1\"\n[agent]\nlisten = \"0.0.0.0:2\"\n[collector]\ntimeout = \"1h\"\n";
        let faults = ServerFile::parse(text, None).unwrap_err();
        assert_eq!(faults.faults.len(), 3, "{faults}");
    }

    #[test]
    fn the_files_of_the_move_from_contiv_are_right() {
        let manual = include_str!("../../../docs/contiv.md");
        let blocks: Vec<&str> =
            manual.split("```toml").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let [agent, server] = blocks.as_slice() else { panic!("{blocks:?}") };
        let agent = svcflow_agent::Config::parse(agent, None).unwrap();
        assert_eq!((agent.listen.port(), agent.netmaster.is_some()), (4000, true));
        let file = ServerFile::parse(server, None).unwrap();
        assert_eq!(file.names.sources().unwrap().len(), 1);
        assert_eq!(file.collector.unwrap().places().registries.len(), 1);
    }

    #[test]
    fn the_shipped_examples_are_one_file() {
        let server = include_str!("../../server/server.example.toml");
        let agent = include_str!("../../agent/agent.example.toml");
        let collector = include_str!("../../collector/collector.example.toml");
        let names = include_str!("../../topology/names.example.toml");
        let text = format!("{server}\n[agent]\n{agent}\n{collector}\n{names}");
        let file = ServerFile::parse(&text, None).unwrap();
        assert!(file.collector.is_some() && file.agent.is_some());
        let names = names.replace("# ", "");
        let lines = names.lines().filter(|line| line.contains(" = ") || line.starts_with('['));
        let all: String = lines.flat_map(|line| [line, "\n"]).collect();
        let settings = ServerFile::parse(&all, None).unwrap().names;
        assert!(
            settings.file.is_some() && settings.netmaster.is_some() && settings.docker.is_some()
        );
    }
}
