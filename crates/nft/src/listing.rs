//! What is in the kernel under the table's name: read before adopting and when checking.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rustix::io::Errno;
use svcflow_netlink::{Builder, Message, SUBSYS_NFTABLES, Socket, flags, message_type};

use crate::layout::parse_set;
use crate::uapi::{INET, chain, message, rule, set, table};
use crate::{Error, Options, decode};

/// The table as found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) handle: u64,
    pub(crate) flags: u32,
    pub(crate) userdata: Vec<u8>,
    /// Names of our sets (anonymous ones left out).
    pub(crate) sets: Vec<String>,
    /// How many rules each chain has.
    pub(crate) rules: BTreeMap<String, usize>,
    /// Over the handles of everything: any change by anyone changes it.
    pub(crate) fingerprint: u64,
}

/// The number of the rule set's last change, by anyone in this network namespace.
pub(crate) fn generation(socket: &mut Socket) -> Result<u32, Error> {
    let mut request = Builder::new();
    begin(&mut request, socket, INET, (message::GETGEN, flags::ACK));
    let mut generation = 0;
    socket.request("get generation", request.bytes(), |message| -> Result<(), Error> {
        generation = decode::number32(message, 1)?; // NFTA_GEN_ID
        Ok(())
    })?;
    Ok(generation)
}

/// Whether the calling thread's network namespace has tables, of any family, with another name than
/// `ours`.
///
/// # Errors
/// Where netlink fails.
pub fn other_tables(ours: &str) -> Result<bool, Error> {
    let mut other = false;
    everywhere("list tables", message::GETTABLE, |message| {
        other |= decode::text(message, table::NAME)?.is_some_and(|name| name != ours);
        Ok(())
    })?;
    Ok(other)
}

/// The flowtables of the calling thread's network namespace: connections that they take over pass no
/// hook, so they are no longer counted. Empty where the kernel has none.
///
/// # Errors
/// Where netlink fails.
pub fn flowtables() -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let listed = everywhere("list flowtables", message::GETFLOWTABLE, |message| {
        names.extend(decode::text(message, FLOWTABLE_NAME)?.map(str::to_owned));
        Ok(())
    });
    match listed {
        Err(error) if matches!(error.errno(), Some(Errno::OPNOTSUPP | Errno::INVAL)) => Ok(names),
        other => other.map(|()| names),
    }
}

/// `NFTA_FLOWTABLE_NAME`
const FLOWTABLE_NAME: u16 = 2;

/// Dumps what there is in all families.
fn everywhere(
    operation: &'static str,
    number: u8,
    each: impl FnMut(&Message<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut socket = Socket::open(0)?;
    let mut request = Builder::new();
    let kind = message_type(SUBSYS_NFTABLES, number);
    request.begin(kind, flags::REQUEST | flags::DUMP, socket.next_sequence(), 0, 0);
    socket.dump(operation, request.bytes(), each)?;
    Ok(())
}

/// Reads the table; `None` where there is none.
pub(crate) fn list(socket: &mut Socket, options: &Options) -> Result<Option<Listing>, Error> {
    let (family, name) = (options.placement.family(), options.name.as_str());
    let mut listing = Listing::default();
    if !table_itself(socket, (family, name), &mut listing)? {
        return Ok(None);
    }
    let mut hasher = DefaultHasher::new();
    (listing.handle, listing.flags & crate::uapi::TABLE_DORMANT).hash(&mut hasher);
    dump(socket, "list chains", message::GETCHAIN, (family, chain::TABLE, name), |message| {
        if decode::text(message, chain::TABLE)? == Some(name) {
            let chain = decode::text(message, chain::NAME)?.unwrap_or_default();
            (chain, decode::number64(message, chain::HANDLE)?).hash(&mut hasher);
            listing.rules.entry(chain.to_owned()).or_default();
        }
        Ok(())
    })?;
    dump(socket, "list rules", message::GETRULE, (family, rule::TABLE, name), |message| {
        if decode::text(message, rule::TABLE)? == Some(name) {
            let chain = decode::text(message, rule::CHAIN)?.unwrap_or_default();
            (chain, decode::number64(message, rule::HANDLE)?).hash(&mut hasher);
            *listing.rules.entry(chain.to_owned()).or_default() += 1;
        }
        Ok(())
    })?;
    dump(socket, "list sets", message::GETSET, (family, set::TABLE, name), |message| {
        if decode::text(message, set::TABLE)? == Some(name) {
            let set = decode::text(message, set::NAME)?.unwrap_or_default();
            (set, decode::number64(message, set::HANDLE)?).hash(&mut hasher);
            if parse_set(set).is_some() {
                listing.sets.push(set.to_owned());
            }
        }
        Ok(())
    })?;
    listing.fingerprint = hasher.finish();
    Ok(Some(listing))
}

fn table_itself(
    socket: &mut Socket,
    (family, name): (u8, &str),
    listing: &mut Listing,
) -> Result<bool, Error> {
    let mut request = Builder::new();
    begin(&mut request, socket, family, (message::GETTABLE, flags::ACK));
    request.string(table::NAME, name);
    let answer = socket.request("get table", request.bytes(), |message| -> Result<(), Error> {
        listing.handle = decode::number64(message, table::HANDLE)?;
        listing.flags = decode::number32(message, table::FLAGS)?;
        listing.userdata = decode::raw(message, table::USERDATA)?.to_vec();
        Ok(())
    });
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.errno() == Some(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn begin(
    builder: &mut Builder,
    socket: &mut Socket,
    family: u8,
    (number, extra): (u8, u16),
) {
    let kind = message_type(SUBSYS_NFTABLES, number);
    builder.begin(kind, flags::REQUEST | extra, socket.next_sequence(), family, 0);
}

pub(crate) fn dump(
    socket: &mut Socket,
    operation: &'static str,
    number: u8,
    (family, attribute, text): (u8, u16, &str),
    each: impl FnMut(&Message<'_>) -> Result<(), Error>,
) -> Result<bool, Error> {
    let mut request = Builder::new();
    begin(&mut request, socket, family, (number, flags::DUMP));
    request.string(attribute, text);
    Ok(socket.dump(operation, request.bytes(), each)?.interrupted)
}
