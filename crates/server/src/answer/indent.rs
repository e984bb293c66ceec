//! `pretty=true`: compact JSON spread over lines, four spaces deep, as Go's `MarshalIndent` does it.

/// Turns compact JSON into pretty JSON, part by part.
#[derive(Debug, Default)]
pub(super) struct Indent {
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// An opening bracket was last; nothing may follow it but its closing one.
    opened: bool,
}

impl Indent {
    pub(super) fn push(&mut self, compact: &[u8], out: &mut Vec<u8>) {
        for &byte in compact {
            if self.in_text {
                out.push(byte);
                self.in_text = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
                continue;
            }
            let closes = matches!(byte, b']' | b'}');
            match (std::mem::take(&mut self.opened), closes) {
                (true, false) => {
                    self.depth += 1;
                    self.line(out);
                }
                (false, true) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.line(out);
                }
                _ => {}
            }
            out.push(byte);
            match byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => self.opened = true,
                b',' => self.line(out),
                b':' => out.push(b' '),
                _ => {}
            }
        }
    }

    fn line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        out.resize(out.len() + 4 * self.depth, b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_whatever_parts_it_comes() {
        let compact = br#"{"results":[{"a":1,"b":"x,{[\"\\","c":[],"d":{}},2]}"#;
        let pretty = r#"{
    "results": [
        {
            "a": 1,
            "b": "x,{[\"\\",
            "c": [],
            "d": {}
        },
        2
    ]
}"#;
        for parts in 1..compact.len() {
            let (mut indent, mut out) = (Indent::default(), Vec::new());
            for part in compact.chunks(parts) {
                let mut pretty = Vec::new();
                indent.push(part, &mut pretty);
                out.append(&mut pretty);
            }
            assert_eq!(String::from_utf8(out).unwrap(), pretty);
        }
    }
}
