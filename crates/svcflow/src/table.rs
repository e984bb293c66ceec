//! A plain table: columns as wide as their widest cell, numbers to the right, colour only in the header.

/// One column's heading and side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'t> {
    pub(crate) title: &'t str,
    pub(crate) right: bool,
}

/// A column of text.
pub(crate) const fn left(title: &str) -> Column<'_> {
    Column { title, right: false }
}

/// A column of numbers.
pub(crate) const fn right(title: &str) -> Column<'_> {
    Column { title, right: true }
}

/// Lays the rows out; a row shorter than the columns has empty cells at its end.
pub(crate) fn render(columns: &[Column<'_>], rows: &[Vec<String>], colour: bool) -> String {
    let width = |(index, column): (usize, &Column<'_>)| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
        cells.chain([column.title.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(width).collect();
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    let header = line(columns, &widths, &titles);
    let mut text = if colour { format!("\x1b[1m{header}\x1b[0m\n") } else { format!("{header}\n") };
    for row in rows {
        text.push_str(&line(columns, &widths, row));
        text.push('\n');
    }
    text
}

fn line(columns: &[Column<'_>], widths: &[usize], cells: &[String]) -> String {
    let mut text = String::new();
    for (index, (column, &width)) in columns.iter().zip(widths).enumerate() {
        let cell = cells.get(index).map_or("", String::as_str);
        if index > 0 {
            text.push_str("  ");
        }
        text += &if column.right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_left_numbers_right_no_trailing_space() {
        let rows =
            vec![vec!["11.1.1.2".into(), "1.00 MB".into()], vec!["fd00:1::2".into(), "9 B".into()]];
        let table = render(&[left("ENDPOINT"), right("IN")], &rows, false);
        assert_eq!(table, "ENDPOINT        IN\n11.1.1.2   1.00 MB\nfd00:1::2      9 B\n");
        assert!(render(&[left("A")], &[], true).starts_with("\x1b[1m"));
    }
}
