//! Where a line ends.

/// The end of the line that begins at `from`: its line feed, or the buffer's end. A line feed between a field's
/// quotes or behind a backslash doesn't end it, and that goes for comments too.
pub(crate) fn line_end(buffer: &[u8], from: usize) -> usize {
    let (mut quoted, mut in_fields) = (false, false);
    // A quote opens a string only behind a field's `=`: where there were more of them than commas.
    let (mut equals, mut commas) = (0_usize, 0_usize);
    let mut at = from;
    while let Some(&byte) = buffer.get(at) {
        match byte {
            b'\\' => {
                at += 2;
                continue;
            }
            b' ' => in_fields = true,
            b'=' if in_fields && !quoted => equals += 1,
            b',' if in_fields && !quoted => commas += 1,
            b'"' if in_fields && equals > commas => quoted = !quoted,
            b'\n' if !quoted => break,
            _ => {}
        }
        at += 1;
    }
    at.min(buffer.len())
}

/// The first byte from `from` on that is no white space.
pub(crate) fn skip_white(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let white = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | 0)).count();
    from + white
}
