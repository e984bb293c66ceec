//! Arbitrary bytes as what the store reads from disk, behind its checksums: the first byte says as what.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svcflow_store::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => fuzzing::chunk(bytes),
        1 => fuzzing::index_frame(bytes),
        _ => fuzzing::log_record(bytes),
    }
});
