//! Compares a server with InfluxDB 1.6.7, or records InfluxDB's answers.

#![allow(clippy::print_stdout, reason = "this is the command line")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use svcflow_compat::{
    Client, Error, Program, Recorded, Reference, Report, Result, Scenario, Server, Subject, folder,
};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Runs scenarios against influxd and a server, and shows where their answers differ.
    Run {
        /// Only scenarios whose name holds one of these.
        names: Vec<String>,
        /// A running server, as http://127.0.0.1:8086. It should be empty: every database in it is dropped.
        #[arg(long, env = "SVCFLOW_COMPAT_URL", conflicts_with = "binary")]
        url: Option<String>,
        /// The svcflow binary to start and compare.
        #[arg(long, env = "SVCFLOW_COMPAT_BINARY")]
        binary: Option<PathBuf>,
        /// Drops the databases that the server at --url has.
        #[arg(long)]
        wipe: bool,
        /// How many differences of each scenario to show.
        #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
        show: usize,
        /// Other random queries than the scenarios ask for.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Records influxd's answers, having checked that it gives the same ones again, and on other numbers of cores.
    Record {
        /// Only scenarios whose name holds one of these.
        names: Vec<String>,
    },
    /// Starts an empty influxd, prints its URL and waits for the end of standard input.
    Influxd,
}

fn main() -> ExitCode {
    match act(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            let mut told = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                told += &format!(": {cause}");
                source = cause.source();
            }
            eprintln!("{told}");
            ExitCode::from(2)
        }
    }
}

fn act(action: Action) -> Result<ExitCode> {
    match action {
        Action::Run { names, url, binary, wipe, show, seed } => {
            let subject = match (&url, binary) {
                (Some(_), _) => None,
                (None, Some(binary)) => Some(Program::Svcflow(binary).start()?),
                (None, None) => Some(Program::svcflow()?.start()?),
            };
            let base = subject.as_ref().map(Server::base).or(url.as_deref()).unwrap_or_default();
            let subject = Subject::Svcflow(base.trim_end_matches('/'));
            if !wipe {
                svcflow_compat::must_be_empty(&Client::default(), subject.base())?;
            }
            let mut scenarios = chosen(&names)?;
            if let Some(seed) = seed {
                scenarios = scenarios.into_iter().map(|one| one.with_seed(seed)).collect();
            }
            compare_all(&scenarios, subject, show)
        }
        Action::Record { names } => record_all(&names),
        Action::Influxd => {
            let server = influxd()?.start()?;
            println!("{}", server.base());
            let _ = std::io::read_to_string(std::io::stdin());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn influxd() -> Result<Program> {
    Program::influxd().ok_or_else(|| Error::Start {
        program: "influxd".to_owned(),
        fault: "not found: run scripts/servers".to_owned(),
    })
}

fn chosen(names: &[String]) -> Result<Vec<Scenario>> {
    let mut all = Scenario::read_all(&folder("scenarios"))?;
    all.retain(|one| names.is_empty() || names.iter().any(|name| one.name.contains(name)));
    Ok(all)
}

fn compare_all(scenarios: &[Scenario], subject: Subject<'_>, show: usize) -> Result<ExitCode> {
    let client = Client::default();
    let reference = influxd()?.start()?;
    let mut total = Report::default();
    for scenario in scenarios {
        let report =
            svcflow_compat::run(&client, scenario, Reference::Running(reference.base()), subject)?;
        println!(
            "== {}: {} requests, {} differ",
            scenario.name,
            report.steps,
            report.failures.len()
        );
        for failure in report.failures.iter().take(show) {
            println!("{failure}\n");
        }
        total.add(report);
    }
    println!("{}", total.summary());
    Ok(if total.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// influxd on one core and on several must agree, or the scenario hangs on something that is no contract.
fn record_all(names: &[String]) -> Result<ExitCode> {
    let client = Client::default();
    let first = influxd()?.start()?;
    let others = [influxd()?.start_on_cores(1)?, influxd()?.start_on_cores(7)?];
    let mut unstable = 0;
    for scenario in chosen(names)? {
        let mut steps = (0, 0);
        for other in &others {
            let reference = Reference::Running(first.base());
            let report =
                svcflow_compat::run(&client, &scenario, reference, Subject::Influxd(other.base()))?;
            unstable += report.failures.len();
            steps = (report.steps, report.queries);
            for failure in &report.failures {
                println!("influxd answers differently the second time: {failure}\n");
            }
        }
        if !scenario.live {
            let answers = svcflow_compat::answers(&client, &scenario, first.base())?;
            Recorded::write(&folder("recorded"), &scenario, &answers)?;
        }
        println!("== {}: {} requests, {} queries", scenario.name, steps.0, steps.1);
    }
    Ok(if unstable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
