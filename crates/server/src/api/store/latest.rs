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
        let mut found = [None; 4];
        while found.iter().any(Option::is_none)
            && let Some(chunk) = scan.next_chunk()?
        {
            chunk.decode(&mut block)?;
            for (counter, found) in found.iter_mut().enumerate() {
                let column = place(counter).and_then(|place| block.columns.get(place));
                *found =
                    found.or_else(|| (0..block.rows()).rev().find_map(|row| count(column, row)));
            }
        }
        // One without a counter is unknown, not zero.
        if let [Some(bytes_in), Some(bytes_out), Some(packets_in), Some(packets_out)] = found {
            let counters = Counters { bytes_in, bytes_out, packets_in, packets_out };
            samples.push(Sample { edge, counters, marks: Marks::default() });
        }
    }
    Ok(samples)
}
