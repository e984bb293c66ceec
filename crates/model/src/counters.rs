use serde::{Deserialize, Serialize};

/// Cumulative traffic of an edge or a connection. Bytes are IP bytes, headers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes towards the endpoint.
    pub bytes_in: u64,
    /// Bytes from the endpoint.
    pub bytes_out: u64,
    /// Packets towards the endpoint.
    pub packets_in: u64,
    /// Packets from the endpoint.
    pub packets_out: u64,
}

impl Counters {
    /// No traffic at all.
    pub const ZERO: Self = Self { bytes_in: 0, bytes_out: 0, packets_in: 0, packets_out: 0 };

    /// What was added since `earlier`, or `None` where any of the four went down: then these are the
    /// counters of something else, and the caller must treat them as new.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        Some(Self {
            bytes_in: self.bytes_in.checked_sub(earlier.bytes_in)?,
            bytes_out: self.bytes_out.checked_sub(earlier.bytes_out)?,
            packets_in: self.packets_in.checked_sub(earlier.packets_in)?,
            packets_out: self.packets_out.checked_sub(earlier.packets_out)?,
        })
    }

    /// Adds `more`. Saturates: at 64 bits a wrap would take a century at 1 Tbit/s, and a total that
    /// stands still is less wrong than one that starts over.
    pub fn add(&mut self, more: &Self) {
        self.bytes_in = self.bytes_in.saturating_add(more.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(more.bytes_out);
        self.packets_in = self.packets_in.saturating_add(more.packets_in);
        self.packets_out = self.packets_out.saturating_add(more.packets_out);
    }

    /// The greater of each counter: how two readings of one cumulative counter merge.
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        Self {
            bytes_in: self.bytes_in.max(other.bytes_in),
            bytes_out: self.bytes_out.max(other.bytes_out),
            packets_in: self.packets_in.max(other.packets_in),
            packets_out: self.packets_out.max(other.packets_out),
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_went_down_is_not_a_difference() {
        let earlier = Counters { bytes_in: 10, bytes_out: 10, packets_in: 1, packets_out: 1 };
        let later =
            Counters { bytes_in: 1_000_010, bytes_out: 10_010, packets_in: 9, packets_out: 5 };
        let gained =
            Counters { bytes_in: 1_000_000, bytes_out: 10_000, packets_in: 8, packets_out: 4 };
        assert_eq!(later.since(&earlier), Some(gained));
        assert_eq!(earlier.since(&later), None);
        assert_eq!(
            Counters { bytes_in: 9, ..later }.since(&earlier),
            None,
            "one of four is enough"
        );
    }
}
