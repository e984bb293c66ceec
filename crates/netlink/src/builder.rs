/// Builds one or more netfilter messages in one buffer.
///
/// Lengths are patched in as attributes are added, so a message is whole at any time.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    bytes: Vec<u8>,
    /// Start of the message under construction.
    start: usize,
}

/// An open nest; give it back to [`Builder::end`].
#[derive(Debug)]
#[must_use = "a nest that isn't ended has no length"]
pub struct Nest(usize);

/// `NLA_F_NESTED`
const NESTED: u16 = 0x8000;

impl Builder {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a message: `nlmsghdr`, then `nfgenmsg` with `family` and `resource`.
    pub fn begin(&mut self, kind: u16, flags: u16, sequence: u32, family: u8, resource: u16) {
        self.start = self.bytes.len();
        self.bytes.extend_from_slice(&0_u32.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&flags.to_ne_bytes());
        self.bytes.extend_from_slice(&sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&0_u32.to_ne_bytes());
        // nfgenmsg: family, version (NFNETLINK_V0), resource id in network byte order.
        self.bytes.extend_from_slice(&[family, 0]);
        self.bytes.extend_from_slice(&resource.to_be_bytes());
        self.patch_message();
    }

    /// Adds an attribute. Values over 65,531 bytes can't be said in netlink and are cut there.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        let value = value.get(..usize::from(u16::MAX) - 4).unwrap_or(value);
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self.patch_message();
    }

    /// Adds one byte.
    pub fn u8(&mut self, kind: u16, value: u8) {
        self.attribute(kind, &[value]);
    }

    /// Adds a 16-bit number in network byte order.
    pub fn be_u16(&mut self, kind: u16, value: u16) {
        self.attribute(kind, &value.to_be_bytes());
    }

    /// Adds a 32-bit number in network byte order.
    pub fn be_u32(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    /// Adds a 64-bit number in network byte order.
    pub fn be_u64(&mut self, kind: u16, value: u64) {
        self.attribute(kind, &value.to_be_bytes());
    }

    /// Adds text with its NUL.
    pub fn string(&mut self, kind: u16, value: &str) {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    /// Opens a nest.
    pub fn nest(&mut self, kind: u16) -> Nest {
        let start = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        Nest(start)
    }

    /// Closes a nest.
    pub fn end(&mut self, nest: Nest) {
        let length = u16::try_from(self.bytes.len() - nest.0).unwrap_or(u16::MAX);
        if let Some(place) = self.bytes.get_mut(nest.0..nest.0 + 2) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
    }

    /// Forgets everything built and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Everything built so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn patch_message(&mut self) {
        let length = u32::try_from(self.bytes.len() - self.start).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(self.start..self.start + 4) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
    }
}
