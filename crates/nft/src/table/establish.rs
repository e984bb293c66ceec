//! Making the table, or taking it over from an earlier process.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::{Installed, Table, active, known_sets};
use crate::Error;
use crate::batch::{Batch, expected_rules};
use crate::listing::{self, Listing};
use crate::uapi::{TABLE_DORMANT, TABLE_OWNER, TABLE_PERSIST};

impl Table {
    /// Adopts the table that is there, or makes it.
    pub(super) fn establish(&mut self) -> Result<Installed, Error> {
        let Some(found) = listing::list(&mut self.socket, &self.options)? else {
            self.make(false)?;
            return Ok(Installed::Fresh);
        };
        let fault = self.unusable(&found);
        if let Some(reason) = fault {
            self.make(true)?;
            return Ok(Installed::Replaced { reason: reason.to_owned() });
        }
        self.adopt(&found)?;
        Ok(Installed::Adopted)
    }

    /// Why the table that is there can't be gone on with.
    fn unusable(&self, found: &Listing) -> Option<&'static str> {
        let Some((_, settings)) = comment(&found.userdata).and_then(parse_comment) else {
            return Some("it isn't ours");
        };
        if settings != self.settings() {
            return Some("it has another layout or other options");
        }
        let sets = known_sets(found);
        let expected = expected_rules(&self.options, |kind| active(&sets, kind));
        if found.flags & TABLE_DORMANT != 0 || expected.as_ref() != Some(&found.rules) {
            return Some("its chains, rules or sets were changed");
        }
        None
    }

    fn adopt(&mut self, found: &Listing) -> Result<(), Error> {
        // An orphan has `persist` alone and can be taken over only with both flags.
        if self.options.owner && !self.owned_by_us(found) && found.flags & TABLE_PERSIST != 0 {
            let options = self.options.clone();
            let mut batch = Batch::new(&options, self.socket.next_sequence());
            batch.table(TABLE_OWNER | TABLE_PERSIST, None);
            self.commit("take over table", &batch.finish())?;
            self.owned = true;
        } else if found.flags & TABLE_OWNER != 0 && !self.owned_by_us(found) {
            return Err(Error::Owned { name: self.full_name() });
        }
        self.remember()
    }

    fn owned_by_us(&self, found: &Listing) -> bool {
        self.owned && found.flags & TABLE_OWNER != 0 && found.handle == self.origin.handle
    }

    /// Makes the table, in one batch with deleting what is there.
    fn make(&mut self, replace: bool) -> Result<(), Error> {
        let id = random()?;
        self.owned = false;
        if self.options.owner {
            match self.make_with(id, TABLE_OWNER | TABLE_PERSIST, replace) {
                Ok(()) => {
                    self.owned = true;
                    return self.remember();
                }
                // Below 6.9 one of the flags is unknown; then without both.
                Err(error) if matches!(error.errno(), Some(Errno::OPNOTSUPP | Errno::INVAL)) => {}
                Err(error) => return Err(error),
            }
        }
        self.make_with(id, 0, replace)?;
        self.remember()
    }

    fn make_with(&mut self, id: u64, table_flags: u32, replace: bool) -> Result<(), Error> {
        let options = self.options.clone();
        let text = format!("svcflow epoch={id:016x} {}", self.settings());
        let mut batch = Batch::new(&options, self.socket.next_sequence());
        if replace {
            batch.delete_table(0);
        }
        batch.table(table_flags, Some(&as_comment(&text)));
        batch.contents(self.set_options(), id);
        self.commit("make table", &batch.finish())
    }
}

fn random() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    getrandom(&mut bytes[..], GetRandomFlags::empty())
        .map_err(|errno| Error::Random(errno.into()))?;
    Ok(u64::from_ne_bytes(bytes))
}

/// `NFTNL_UDATA_TABLE_COMMENT` of libnftnl's `udata.h`: type, length with NUL, text.
fn as_comment(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
    [&[0, length], text.as_bytes(), &[0]].concat()
}

/// The text of a table's comment.
pub(super) fn comment(userdata: &[u8]) -> Option<&str> {
    let [0, length, rest @ ..] = userdata else { return None };
    let text = rest.get(..usize::from(*length).checked_sub(1)?)?;
    std::str::from_utf8(text).ok()
}

/// The epoch and the settings of a comment of ours.
pub(super) fn parse_comment(text: &str) -> Option<(u64, String)> {
    let (epoch, settings) = text.strip_prefix("svcflow epoch=")?.split_once(' ')?;
    Some((u64::from_str_radix(epoch, 16).ok()?, settings.to_owned()))
}
