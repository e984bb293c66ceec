//! Elements, objects and listings out of the kernel's answers. Pure; hostile bytes give errors.

use std::net::IpAddr;

use svcflow_netlink::{Attribute, Attributes, DecodeError, Message};

use crate::layout::{Kind, Path, Place, Protocol, parse_set};
use crate::uapi::{DATA_VALUE, EXPR_DATA, LIST_ELEM, element, object};
use crate::{Count, Direction, Element};

/// `NFTA_SET_ELEM_EXPRESSIONS`, in place of `EXPR` where an element has several.
const ELEMENT_EXPRESSIONS: u16 = 11;

/// Hands over each element of one `NFT_MSG_NEWSETELEM` message; returns how many.
pub(crate) fn elements(
    message: &Message<'_>,
    of: (Kind, Place, Direction),
    each: &mut dyn FnMut(&Element),
) -> Result<u32, DecodeError> {
    let mut count = 0;
    for attribute in message.attributes()? {
        let attribute = attribute?;
        if attribute.kind != element::LIST_ELEMENTS {
            continue;
        }
        for item in attribute.nested() {
            let item = item?;
            if item.kind == LIST_ELEM {
                each(&element(item, of)?);
                count += 1;
            }
        }
    }
    Ok(count)
}

impl Element {
    /// Reads the elements of one raw message, as [`crate::Table::read_messages`] hands it over. Which
    /// set it belongs to, and so direction, protocol and place, is told by the set's name in it.
    ///
    /// # Errors
    /// Where the set isn't one of ours, or an element can't be read; those before it were handed over.
    pub fn decode(message: &Message<'_>, each: &mut dyn FnMut(&Self)) -> Result<u32, DecodeError> {
        let of = text(message, element::LIST_SET)?.and_then(parse_set);
        let of = of.ok_or(DecodeError {
            what: "elements of a set that isn't ours",
            offset: message.offset,
        })?;
        elements(message, of, each)
    }
}

fn element(item: Attribute<'_>, of: (Kind, Place, Direction)) -> Result<Element, DecodeError> {
    let mut key = None;
    let mut count = Count::default();
    for attribute in item.nested() {
        let attribute = attribute?;
        match attribute.kind {
            element::KEY => key = first(attribute.nested(), DATA_VALUE)?,
            element::EXPR => count = counter_expression(attribute)?,
            ELEMENT_EXPRESSIONS => {
                if let Some(inner) = first(attribute.nested(), LIST_ELEM)? {
                    count = counter_expression(inner)?;
                }
            }
            _ => {}
        }
    }
    let fault = DecodeError { what: "element whose key isn't its set's", offset: item.offset };
    key.and_then(|key| with_key(key.payload, of, count)).ok_or(fault)
}

fn with_key(key: &[u8], of: (Kind, Place, Direction), count: Count) -> Option<Element> {
    let (kind, place, direction) = of;
    let mut rest = key;
    let original_source = address(&mut rest, kind)?;
    let original_destination = address(&mut rest, kind)?;
    let (protocol, port, reply_source, reply_port) = match kind.protocol {
        Protocol::Ported(number) if kind.path == Path::Bridged => {
            let port = u16::from_be_bytes(padded(&mut rest)?);
            (number, port, original_destination, port)
        }
        Protocol::Ported(number) => {
            let port = u16::from_be_bytes(padded(&mut rest)?);
            let by = address(&mut rest, kind)?;
            (number, port, by, u16::from_be_bytes(padded(&mut rest)?))
        }
        Protocol::Other => {
            let by = address(&mut rest, kind)?;
            let [number] = padded(&mut rest)?;
            (number, 0, by, 0)
        }
    };
    rest.is_empty().then_some(Element {
        direction,
        translated: kind.path == Path::Translated,
        place: place.id(),
        protocol,
        original_source,
        original_destination,
        original_destination_port: port,
        reply_source,
        reply_source_port: reply_port,
        packets: count.packets,
        bytes: count.bytes,
    })
}

fn address(rest: &mut &[u8], kind: Kind) -> Option<IpAddr> {
    if kind.address_bytes() == 4 {
        padded::<4>(rest).map(IpAddr::from)
    } else {
        padded::<16>(rest).map(IpAddr::from)
    }
}

/// A field of `N` bytes and its padding to four.
fn padded<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let field = *rest.first_chunk::<N>()?;
    *rest = rest.get(N.next_multiple_of(4)..)?;
    Some(field)
}

fn first(attributes: Attributes<'_>, kind: u16) -> Result<Option<Attribute<'_>>, DecodeError> {
    for attribute in attributes {
        let attribute = attribute?;
        if attribute.kind == kind {
            return Ok(Some(attribute));
        }
    }
    Ok(None)
}

fn counter_expression(expression: Attribute<'_>) -> Result<Count, DecodeError> {
    first(expression.nested(), EXPR_DATA)?.map_or(Ok(Count::default()), counter)
}

/// `NFTA_COUNTER_BYTES` and `NFTA_COUNTER_PACKETS`.
fn counter(data: Attribute<'_>) -> Result<Count, DecodeError> {
    let mut count = Count::default();
    for attribute in data.nested() {
        let attribute = attribute?;
        match attribute.kind {
            object::BYTES => count.bytes = attribute.be_u64()?,
            object::PACKETS => count.packets = attribute.be_u64()?,
            _ => {}
        }
    }
    Ok(count)
}

/// A named counter of `NFT_MSG_NEWOBJ`.
pub(crate) fn counter_object<'a>(
    message: &Message<'a>,
) -> Result<Option<(&'a str, Count)>, DecodeError> {
    let (mut name, mut count) = (None, Count::default());
    for attribute in message.attributes()? {
        let attribute = attribute?;
        match attribute.kind {
            object::NAME => name = attribute.text(),
            object::DATA => count = counter(attribute)?,
            _ => {}
        }
    }
    Ok(name.map(|name| (name, count)))
}

/// What table, chain, rule and set listings have in common: texts and numbers by attribute.
pub(crate) fn text<'a>(message: &Message<'a>, kind: u16) -> Result<Option<&'a str>, DecodeError> {
    Ok(first(message.attributes()?, kind)?.and_then(|attribute| attribute.text()))
}

pub(crate) fn number64(message: &Message<'_>, kind: u16) -> Result<u64, DecodeError> {
    first(message.attributes()?, kind)?.map_or(Ok(0), |attribute| attribute.be_u64())
}

pub(crate) fn number32(message: &Message<'_>, kind: u16) -> Result<u32, DecodeError> {
    first(message.attributes()?, kind)?.map_or(Ok(0), |attribute| attribute.be_u32())
}

pub(crate) fn raw<'a>(message: &Message<'a>, kind: u16) -> Result<&'a [u8], DecodeError> {
    Ok(first(message.attributes()?, kind)?.map_or(&[], |attribute| attribute.payload))
}

#[cfg(test)]
mod tests {
    use svcflow_netlink::{Builder, Messages};

    use super::*;
    use crate::uapi::{EXPR_NAME, IPV4, IPV6};

    const PLACE: Place = Place { generation: 1, shard: 2 };

    fn message(key: &[u8]) -> Builder {
        let mut builder = Builder::new();
        builder.begin(0x0a0c, 0, 1, 1, 0);
        let list = builder.nest(element::LIST_ELEMENTS);
        let item = builder.nest(LIST_ELEM);
        let nest = builder.nest(element::KEY);
        builder.attribute(DATA_VALUE, key);
        builder.end(nest);
        let expression = builder.nest(element::EXPR);
        builder.string(EXPR_NAME, "counter");
        let data = builder.nest(EXPR_DATA);
        builder.be_u64(object::BYTES, 1_000);
        builder.be_u64(object::PACKETS, 10);
        builder.end(data);
        builder.end(expression);
        builder.end(item);
        builder.end(list);
        builder
    }

    fn decode(bytes: &[u8], kind: Kind) -> Result<Vec<Element>, DecodeError> {
        let mut found = Vec::new();
        for message in Messages::new(bytes) {
            elements(&message?, (kind, PLACE, Direction::In), &mut |e| found.push(e.clone()))?;
        }
        Ok(found)
    }

    #[test]
    fn an_element_is_read_whole() {
        let kind = Kind { family: IPV4, protocol: Protocol::Ported(6), path: Path::Translated };
        let key = [10, 0, 0, 1, 10, 9, 9, 9, 0, 80, 0, 0, 10, 0, 1, 2, 0x1f, 0x90, 0, 0];
        let found = decode(message(&key).bytes(), kind).unwrap();
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!(one.original_source, IpAddr::from([10, 0, 0, 1]));
        assert_eq!((one.original_destination_port, one.reply_source_port), (80, 8080));
        assert_eq!((one.packets, one.bytes, one.place), (10, 1_000, 0x1_0002));
    }

    #[test]
    fn an_element_of_a_bridge_is_a_direct_edge() {
        let kind = Kind { family: IPV4, protocol: Protocol::Ported(17), path: Path::Bridged };
        let found =
            decode(message(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 0]).bytes(), kind).unwrap();
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!((one.protocol, one.translated), (17, false));
        assert_eq!(one.reply_source, one.original_destination);
        assert_eq!((one.original_destination_port, one.reply_source_port), (53, 53));
    }

    #[test]
    fn truncated_and_flipped_bytes_never_panic() {
        let kind = Kind { family: IPV6, protocol: Protocol::Other, path: Path::Direct };
        let whole = message(&[7; 52]);
        assert_eq!(decode(whole.bytes(), kind).unwrap()[0].protocol, 7);
        for cut in 0..whole.bytes().len() {
            let _ = decode(&whole.bytes()[..cut], kind);
            for value in [0, 1, 3, 4, 0x7f, 0xff] {
                let mut hostile = whole.bytes().to_vec();
                hostile[cut] = value;
                let _ = decode(&hostile, kind);
            }
        }
        for length in 0..80 {
            assert_eq!(decode(message(&vec![1; length]).bytes(), kind).is_ok(), length == 52);
        }
    }
}
