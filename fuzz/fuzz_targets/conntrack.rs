//! Arbitrary bytes as a buffer of ctnetlink: each entry is read or refused, and prints.
#![no_main]

use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use svcflow_conntrack::{Entries, Filter};

fuzz_target!(|bytes: &[u8]| {
    let mut text = String::new();
    for (event, entry) in Entries::new(bytes).flatten() {
        text.clear();
        let _ = write!(text, "{event:?} {entry}");
        assert!(Filter::default().admits(&entry));
    }
    for error in Entries::new(bytes).filter_map(Result::err) {
        assert!(error.offset <= bytes.len(), "{error}");
    }
});
