//! Arbitrary bytes as a recorded trace: it is replayed up to the fault, whatever the fault is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svcflow_model::{Observation, Timestamp};
use svcflow_source::TraceReader;

const MAGIC: &[u8] = b"svcflow-trace\0\x01\0";

fuzz_target!(|bytes: &[u8]| {
    replay(bytes);
    // Behind the magic, and behind the compression, which a fuzzer doesn't get through by itself.
    replay(&[MAGIC, bytes].concat());
    let compressed = zstd::encode_all(bytes, 1).expect("compression into memory");
    replay(&[MAGIC, &compressed].concat());
});

fn replay(trace: &[u8]) {
    if let Ok(mut reader) = TraceReader::new(trace) {
        let _ = reader.replay(&mut |_: Timestamp, _: &Observation| {});
    }
}
