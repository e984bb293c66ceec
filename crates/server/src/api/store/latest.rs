//! What the store last had of an endpoint's edges.

use std::net::IpAddr;

use svcflow_model::{Counters, Marks, Sample};
use svcflow_store::{Block, FieldId, Order, TimeRange};

use super::edges::edge_of;
use super::index::Known;
use super::scan::{ReadError, count};
use super::{COUNTERS, TRAFFIC};

/// The cumulative counters of each of an endpoint's edges, of every node.
pub(in crate::api) fn latest(known: &Known, endpoint: IpAddr) -> Result<Vec<Sample>, ReadError> {
    let Some(stored) = &known.stored else { return Ok(Vec::new()) };
    let Some(measurement) = stored.snapshot().measurement(TRAFFIC) else { return Ok(Vec::new()) };
    let mut left = measurement.series_with("EndpointIP", &endpoint.to_string());
    let (mut samples, mut block) = (Vec::new(), Block::default());
    for part in stored.parts(TimeRange::ALL).rev() {
        let there = part.policy.fields(&measurement, COUNTERS)?;
        let fields: Vec<FieldId> = there.iter().flatten().copied().collect();
        let places = there.map(|id| fields.iter().position(|field| Some(*field) == id));
        let mut scan = stored.scan(part, &left, &fields, Order::Descending)?;
        while let Some(series) = scan.next_series()? {
            let Some((_, edge)) = edge_of(measurement.tags(series)) else { continue };
            let mut found = [None; 4];
            while found.iter().any(Option::is_none)
                && let Some(chunk) = scan.next_chunk()?
            {
                chunk.decode(&mut block)?;
                for (place, found) in places.iter().zip(&mut found) {
                    let column = place.and_then(|place| block.columns.get(place));
                    let last = || (0..block.rows()).rev().find_map(|row| count(column, row));
                    *found = found.or_else(last);
                }
            }
            // One without a counter is unknown, not zero.
            if let [Some(bytes_in), Some(bytes_out), Some(packets_in), Some(packets_out)] = found {
                let counters = Counters { bytes_in, bytes_out, packets_in, packets_out };
                samples.push(Sample { edge, counters, marks: Marks::default() });
                left.remove(series.get());
            }
        }
    }
    Ok(samples)
}
