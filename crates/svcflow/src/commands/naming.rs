//! The names of a server: watched, gathered from its agents, stored as they change, and taken up at its start.

use std::time::Duration;

use svcflow_collector::Gatherer;
use svcflow_collector::names::Kept;
use svcflow_model::Timestamp;
use svcflow_store::Store;
use svcflow_topology::sources::{Hub, Source, system_now};
use svcflow_topology::{Names, Record};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::exit::CliError;

/// Changes that may wait for the store. Past it they are lost to the history, and the log says so: who reads names
/// never waits for the disk.
const WAITING_MAX: usize = 1_024;
/// Where the store fails, it is tried again after this, and then after twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// And at most after this.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// How often names are deleted whose samples are gone.
const PRUNE_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// What watches and stores names; ends with [`Naming::finish`].
pub(crate) struct Naming {
    hub: JoinHandle<()>,
    keeping: JoinHandle<()>,
}

impl Naming {
    /// Watches these sources and what agents say into `names`, on the running tokio runtime. What is stored in
    /// `database`, which must exist, is known from the start.
    pub(crate) fn start(
        store: &Store,
        database: &str,
        names: Names,
        mut sources: Vec<Box<dyn Source>>,
    ) -> Result<(Self, Gatherer), CliError> {
        let kept = Kept::open(store, database).map_err(CliError::Names)?;
        let known = kept.records().map_err(CliError::Names)?;
        let (gatherer, gathered) = Gatherer::new(&known);
        sources.extend(gathered);
        let mut hub = Hub::new(sources, names, system_now());
        let unknown = hub.restore(known);
        if unknown > 0 {
            tracing::warn!("{unknown} stored names are of sources past the 255th and not known");
        }
        let (records, inbox) = mpsc::channel(WAITING_MAX);
        let keep = move |changed: Vec<Record>| {
            if let Err(refused) = records.try_send(changed) {
                let lost = refused.into_inner().len();
                tracing::error!("{lost} changes of names are not stored: the store is too slow");
            }
        };
        let span = kept_for(store, database)?;
        let hub = tokio::spawn(hub.run(keep));
        let keeping = tokio::spawn(keep_all(kept, inbox, span));
        Ok((Self { hub, keeping }, gatherer))
    }

    /// Ends; what changed is stored first.
    pub(crate) async fn finish(self) {
        self.hub.abort();
        let _ = self.hub.await;
        if tokio::time::timeout(RETRY_MAX, self.keeping).await.is_err() {
            tracing::error!("the last changes of names are not stored: the store doesn't answer");
        }
    }
}

/// How long the database keeps samples, or the sums of them; `None`: for ever.
fn kept_for(store: &Store, database: &str) -> Result<Option<Duration>, CliError> {
    let policies = store.policies(database).map_err(CliError::Names)?;
    let Some(default) = policies.iter().find(|policy| policy.default) else { return Ok(None) };
    let into = default.rollup.as_ref().map(|rollup| &rollup.into);
    let sums = policies.iter().find(|policy| Some(&policy.spec.name) == into);
    let sums = sums.map_or(Some(Duration::ZERO), |policy| policy.spec.duration);
    Ok(default.spec.duration.zip(sums).map(|(rows, sums)| rows.max(sums)))
}

async fn keep_all(kept: Kept, mut inbox: mpsc::Receiver<Vec<Record>>, span: Option<Duration>) {
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    loop {
        tokio::select! {
            changed = inbox.recv() => match changed {
                Some(changed) => write(&kept, changed).await,
                None => return,
            },
            _ = prune.tick() => forget(&kept, span).await,
        }
    }
}

/// However long that takes: a failing disk is said, and tried again.
async fn write(kept: &Kept, changed: Vec<Record>) {
    let changed = std::sync::Arc::new(changed);
    let mut wait = RETRY_FIRST;
    loop {
        let (kept, changed) = (kept.clone(), std::sync::Arc::clone(&changed));
        let written = tokio::task::spawn_blocking(move || kept.write(&changed)).await;
        match written {
            Ok(Err(error)) => tracing::error!("can't store names, trying again: {error}"),
            // Ended early only where the process does.
            Ok(Ok(())) | Err(_) => return,
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(RETRY_MAX);
    }
}

async fn forget(kept: &Kept, span: Option<Duration>) {
    let Some(span) = span else { return };
    let nanoseconds = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    let before = Timestamp(system_now()().0.saturating_sub(nanoseconds));
    let kept = kept.clone();
    match tokio::task::spawn_blocking(move || kept.prune(before)).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(count)) => tracing::info!("{count} names are forgotten: their samples are gone"),
        Ok(Err(error)) => tracing::warn!("can't delete old names, tried again tomorrow: {error}"),
    }
}
