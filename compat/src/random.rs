//! Random queries over the data of `scenarios/random*.yaml`, the same ones for the same seed: combinations that
//! nobody would think of writing down.

/// Pseudo-random choices (xorshift64*), the same on every machine.
#[derive(Debug, Clone)]
struct Dice(u64);

const FIELDS: [&str; 5] = ["i", "f", "rare", "s", "b"];
const NUMBERS: [&str; 3] = ["i", "f", "rare"];
const TAGS: [&str; 3] = ["host", "zone", "rack"];
/// Without mode(): among values that are equally frequent, InfluxDB's depends on Go's sorting.
const AGGREGATES: [&str; 8] = ["count", "mean", "sum", "median", "spread", "stddev", "min", "max"];
const SELECTORS: [&str; 4] = ["first", "last", "min", "max"];
const TRANSFORMS: [&str; 6] = [
    "derivative",
    "non_negative_derivative",
    "difference",
    "non_negative_difference",
    "cumulative_sum",
    "elapsed",
];
const MATHS: [&str; 6] = ["abs", "ceil", "floor", "round", "sin", "atan"];
const INTERVALS: [&str; 8] = ["10s", "15s", "1m", "90s", "7s", "2m, 13s", "1m, -5s", "1h"];
const FILLS: [&str; 7] = [
    "",
    " fill(null)",
    " fill(none)",
    " fill(0)",
    " fill(-2.5)",
    " fill(previous)",
    " fill(linear)",
];
const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "Asia/Kolkata"];
/// First second of the data, and how many there are.
const START: u64 = 1_790_000_000;
const LENGTH: u64 = 400;

/// `count` queries of this seed.
pub(crate) fn queries(seed: u64, count: usize) -> Vec<String> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    // The first numbers of small seeds are alike.
    for _ in 0..16 {
        dice.next();
    }
    (0..count).map(|_| dice.query()).collect()
}

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn of(&mut self, options: &[&'static str]) -> &'static str {
        let index = usize::try_from(self.below(options.len() as u64)).unwrap_or_default();
        options.get(index).copied().unwrap_or_default()
    }

    fn query(&mut self) -> String {
        match self.below(10) {
            0..=1 => self.raw(),
            2..=5 => self.aggregates(),
            6 => self.selector(),
            7..=8 => self.transform(),
            _ => self.subquery(),
        }
    }

    fn raw(&mut self) -> String {
        let mut columns = Vec::new();
        for _ in 0..=self.below(3) {
            columns.push(match self.below(8) {
                0 => "*".to_owned(),
                1 => self.of(&TAGS).to_owned(),
                2 => format!("{}({})", self.of(&MATHS), self.of(&NUMBERS)),
                3 => self.arithmetic(NUMBERS.map(str::to_owned).as_slice()),
                _ => self.of(&FIELDS).to_owned(),
            });
        }
        let by = if self.chance(40) { format!(" GROUP BY {}", self.tags()) } else { String::new() };
        let (from, condition, end) = (self.from(), self.condition(), self.end());
        format!("SELECT {} FROM {from} WHERE {condition}{by}{end}", columns.join(", "))
    }

    fn aggregates(&mut self) -> String {
        let mut columns = Vec::new();
        for _ in 0..=self.below(3) {
            let mut column = self.aggregate();
            if self.chance(20) {
                let other = self.aggregate();
                column = self.arithmetic(&[column, other]);
            }
            columns.push(column);
        }
        let (from, condition) = (self.from(), self.condition());
        let (by, end) = (self.grouping(), self.end());
        format!("SELECT {} FROM {from} WHERE {condition}{by}{end}", columns.join(", "))
    }

    fn selector(&mut self) -> String {
        let field = self.of(&NUMBERS);
        let mut columns = vec![match self.below(4) {
            0 => format!("percentile({field}, {})", self.percent()),
            1 => format!("top({field}, {})", self.below(5) + 1),
            2 => format!("bottom({field}, {})", self.below(5) + 1),
            _ => format!("{}({field})", self.of(&SELECTORS)),
        }];
        for _ in 0..self.below(3) {
            let extra = if self.chance(50) { self.of(&TAGS) } else { self.of(&FIELDS) };
            columns.push(extra.to_owned());
        }
        let (from, condition) = ("m", self.condition());
        let (by, end) = (self.grouping(), self.end());
        format!("SELECT {} FROM {from} WHERE {condition}{by}{end}", columns.join(", "))
    }

    fn transform(&mut self) -> String {
        let name = self.of(&TRANSFORMS);
        let unit = if name.contains("derivative") || name == "elapsed" { ", 1s" } else { "" };
        let (from, condition) = (self.from(), self.condition());
        if self.chance(40) {
            let by =
                if self.chance(50) { format!(" GROUP BY {}", self.tags()) } else { String::new() };
            let (field, end) = (self.of(&NUMBERS), self.end());
            return format!("SELECT {name}({field}{unit}) FROM {from} WHERE {condition}{by}{end}");
        }
        let (inner, by, end) = (self.aggregate(), self.time_grouping(), self.end());
        format!("SELECT {name}({inner}{unit}) FROM {from} WHERE {condition}{by}{end}")
    }

    fn subquery(&mut self) -> String {
        let (inner, from, condition) = (self.aggregate(), self.from(), self.condition());
        let by = if self.chance(70) {
            self.time_grouping()
        } else {
            format!(" GROUP BY {}", self.tags())
        };
        let (outer, outer_by, end) = (self.of(&AGGREGATES), self.grouping(), self.end());
        // Wider than the inner query's: InfluxDB finds nothing where its first bucket begins before the outer range.
        let times = "time >= 1789999000s AND time < 1790000500s";
        format!(
            "SELECT {outer}(x) FROM (SELECT {inner} AS x FROM {from} WHERE {condition}{by}) WHERE {times}{outer_by}{end}"
        )
    }

    fn aggregate(&mut self) -> String {
        match self.below(8) {
            0 => format!("percentile({}, {})", self.of(&NUMBERS), self.percent()),
            1 => format!("count({})", self.of(&FIELDS)),
            2 => format!("{}({})", self.of(&["first", "last"]), self.of(&NUMBERS)),
            3 => format!("count(distinct({}))", self.of(&FIELDS)),
            _ => format!("{}({})", self.of(&AGGREGATES), self.of(&NUMBERS)),
        }
    }

    /// From 50 on even one value has a percentile: InfluxDB's answer ends at the first bucket that has none.
    fn percent(&mut self) -> u64 {
        50 + self.below(51)
    }

    fn arithmetic(&mut self, operands: &[String]) -> String {
        let index = usize::try_from(self.below(operands.len() as u64)).unwrap_or_default();
        let left = operands.get(index).cloned().unwrap_or_default();
        let right = match self.below(3) {
            0 => self.of(&["2", "0.5", "-3"]).to_owned(),
            _ => operands.last().cloned().unwrap_or_default(),
        };
        format!("{left} {} {right}", self.of(&["+", "-", "*", "/"]))
    }

    fn from(&mut self) -> &'static str {
        self.of(&["m", "m", "m", "m", "n", "m, n", "/^[mn]$/", "autogen.m"])
    }

    fn times(&mut self) -> String {
        let first = START + self.below(LENGTH / 2);
        let end = first + self.below(LENGTH) + 1;
        let (after, before) = (self.of(&[">=", ">"]), self.of(&["<", "<="]));
        format!("time {after} {first}s AND time {before} {end}s")
    }

    fn condition(&mut self) -> String {
        let mut condition = self.times();
        for _ in 0..self.below(2) {
            let (one, other) = (self.comparison(), self.comparison());
            let more = match self.below(3) {
                0 => format!("({one} OR {other})"),
                1 => format!("({one} AND {other})"),
                _ => one,
            };
            condition = format!("{condition} AND {more}");
        }
        condition
    }

    fn comparison(&mut self) -> String {
        match self.below(6) {
            0 => format!("host {} 'h{}'", self.of(&["=", "!="]), self.below(5)),
            1 => {
                format!("zone {} /{}/", self.of(&["=~", "!~"]), self.of(&["x", "^[xy]$", "z", "."]))
            }
            2 => format!("rack {} ''", self.of(&["=", "!="])),
            3 => format!("i {} {}", self.of(&[">", "<", ">=", "!="]), self.below(9000)),
            4 => format!("f {} {}.5", self.of(&[">", "<"]), self.below(900)),
            _ => format!("s {} 's{}'", self.of(&["=", "!="]), self.below(4)),
        }
    }

    fn tags(&mut self) -> String {
        self.of(&["host", "zone", "rack", "host, zone", "zone, rack", "*", "/^(host|rack)$/"])
            .to_owned()
    }

    fn time_grouping(&mut self) -> String {
        let tags = if self.chance(40) { format!(", {}", self.tags()) } else { String::new() };
        format!(" GROUP BY time({}){tags}{}", self.of(&INTERVALS), self.of(&FILLS))
    }

    fn grouping(&mut self) -> String {
        match self.below(4) {
            0 => String::new(),
            1 => format!(" GROUP BY {}", self.tags()),
            _ => self.time_grouping(),
        }
    }

    fn end(&mut self) -> String {
        let mut end = String::new();
        if self.chance(20) {
            end += " ORDER BY time DESC";
        }
        if self.chance(25) {
            end += &format!(" LIMIT {}", self.below(10) + 1);
            // InfluxDB gives one row only where OFFSET stands alone.
            if self.chance(40) {
                end += &format!(" OFFSET {}", self.below(3) + 1);
            }
        }
        for (word, percent, most) in [("SLIMIT", 10, 3), ("SOFFSET", 3, 2)] {
            if self.chance(percent) {
                end += &format!(" {word} {}", self.below(most) + 1);
            }
        }
        if self.chance(5) {
            end += &format!(" tz('{}')", self.of(&ZONES));
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_queries_and_another_gives_others() {
        assert_eq!(queries(1, 50), queries(1, 50));
        let (one, other) = (queries(1, 50), queries(2, 50));
        assert!(one.iter().zip(&other).filter(|(a, b)| a == b).count() < 5);
    }
}
