//! What was measured, side by side, with ratios and limits.

use std::fmt::Write;

use crate::Kind;

/// What a measurement of svcflow must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Nothing: shown for comparison.
    None,
    /// At most this, in the row's unit.
    AtMost(f64),
    /// At least this many times another server's.
    Times(Kind, f64),
    /// At most this part of another server's.
    Part(Kind, f64),
}

/// One measurement of each server.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was measured, with its unit.
    pub name: String,
    /// What it was, by server. Servers that were not measured are missing.
    pub values: Vec<(Kind, f64)>,
    /// What svcflow must reach.
    pub limits: Vec<Limit>,
}

/// All measurements of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// In the order they were taken.
    pub rows: Vec<Row>,
}

impl Row {
    /// What was measured of one server.
    pub fn value(&self, kind: Kind) -> Option<f64> {
        self.values.iter().find(|(of, _)| *of == kind).map(|(_, value)| *value)
    }

    /// Whether a limit is kept; `None` where it can't be said from what was measured.
    pub fn keeps(&self, limit: Limit) -> Option<bool> {
        let ours = self.value(Kind::Svcflow)?;
        match limit {
            Limit::None => None,
            Limit::AtMost(most) => Some(ours <= most),
            Limit::Times(other, times) => Some(ours >= self.value(other)? * times),
            Limit::Part(other, part) => Some(ours <= self.value(other)? * part),
        }
    }

    fn verdicts(&self) -> String {
        let told = |limit: &Limit| {
            let what = match limit {
                Limit::None => return None,
                Limit::AtMost(most) => format!("<= {most}"),
                Limit::Times(kind, times) => format!(">= {times} x {}", kind.name()),
                Limit::Part(kind, part) => format!("<= {part:.3} x {}", kind.name()),
            };
            let verdict = match self.keeps(*limit) {
                Some(true) => "kept",
                Some(false) => "MISSED",
                None => "not measured",
            };
            Some(format!("{what}: {verdict}"))
        };
        self.limits.iter().filter_map(told).collect::<Vec<_>>().join("; ")
    }
}

impl Table {
    /// Adds one server's value to the row of this name, making it where it is new.
    pub fn add(&mut self, name: &str, kind: Kind, value: f64, limits: &[Limit]) {
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.values.push((kind, value)),
            None => self.rows.push(Row {
                name: name.to_owned(),
                values: vec![(kind, value)],
                limits: limits.to_vec(),
            }),
        }
    }

    /// The limits that are missed, as text.
    pub fn missed(&self) -> Vec<String> {
        let misses = |row: &&Row| row.limits.iter().any(|limit| row.keeps(*limit) == Some(false));
        self.rows
            .iter()
            .filter(misses)
            .map(|row| format!("{}: {}", row.name, row.verdicts()))
            .collect()
    }

    /// The table as text: a column for each server, the ratio of svcflow to each other, the limits.
    pub fn text(&self, kinds: &[Kind]) -> String {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let mut text = format!("{:width$}", "");
        for kind in kinds {
            // Writing into a String can't fail.
            let _ = write!(text, " {:>20}", kind.name());
        }
        text.push_str("  limits\n");
        for row in &self.rows {
            let _ = write!(text, "{:width$}", row.name);
            for kind in kinds {
                let _ = write!(text, " {:>20}", row.cell(*kind));
            }
            let _ = writeln!(text, "  {}", row.verdicts());
        }
        text
    }
}

impl Row {
    /// A value, and for another server how many times svcflow's it is.
    fn cell(&self, kind: Kind) -> String {
        let Some(value) = self.value(kind) else { return "-".to_owned() };
        let ratio = self.value(Kind::Svcflow).filter(|ours| kind != Kind::Svcflow && *ours > 0.0);
        let shown = if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") };
        ratio.map_or(shown.clone(), |ours| format!("{shown} ({:.2}x)", value / ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, theirs: f64, limit: Limit) -> Option<bool> {
        let mut table = Table::default();
        table.add("x", Kind::Svcflow, ours, &[limit]);
        table.add("x", Kind::Influxd, theirs, &[]);
        table.rows[0].keeps(limit)
    }

    #[test]
    fn limits_are_kept_or_missed() {
        assert_eq!(row(6.5, 9.0, Limit::AtMost(6.5)), Some(true));
        assert_eq!(row(6.6, 9.0, Limit::AtMost(6.5)), Some(false));
        assert_eq!(row(500.0, 100.0, Limit::Times(Kind::Influxd, 5.0)), Some(true));
        assert_eq!(row(499.0, 100.0, Limit::Times(Kind::Influxd, 5.0)), Some(false));
        assert_eq!(row(10.0, 100.0, Limit::Part(Kind::Influxd, 0.1)), Some(true));
        assert_eq!(row(11.0, 100.0, Limit::Part(Kind::Influxd, 0.1)), Some(false));
        assert_eq!(row(1.0, 1.0, Limit::Times(Kind::VictoriaMetrics, 2.0)), None);
    }

    #[test]
    fn what_is_missed_is_said() {
        let mut table = Table::default();
        table.add("slow", Kind::Svcflow, 40.0, &[Limit::AtMost(30.0)]);
        table.add("quick", Kind::Svcflow, 20.0, &[Limit::AtMost(30.0)]);
        assert_eq!(table.missed(), ["slow: <= 30: MISSED"]);
        assert!(table.text(&[Kind::Svcflow, Kind::Influxd]).contains("kept"));
    }
}
