//! The table's parts as messages of one atomic batch.

use std::collections::BTreeMap;
use std::time::Duration;

use svcflow_netlink::{Builder, SUBSYS_NFTABLES, flags, message_type};

use crate::expression::{ANONYMOUS_MAP, Expressions, Hash, named, verdict};
use crate::layout::{
    COUNTERS, Field, Kind, Path, Place, Placement, Protocol, RELATED, TURNED_AWAY_DIRECT,
    TURNED_AWAY_TRANSLATED, UNCLASSIFIED, family_name, protocol_chain,
};
use crate::uapi::{
    BATCH_BEGIN, BATCH_END, GOTO, IPV4, IPV6, JUMP, LIST_ELEM, RETURN, chain, ct, element, message,
    meta, object, rule, set, table,
};
use crate::{Direction, Options};

/// `ip_conntrack_info` bits as `ct state` shows them: invalid 1, related 4, untracked 64.
const STATE_INVALID_UNTRACKED: u32 = 0x41;
const STATE_RELATED: u32 = 0x4;
/// `IPS_DST_NAT` of `include/uapi/linux/netfilter/nf_conntrack_common.h`
const STATUS_DNAT: u32 = 0x20;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// The loopback interface is number 1 in every network namespace.
const LOOPBACK: u32 = 1;
/// Any fixed number: shards of a generation must not move.
const SEED: u32 = 0x5eed_f10e;

/// How sets are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetOptions {
    pub(crate) size: u32,
    pub(crate) timeout: Duration,
}

/// Messages that are applied together or not at all.
pub(crate) struct Batch<'a> {
    placement: Placement,
    table: &'a str,
    builder: Builder,
    sequence: u32,
    set_id: u32,
    /// How many rules each of its chains got.
    rules: BTreeMap<String, usize>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(options: &'a Options, sequence: u32) -> Self {
        let mut builder = Builder::new();
        builder.begin(BATCH_BEGIN, flags::REQUEST, sequence, 0, u16::from(SUBSYS_NFTABLES));
        let (placement, table) = (options.placement, options.name.as_str());
        Self { placement, table, builder, sequence, set_id: 0, rules: BTreeMap::new() }
    }

    /// Ends it with a message that changes nothing and asks for the ack: kernels before 6.10
    /// acknowledge no end of a batch.
    pub(crate) fn finish(mut self) -> Builder {
        let name = self.table;
        self.message(message::NEWTABLE, flags::ACK).string(table::NAME, name);
        self.end()
    }

    /// Deletes the table and ends the batch.
    pub(crate) fn finish_deleted(mut self) -> Builder {
        self.delete_table(flags::ACK);
        self.end()
    }

    fn end(mut self) -> Builder {
        let end = (flags::REQUEST, self.sequence, 0, u16::from(SUBSYS_NFTABLES));
        self.builder.begin(BATCH_END, end.0, end.1, end.2, end.3);
        self.builder
    }

    fn message(&mut self, number: u8, extra: u16) -> &mut Builder {
        let kind = message_type(SUBSYS_NFTABLES, number);
        self.builder.begin(kind, flags::REQUEST | extra, self.sequence, self.placement.family(), 0);
        &mut self.builder
    }

    /// Creates the table, or takes it over.
    pub(crate) fn table(&mut self, table_flags: u32, userdata: Option<&[u8]>) {
        let name = self.table;
        let builder = self.message(message::NEWTABLE, flags::CREATE);
        builder.string(table::NAME, name);
        builder.be_u32(table::FLAGS, table_flags);
        if let Some(userdata) = userdata {
            builder.attribute(table::USERDATA, userdata);
        }
    }

    pub(crate) fn delete_table(&mut self, extra: u16) {
        let name = self.table;
        self.message(message::DELTABLE, extra).string(table::NAME, name);
    }

    /// Everything but the table itself, one shard per kind. `epoch` tells a bridge table's place.
    pub(crate) fn contents(&mut self, options: SetOptions, epoch: u64) {
        self.objects();
        match self.placement {
            Placement::Inet => self.inet(options, |_| (0, 1)),
            Placement::Bridge => self.bridged(options, Place::of_bridge(epoch)),
        }
    }

    fn objects(&mut self) {
        for name in COUNTERS {
            self.counter_object(name);
        }
        for kind in Kind::all(self.placement) {
            self.counter_object(&kind.chain());
        }
    }

    fn inet(&mut self, options: SetOptions, shards: impl Fn(Kind) -> (u16, u16)) {
        for (name, hook, priority) in HOOKS {
            self.base_chain(name, hook, priority);
        }
        for name in plain_chains() {
            self.chain(&name);
        }
        for kind in Kind::all(self.placement) {
            let (generation, count) = shards(kind);
            self.grow(kind, generation, count, options);
        }
        self.base_rules();
    }

    /// New sets, chains and rules for `kind`, in place of what its chain said before.
    pub(crate) fn grow(&mut self, kind: Kind, generation: u16, shards: u16, options: SetOptions) {
        let places = (0..shards).map(|shard| Place { generation, shard });
        for place in places {
            self.chain(&kind.leaf(place));
            for direction in [Direction::Out, Direction::In] {
                self.counting_set(kind, place, direction, options);
                self.count_rule(kind, place, direction);
            }
            let turned_away = match kind.path {
                Path::Translated => TURNED_AWAY_TRANSLATED,
                Path::Direct | Path::Bridged => TURNED_AWAY_DIRECT,
            };
            self.rule(&kind.leaf(place), |rule| {
                rule.counter(turned_away);
            });
        }
        self.spread(kind, generation, shards);
    }

    fn spread(&mut self, kind: Kind, generation: u16, shards: u16) {
        let chain = kind.chain();
        // Tells a read which sets can be empty only: an empty set's dump costs 15 us.
        self.rule(&chain, |rule| {
            rule.counter(&chain);
        });
        if shards > 1 {
            let map = self.shard_map(kind, generation, shards);
            let hash = Hash { modulus: u32::from(shards), seed: SEED };
            self.rule(&chain, |rule| {
                rule.hash_to(&kind.addresses(), hash, map);
            });
        }
        // A packet that is still in the old rules when new ones take their place finds the old map
        // empty: the kernel asks an element's generation at the lookup, not at the rules' start. It is
        // counted in the first shard then; without this, one packet was lost in 4 of 60 test runs.
        let first = kind.leaf(Place { generation, shard: 0 });
        self.rule(&chain, |rule| {
            rule.verdict(GOTO, Some(&first));
        });
    }

    /// Removes all rules of a chain; it is then empty, not gone.
    pub(crate) fn flush_chain(&mut self, name: &str) {
        let table = self.table;
        let builder = self.message(message::DELRULE, 0);
        builder.string(rule::TABLE, table);
        builder.string(rule::CHAIN, name);
    }

    pub(crate) fn delete_chain(&mut self, name: &str) {
        let table = self.table;
        let builder = self.message(message::DELCHAIN, 0);
        builder.string(chain::TABLE, table);
        builder.string(chain::NAME, name);
    }

    pub(crate) fn delete_set(&mut self, name: &str) {
        let table = self.table;
        let builder = self.message(message::DELSET, 0);
        builder.string(set::TABLE, table);
        builder.string(set::NAME, name);
    }

    fn counter_object(&mut self, name: &str) {
        let table = self.table;
        let builder = self.message(message::NEWOBJ, flags::CREATE);
        builder.string(object::TABLE, table);
        builder.string(object::NAME, name);
        builder.be_u32(object::TYPE, object::COUNTER);
        let data = builder.nest(object::DATA);
        builder.end(data);
    }

    pub(crate) fn base_chain(&mut self, name: &str, hook: u32, priority: i32) {
        let table = self.table;
        let builder = self.message(message::NEWCHAIN, flags::CREATE);
        builder.string(chain::TABLE, table);
        builder.string(chain::NAME, name);
        let nest = builder.nest(chain::HOOK);
        builder.be_u32(chain::HOOK_NUM, hook);
        builder.attribute(chain::HOOK_PRIORITY, &priority.to_be_bytes());
        builder.end(nest);
        builder.be_u32(chain::POLICY, 1); // NF_ACCEPT
        builder.string(chain::TYPE, "filter");
    }

    pub(crate) fn chain(&mut self, name: &str) {
        self.rules.entry(name.to_owned()).or_default();
        let table = self.table;
        let builder = self.message(message::NEWCHAIN, flags::CREATE);
        builder.string(chain::TABLE, table);
        builder.string(chain::NAME, name);
    }

    pub(crate) fn rule(&mut self, chain: &str, body: impl FnOnce(&mut Expressions<'_>)) {
        *self.rules.entry(chain.to_owned()).or_default() += 1;
        let table = self.table;
        let builder = self.message(message::NEWRULE, flags::CREATE | flags::APPEND);
        builder.string(rule::TABLE, table);
        builder.string(rule::CHAIN, chain);
        let nest = builder.nest(rule::EXPRESSIONS);
        body(&mut Expressions(builder));
        builder.end(nest);
    }

    pub(crate) fn counting_set(
        &mut self,
        kind: Kind,
        place: Place,
        direction: Direction,
        options: SetOptions,
    ) {
        let builder = self.set(&kind.set(place, direction), &kind.fields(direction), options);
        let nest = builder.nest(set::EXPR);
        named(builder, "counter", |_| {});
        builder.end(nest);
    }

    /// A dynamic set whose elements go after a time.
    pub(crate) fn set(
        &mut self,
        name: &str,
        fields: &[Field],
        options: SetOptions,
    ) -> &mut Builder {
        self.set_id += 1;
        let (table, id) = (self.table, self.set_id);
        let key_type = fields.iter().fold(0_u32, |all, field| (all << 6) | field.data_type);
        let key_bytes = fields.iter().map(|field| field.bytes.next_multiple_of(4)).sum();
        let timeout = u64::try_from(options.timeout.as_millis()).unwrap_or(u64::MAX);
        let builder = self.message(message::NEWSET, flags::CREATE);
        builder.string(set::TABLE, table);
        builder.string(set::NAME, name);
        builder.be_u32(set::FLAGS, set::FLAG_DYNAMIC_TIMEOUT);
        builder.be_u32(set::KEY_TYPE, key_type);
        builder.be_u32(set::KEY_LEN, key_bytes);
        builder.be_u32(set::ID, id);
        let nest = builder.nest(set::DESC);
        builder.be_u32(set::DESC_SIZE, options.size);
        builder.end(nest);
        builder.be_u64(set::TIMEOUT, timeout);
        builder
    }

    fn shard_map(&mut self, kind: Kind, generation: u16, shards: u16) -> u32 {
        self.set_id += 1;
        let (table, id) = (self.table, self.set_id);
        let builder = self.message(message::NEWSET, flags::CREATE);
        builder.string(set::TABLE, table);
        builder.string(set::NAME, ANONYMOUS_MAP);
        builder.be_u32(set::FLAGS, set::FLAG_ANONYMOUS_MAP);
        builder.be_u32(set::KEY_TYPE, 4); // nft's TYPE_INTEGER
        builder.be_u32(set::KEY_LEN, 4);
        builder.be_u32(set::DATA_TYPE, set::DATA_VERDICT);
        builder.be_u32(set::DATA_LEN, 0);
        builder.be_u32(set::ID, id);
        let nest = builder.nest(set::DESC);
        builder.be_u32(set::DESC_SIZE, u32::from(shards));
        builder.end(nest);
        builder.attribute(set::USERDATA, &key_in_host_order());
        let builder = self.message(message::NEWSETELEM, flags::CREATE);
        builder.string(element::LIST_TABLE, table);
        builder.string(element::LIST_SET, ANONYMOUS_MAP);
        builder.be_u32(element::LIST_SET_ID, id);
        let list = builder.nest(element::LIST_ELEMENTS);
        for shard in 0..shards {
            let item = builder.nest(LIST_ELEM);
            let key = builder.nest(element::KEY);
            builder.attribute(crate::uapi::DATA_VALUE, &u32::from(shard).to_ne_bytes());
            builder.end(key);
            let leaf = kind.leaf(Place { generation, shard });
            verdict(builder, element::DATA, GOTO, Some(&leaf));
            builder.end(item);
        }
        builder.end(list);
        id
    }

    /// The protocol is asked again, though the chain above did: nft takes the type of a port from it.
    fn count_rule(&mut self, kind: Kind, place: Place, direction: Direction) {
        let set = kind.set(place, direction);
        self.rule(&kind.leaf(place), |rule| {
            if let Protocol::Ported(number) = kind.protocol {
                rule.meta_is(meta::L4PROTO, number);
            }
            rule.conntrack_is(ct::DIRECTION, u8::from(direction == Direction::In));
            rule.update(&set, &kind.fields(direction));
            rule.verdict(RETURN, None);
        });
    }

    fn base_rules(&mut self) {
        for (name, ..) in HOOKS {
            self.rule(name, |rule| {
                if name == "input" {
                    rule.interface_is_not(meta::IIF, LOOPBACK);
                }
                rule.verdict(JUMP, Some("count"));
            });
        }
        self.rule("count", |rule| {
            rule.conntrack_has(ct::STATE, STATE_INVALID_UNTRACKED)
                .verdict(GOTO, Some("not_tracked"));
        });
        for family in [IPV4, IPV6] {
            self.rule("count", |rule| {
                rule.meta_is(meta::NFPROTO, family).verdict(GOTO, Some(family_name(family)));
            });
            self.family_rules(family);
        }
        self.not_tracked_rules();
    }

    fn family_rules(&mut self, family: u8) {
        let family_chain = family_name(family);
        let icmp = if family == IPV4 { ICMP } else { ICMPV6 };
        for &protocol in Placement::Inet.protocols() {
            let chain = protocol_chain(family, protocol);
            if protocol == Protocol::Other {
                self.rule(family_chain, |rule| {
                    rule.meta_is(meta::L4PROTO, icmp)
                        .conntrack_has(ct::STATE, STATE_RELATED)
                        .counter(RELATED)
                        .verdict(RETURN, None);
                });
            }
            self.rule(family_chain, |rule| {
                if let Protocol::Ported(number) = protocol {
                    rule.meta_is(meta::L4PROTO, number);
                }
                rule.verdict(GOTO, Some(&chain));
            });
            let [translated, direct] = [Path::Translated, Path::Direct]
                .map(|path| Kind { family, protocol, path }.chain());
            self.rule(&chain, |rule| {
                rule.conntrack_has(ct::STATUS, STATUS_DNAT).verdict(GOTO, Some(&translated));
            });
            self.rule(&chain, |rule| {
                rule.verdict(GOTO, Some(&direct));
            });
        }
    }

    /// Neighbour discovery and multicast listeners (RFC 4861, 2710, 3810) are never tracked.
    fn not_tracked_rules(&mut self) {
        let icmpv6 = |rule: &mut Expressions<'_>| {
            rule.meta_is(meta::NFPROTO, IPV6).meta_is(meta::L4PROTO, ICMPV6);
        };
        self.rule("not_tracked", |rule| {
            icmpv6(rule);
            rule.icmpv6_type_within(130, 137).verdict(RETURN, None);
        });
        self.rule("not_tracked", |rule| {
            icmpv6(rule);
            rule.icmpv6_type_is(143).verdict(RETURN, None);
        });
        self.rule("not_tracked", |rule| {
            rule.counter(UNCLASSIFIED);
        });
    }
}

/// Name, hook (`enum nf_inet_hooks`) and priority: behind the filter's 0, so that only accepted
/// packets count, and on input and output before source NAT at 100.
const HOOKS: [(&str, u32, i32); 3] = [("input", 1, 50), ("forward", 2, 10), ("output", 3, 50)];

fn plain_chains() -> Vec<String> {
    let mut chains: Vec<String> =
        ["count", "not_tracked", "ipv4", "ipv6"].map(String::from).to_vec();
    for family in [IPV4, IPV6] {
        let protocols = Placement::Inet.protocols().iter();
        chains.extend(protocols.map(|&protocol| protocol_chain(family, protocol)));
    }
    chains.extend(Kind::all(Placement::Inet).map(Kind::chain));
    chains
}

/// How many rules each chain has, where `shards` says how many leaves each kind has.
pub(crate) fn expected_rules(
    options: &Options,
    shards: impl Fn(Kind) -> Option<(u16, u16)>,
) -> Option<BTreeMap<String, usize>> {
    let all: Vec<Kind> = Kind::all(options.placement).collect();
    let found = all.iter().map(|&kind| shards(kind)).collect::<Option<Vec<_>>>()?;
    let of = |kind| all.iter().zip(&found).find(|(k, _)| **k == kind).map_or((0, 1), |(_, s)| *s);
    // As it would be made, and not sent.
    let mut batch = Batch::new(options, 0);
    let any = SetOptions { size: 1, timeout: options.timeout };
    match options.placement {
        Placement::Inet => batch.inet(any, of),
        Placement::Bridge => batch.bridged(any, Place::of_bridge(0)),
    }
    Some(batch.rules)
}

/// A set's user data as nft writes it (libnftnl's `udata.h`): the key's and the data's byte order,
/// host and none, without which nft lists the hash's numbers turned round.
fn key_in_host_order() -> Vec<u8> {
    [(0_u8, 1_u32), (1, 0)]
        .into_iter()
        .flat_map(|(kind, value)| {
            let [a, b, c, d] = value.to_ne_bytes();
            [kind, 4, a, b, c, d]
        })
        .collect()
}
