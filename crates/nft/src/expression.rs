//! Rules, expression by expression, with the registers that nft itself would use: its listing
//! recognises a concatenation only so.

use svcflow_netlink::Builder;

use crate::layout::{Field, FieldSource};
use crate::uapi::{
    DATA_VALUE, DATA_VERDICT, EXPR_DATA, EXPR_NAME, IPV4, LIST_ELEM, VERDICT_CHAIN, VERDICT_CODE,
    cmp, dynset, meta, payload,
};

/// `NFT_REG_1`, the first of four registers of 16 bytes.
const REGISTER: u32 = 1;
/// `NFT_REG32_00`, which lies where `NFT_REG_1` does.
const REGISTER32: u32 = 8;

/// Adds expressions to a rule that is being built.
pub(crate) struct Expressions<'a>(pub(crate) &'a mut Builder);

impl Expressions<'_> {
    fn expression(&mut self, name: &str, body: impl FnOnce(&mut Builder)) -> &mut Self {
        let element = self.0.nest(LIST_ELEM);
        named(self.0, name, body);
        self.0.end(element);
        self
    }

    fn load(&mut self, field: Field, register: u32) -> &mut Self {
        match field.source {
            FieldSource::Meta(key) => self.expression("meta", |data| {
                data.be_u32(2, key);
                data.be_u32(1, register);
            }),
            FieldSource::Conntrack(key, direction) => self.expression("ct", |data| {
                data.be_u32(2, key);
                data.be_u32(1, register);
                data.u8(3, direction);
            }),
            FieldSource::Payload(header, offset) => self.expression("payload", |data| {
                data.be_u32(1, register);
                data.be_u32(2, header);
                data.be_u32(3, offset);
                data.be_u32(4, field.bytes);
            }),
        }
    }

    fn compare(&mut self, operator: u32, value: &[u8]) -> &mut Self {
        self.expression("cmp", |data| {
            data.be_u32(1, REGISTER);
            data.be_u32(2, operator);
            let nest = data.nest(3);
            data.attribute(DATA_VALUE, value);
            data.end(nest);
        })
    }

    fn conntrack(&mut self, key: u32) -> &mut Self {
        self.expression("ct", |data| {
            data.be_u32(2, key);
            data.be_u32(1, REGISTER);
        })
    }

    fn meta(&mut self, key: u32) -> &mut Self {
        let field = Field { source: FieldSource::Meta(key), data_type: 0, bytes: 0 };
        self.load(field, REGISTER)
    }

    fn transport(&mut self, offset: u32, bytes: u32) -> &mut Self {
        self.header(payload::TRANSPORT, offset, bytes)
    }

    fn header(&mut self, header: u32, offset: u32, bytes: u32) -> &mut Self {
        let source = FieldSource::Payload(header, offset);
        self.load(Field { source, data_type: 0, bytes }, REGISTER)
    }

    fn masked<const N: usize>(&mut self, mask: [u8; N]) -> &mut Self {
        self.expression("bitwise", |data| {
            data.be_u32(1, REGISTER);
            data.be_u32(2, REGISTER);
            data.be_u32(3, u32::try_from(N).unwrap_or_default());
            for (kind, value) in [(4, mask), (5, [0; N])] {
                let nest = data.nest(kind);
                data.attribute(DATA_VALUE, &value);
                data.end(nest);
            }
        })
    }

    pub(crate) fn meta_is(&mut self, key: u32, value: u8) -> &mut Self {
        self.meta(key).compare(cmp::EQ, &[value])
    }

    /// The protocol as the Ethernet header says it, in family `bridge`.
    pub(crate) fn family_is(&mut self, family: u8) -> &mut Self {
        let number: u16 = if family == IPV4 { 0x0800 } else { 0x86dd };
        self.meta(meta::PROTOCOL).compare(cmp::EQ, &number.to_be_bytes())
    }

    /// A fragment but the first. Of those the kernel takes payload for ports in family `bridge`.
    pub(crate) fn is_later_fragment(&mut self, family: u8) -> &mut Self {
        let (offset, mask) = if family == IPV4 {
            (self.header(payload::NETWORK, 6, 2), [0x1f, 0xff])
        } else {
            let offset = self.expression("exthdr", |data| {
                data.be_u32(1, REGISTER);
                data.u8(2, 44); // IPPROTO_FRAGMENT
                data.be_u32(3, 2);
                data.be_u32(4, 2);
            });
            (offset, [0xff, 0xf8])
        };
        offset.masked(mask).compare(cmp::NEQ, &[0; 2])
    }

    /// Of TCP's flags those in `mask` are `value`.
    pub(crate) fn tcp_flags_are(&mut self, mask: u8, value: u8) -> &mut Self {
        self.transport(13, 1).masked([mask]).compare(cmp::EQ, &[value])
    }

    pub(crate) fn tcp_sequence_is_zero(&mut self) -> &mut Self {
        self.transport(4, 4).compare(cmp::EQ, &[0; 4])
    }

    /// Interface indexes are in host byte order.
    pub(crate) fn interface_is_not(&mut self, key: u32, index: u32) -> &mut Self {
        self.meta(key).compare(cmp::NEQ, &index.to_ne_bytes())
    }

    pub(crate) fn conntrack_is(&mut self, key: u32, value: u8) -> &mut Self {
        self.conntrack(key).compare(cmp::EQ, &[value])
    }

    /// Any bit of `mask`, which is in host byte order.
    pub(crate) fn conntrack_has(&mut self, key: u32, mask: u32) -> &mut Self {
        self.conntrack(key).masked(mask.to_ne_bytes()).compare(cmp::NEQ, &[0; 4])
    }

    /// The ICMPv6 type, which is the first byte of the transport header.
    pub(crate) fn icmpv6_type_is(&mut self, value: u8) -> &mut Self {
        self.transport(0, 1).compare(cmp::EQ, &[value])
    }

    pub(crate) fn icmpv6_type_within(&mut self, low: u8, high: u8) -> &mut Self {
        self.transport(0, 1).compare(cmp::GTE, &[low]).compare(cmp::LTE, &[high])
    }

    /// Loads fields side by side, from the 32-bit register number `start`.
    fn concatenation(&mut self, fields: &[Field], start: u32) -> &mut Self {
        let mut word = start;
        for field in fields {
            self.load(*field, register(word));
            word += field.bytes.div_ceil(4);
        }
        self
    }

    /// `update @set { fields counter }`. On a full set it ends its rule, not its chain.
    pub(crate) fn update(&mut self, set: &str, fields: &[Field]) -> &mut Self {
        self.dynset(dynset::UPDATE, set, fields, true)
    }

    /// As [`Self::update`], of a set that counts nothing.
    pub(crate) fn learn(&mut self, set: &str, fields: &[Field]) -> &mut Self {
        self.dynset(dynset::UPDATE, set, fields, false)
    }

    pub(crate) fn unlearn(&mut self, set: &str, fields: &[Field]) -> &mut Self {
        self.dynset(dynset::DELETE, set, fields, false)
    }

    fn dynset(&mut self, op: u32, set: &str, fields: &[Field], counted: bool) -> &mut Self {
        self.concatenation(fields, 0).expression("dynset", |data| {
            data.be_u32(4, REGISTER);
            data.be_u32(3, op);
            data.string(1, set);
            if counted {
                let nest = data.nest(7);
                named(data, "counter", |_| {});
                data.end(nest);
            }
        })
    }

    /// `fields @set`
    pub(crate) fn known(&mut self, set: &str, fields: &[Field]) -> &mut Self {
        self.concatenation(fields, 0).expression("lookup", |data| {
            data.be_u32(2, REGISTER);
            data.string(1, set);
        })
    }

    /// `jhash fields mod modulus seed seed vmap @map`, the map being of the same batch.
    pub(crate) fn hash_to(&mut self, fields: &[Field], hash: Hash, map: u32) -> &mut Self {
        let bytes: u32 = fields.iter().map(|field| field.bytes.next_multiple_of(4)).sum();
        self.concatenation(fields, 4)
            .expression("hash", |data| {
                data.be_u32(1, register(4));
                data.be_u32(2, REGISTER);
                data.be_u32(3, bytes);
                data.be_u32(4, hash.modulus);
                data.be_u32(5, hash.seed);
                data.be_u32(7, 0); // NFT_HASH_JENKINS
            })
            .expression("lookup", |data| {
                data.be_u32(2, REGISTER);
                data.be_u32(3, 0); // NFT_REG_VERDICT
                data.string(1, ANONYMOUS_MAP);
                data.be_u32(4, map);
            })
    }

    pub(crate) fn counter(&mut self, name: &str) -> &mut Self {
        self.expression("objref", |data| {
            data.be_u32(1, crate::uapi::object::COUNTER);
            data.string(2, name);
        })
    }

    pub(crate) fn verdict(&mut self, code: i32, chain: Option<&str>) -> &mut Self {
        self.expression("immediate", |data| {
            data.be_u32(1, 0); // NFT_REG_VERDICT
            verdict(data, 2, code, chain);
        })
    }
}

/// `NFTA_HASH_MODULUS` and `NFTA_HASH_SEED`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash {
    pub(crate) modulus: u32,
    pub(crate) seed: u32,
}

/// The kernel puts a number in place of `%d`.
pub(crate) const ANONYMOUS_MAP: &str = "__map%d";

/// A verdict as data, inside attribute `kind`.
pub(crate) fn verdict(builder: &mut Builder, kind: u16, code: i32, chain: Option<&str>) {
    let nest = builder.nest(kind);
    let inner = builder.nest(DATA_VERDICT);
    builder.attribute(VERDICT_CODE, &code.to_be_bytes());
    if let Some(chain) = chain {
        builder.string(VERDICT_CHAIN, chain);
    }
    builder.end(inner);
    builder.end(nest);
}

/// An expression's name and data.
pub(crate) fn named(builder: &mut Builder, name: &str, body: impl FnOnce(&mut Builder)) {
    builder.string(EXPR_NAME, name);
    let data = builder.nest(EXPR_DATA);
    body(builder);
    builder.end(data);
}

/// The register of a 32-bit word, named as nft does: by its 16-byte register where it begins one.
const fn register(word: u32) -> u32 {
    if word.is_multiple_of(4) { REGISTER + word / 4 } else { REGISTER32 + word }
}
