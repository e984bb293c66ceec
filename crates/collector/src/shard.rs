//! Which of several servers asks which agent: rendezvous hashing, so that every server finds the same
//! answer alone, and one more server takes over only its own share.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// This server's place among those that share the agents: `1/3` is the first of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u16,
    of: NonZeroU16,
}

impl Shard {
    /// The one server that asks everyone.
    pub const WHOLE: Self = Self { number: 1, of: NonZeroU16::MIN };

    /// Whether the agent with this key is this server's. The key must be the same text everywhere:
    /// the address as discovered, `HOST:PORT`.
    #[must_use]
    pub fn takes(&self, key: &str) -> bool {
        let weight = |number: u16| xxh3_64_with_seed(key.as_bytes(), u64::from(number));
        let winner = (1..=self.of.get()).max_by_key(|number| (weight(*number), *number));
        winner == Some(self.number)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Text that is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no shard: write \"1/3\" on the first of three servers")]
pub struct ParseShardError(String);

impl FromStr for Shard {
    type Err = ParseShardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseShardError(text.to_owned());
        let (number, of) = text.split_once('/').ok_or_else(fault)?;
        let number: u16 = number.trim().parse().map_err(|_| fault())?;
        let of: NonZeroU16 = of.trim().parse().map_err(|_| fault())?;
        if number == 0 || number > of.get() { Err(fault()) } else { Ok(Self { number, of }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(key: &str, of: u16) -> u16 {
        let shards = (1..=of).map(|n| format!("{n}/{of}").parse::<Shard>().unwrap());
        let takers: Vec<_> = shards.filter(|shard| shard.takes(key)).collect();
        assert_eq!(takers.len(), 1, "{key} has one server: {takers:?}");
        takers[0].number
    }

    #[test]
    fn every_agent_has_one_server_and_the_shares_are_even() {
        let mut shares = [0_u32; 3];
        let mut moved = 0;
        for agent in 0..3_000 {
            let key = format!("10.0.{}.{}:4000", agent / 250, agent % 250);
            let before = owner(&key, 3);
            shares[usize::from(before) - 1] += 1;
            let after = owner(&key, 4);
            assert!(after == before || after == 4, "agents move to the new server only");
            moved += u32::from(after != before);
        }
        assert!(shares.iter().all(|share| (900..1_100).contains(share)), "{shares:?}");
        assert!((650..850).contains(&moved), "a quarter moves: {moved}");
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        // Servers of different versions must agree: these were computed by this code's first version.
        let owners: Vec<_> = ["a:4000", "b:4000", "c:4000", "d:4000", "[::1]:4000"]
            .map(|key| owner(key, 3))
            .to_vec();
        assert_eq!(owners, [1, 2, 1, 2, 2]);
    }

    #[test]
    fn shards_are_read_and_printed() {
        assert_eq!("2/3".parse::<Shard>().unwrap().to_string(), "2/3");
        assert!(Shard::WHOLE.takes("anyone"));
        for wrong in ["", "0/3", "4/3", "1/0", "1", "a/b", "1/3/4", "-1/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
