//! What the store last had of an endpoint's edges.

use std::net::IpAddr;

use svcflow_model::{Counters, Marks, Sample};
use svcflow_store::{Block, FieldId, Order, ScanRequest, TimeRange};

use super::edges::edge_of;
use super::index::Known;
use super::scan::{ReadError, count, fields};
use super::{COUNTERS, TRAFFIC};

/// The cumulative counters of each of an endpoint's edges, of every node.
pub(in crate::api) fn latest(known: &Known, endpoint: IpAddr) -> Result<Vec<Sample>, ReadError> {
    let Some(snapshot) = &known.snapshot else { return Ok(Vec::new()) };
    let Some(measurement) = snapshot.measurement(TRAFFIC) else { return Ok(Vec::new()) };
    let there = fields(&measurement, COUNTERS)?;
    let fields: Vec<FieldId> = there.iter().flatten().copied().collect();
    let place = |counter: usize| {
        there.get(counter).copied().flatten()?;
        Some(there.iter().take(counter).flatten().count())
    };
    let series = measurement.series_with("EndpointIP", &endpoint.to_string());
    let mut scan = snapshot.scan(&ScanRequest {
        policy: None,
        series: &series,
        fields: &fields,
        range: TimeRange::ALL,
        order: Order::Descending,
    })?;
    let (mut samples, mut block) = (Vec::new(), Block::default());
    while let Some(series) = scan.next_series()? {
        let Some((_, edge)) = edge_of(measurement.tags(series)) else { continue };
        let Some(chunk) = scan.next_chunk()? else { continue };
        chunk.decode(&mut block)?;
        let Some(row) = block.rows().checked_sub(1) else { continue };
        let value = |counter| count(block.columns.get(place(counter)?), row);
        let [bytes_in, bytes_out, packets_in, packets_out] =
            [0, 1, 2, 3].map(|counter| value(counter).unwrap_or(0));
        let counters = Counters { bytes_in, bytes_out, packets_in, packets_out };
        samples.push(Sample { edge, counters, marks: Marks::default() });
    }
    Ok(samples)
}
