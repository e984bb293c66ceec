//! Arbitrary bytes as a message of nftables: its elements are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svcflow_netlink::{Builder, Message, Messages, SUBSYS_NFTABLES, message_type};
use svcflow_nft::Element;

/// `NFT_MSG_NEWSETELEM` of `include/uapi/linux/netfilter/nf_tables.h`.
const NEW_ELEMENT: u8 = 12;
/// `NFTA_SET_ELEM_LIST_SET`
const SET: u16 = 2;
/// One set per way of reading a key. A name that a fuzzer would have to guess hides what is behind it.
const SETS: [&str; 4] = [
    "ipv4_tcp_direct_0_0_out",
    "ipv4_udp_nat_1_2_in",
    "ipv6_tcp_direct_0_0_in",
    "ipv6_udp_nat_0_1_out",
];

fuzz_target!(|bytes: &[u8]| {
    let kind = message_type(SUBSYS_NFTABLES, NEW_ELEMENT);
    decode(&Message { kind, flags: 0, sequence: 0, payload: bytes, offset: 0 });
    for set in SETS {
        let mut builder = Builder::new();
        builder.begin(kind, 0, 0, 0, 0);
        builder.string(SET, set);
        let mut whole = builder.bytes().to_vec();
        whole.extend_from_slice(bytes);
        let length = u32::try_from(whole.len()).expect("a fuzzer's input is small");
        whole[..4].copy_from_slice(&length.to_ne_bytes());
        for message in Messages::new(&whole).flatten() {
            decode(&message);
        }
    }
});

fn decode(message: &Message<'_>) {
    let mut handed = 0_u32;
    match Element::decode(message, &mut |_| handed += 1) {
        Ok(count) => assert_eq!(count, handed),
        Err(error) => assert!(error.offset <= message.offset + message.payload.len(), "{error}"),
    }
}
