//! `holt_winters`: values to come, by the damped method of Holt and Winters, as InfluxDB works them out.

use super::nelder_mead::minimize;
use super::points::Points;
use crate::{Column, QueryError, Values};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// How many values to come.
    pub(crate) ahead: usize,
    /// How many values a season has.
    pub(crate) season: usize,
    /// Whether what the method makes of the values that are known is wanted, too.
    pub(crate) with_fit: bool,
    /// How far apart values are.
    pub(crate) interval: i64,
}

/// What the numbers that are tried begin with.
const GUESSES: [f64; 2] = [0.3, 0.7];
const EPSILON: f64 = 1.0e-4;
/// How much the first values weigh.
const WEIGHT: f64 = 0.5;

/// Says that so many values more are to be worked out; fails when these are too many.
pub(crate) type Charge<'c> = &'c mut dyn FnMut(u64) -> Result<(), QueryError>;

/// Forecasts each series. `None` where the values aren't numbers.
pub(crate) fn forecast(
    wanted: &Forecast,
    points: &Points,
    ascending: bool,
    charge: Charge<'_>,
) -> Result<Option<Points>, QueryError> {
    let column = match &points.column.values {
        Values::Float(_) | Values::Integer(_) => {
            points.column.clone().cast(crate::plan::Kind::Float)
        }
        _ => return Ok(None),
    };
    let Values::Float(values) = &column.values else { return Ok(None) };
    let mut made: Vec<(i64, u32, f64)> = Vec::new();
    for (lane, rows) in (0_u32..).zip(points.by_lane()) {
        let row = |row: &u32| {
            let row = *row as usize;
            Some((*points.times.get(row)?, *values.get(row)?))
        };
        let known: Vec<(i64, f64)> = rows.iter().filter_map(row).collect();
        let values = of_series(wanted, &known, charge)?;
        made.extend(values.into_iter().map(|(time, value)| (time, lane, value)));
    }
    made.sort_by_key(|(time, lane, _)| (*time, *lane));
    if !ascending {
        made.reverse();
    }
    let one_lane = points.lanes.is_empty();
    Ok(Some(Points {
        times: made.iter().map(|one| one.0).collect(),
        column: Column::valid(Values::Float(made.iter().map(|one| one.2).collect())),
        beside: Vec::new(),
        lanes: if one_lane { Vec::new() } else { made.iter().map(|one| one.1).collect() },
    }))
}

fn of_series(
    wanted: &Forecast,
    points: &[(i64, f64)],
    charge: Charge<'_>,
) -> Result<Vec<(i64, f64)>, QueryError> {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else {
        return Ok(Vec::new());
    };
    let Forecast { ahead, season, with_fit, interval } = *wanted;
    let seasonal = season >= 2;
    if points.len() < 2 || (seasonal && points.len() < season) || ahead == 0 || interval <= 0 {
        return Ok(Vec::new());
    }
    let values = evenly(points, interval, charge)?;
    if values.len() < 2 {
        return Ok(Vec::new());
    }
    let series = Series { values, season: if seasonal { season } else { 0 } };
    let size = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
    charge(size(ahead).saturating_add(size(series.season).saturating_mul(size(series.season))))?;
    let mut best = series.fit(charge)?;
    let made = series.forecast(ahead, &mut best);
    let at = |from: i64, number: usize| {
        from.wrapping_add(interval.wrapping_mul(i64::try_from(number).unwrap_or(i64::MAX)))
    };
    let made = made.into_iter().enumerate();
    let numbers = |(_, value): &(i64, f64)| !value.is_nan();
    Ok(if with_fit {
        made.map(|(number, value)| (at(*first, number), value)).filter(numbers).collect()
    } else {
        let to_come = made.skip(series.values.len()).zip(1..);
        to_come.map(|((_, value), number)| (at(*last, number), value)).filter(numbers).collect()
    })
}

/// The values, one an interval, without a number where there is none. Nothing where they don't go forward.
fn evenly(
    points: &[(i64, f64)],
    interval: i64,
    charge: Charge<'_>,
) -> Result<Vec<f64>, QueryError> {
    let mut values = Vec::new();
    let mut before = None;
    let last = points.last().map_or(0, |(time, _)| round(*time, interval));
    for (time, value) in points {
        let time = round(*time, interval);
        match before {
            None if last <= time => return Ok(values),
            // Several values of one bucket: the first counts.
            Some(before) if time <= before => continue,
            Some(before) => {
                let steps = time.wrapping_sub(before) / interval;
                charge(u64::try_from(steps).unwrap_or(u64::MAX))?;
                values.extend((1..steps).map(|_| f64::NAN));
            }
            None => {}
        }
        values.push(*value);
        before = Some(time);
    }
    Ok(values)
}

/// The nearest multiple, as far as Go's division goes.
const fn round(time: i64, interval: i64) -> i64 {
    let up = time % interval > interval / 2;
    let times = time / interval;
    if up { (times + 1).wrapping_mul(interval) } else { times * interval }
}

/// Values and their season: so many, or none.
struct Series {
    values: Vec<f64>,
    season: usize,
}

/// Where the method stands.
#[derive(Debug, Default)]
struct State {
    level: f64,
    trend: f64,
}

impl Series {
    fn value(&self, at: usize) -> f64 {
        self.values.get(at).copied().unwrap_or(f64::NAN)
    }

    /// The numbers that the search begins with: how much the newest value, trend and season count, and how much
    /// trends are damped, which are yet to be guessed; the first level and trend, and the season behind them.
    fn guess(&self) -> Vec<f64> {
        let known = |it: f64| if it.is_nan() { None } else { Some(it) };
        let mut season = Vec::new();
        let (mut level, mut trend) = (0.0, 0.0);
        if self.season > 0 {
            let m = number(self.season);
            for at in 0..self.season {
                level += known(self.value(at)).map_or(0.0, |it| 1.0 / m * it);
                // Beyond the end there is no number.
                let change = self.value(self.season + at) - self.value(at);
                trend +=
                    known(change).map_or(0.0, |it| 1.0 / number(self.season * self.season) * it);
            }
            let first = 0..self.season;
            season = first.map(|at| known(self.value(at)).map_or(0.0, |it| it / level)).collect();
        } else {
            level += WEIGHT * self.value(0);
            trend = known(self.value(1)).map_or(0.0, |it| WEIGHT * (it - self.value(0)));
        }
        [0.0, 0.0, 0.0, 0.0, level, trend].into_iter().chain(season).collect()
    }

    /// The numbers that fit best.
    fn fit(&self, charge: Charge<'_>) -> Result<Vec<f64>, QueryError> {
        let mut start = self.guess();
        let mut best: Option<(f64, Vec<f64>)> = None;
        for guess in 0..GUESSES.len().pow(4) {
            for (at, number) in start.iter_mut().take(4).enumerate() {
                let choice = guess >> (3 - at) & 1;
                *number = GUESSES.get(choice).copied().unwrap_or_default();
            }
            let mut error = |numbers: &mut [f64]| {
                charge(0)?;
                Ok(self.error(numbers))
            };
            let (error, found) = minimize(&mut error, &start, EPSILON)?;
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, found));
            }
        }
        Ok(best.map(|(_, found)| found).unwrap_or_default())
    }

    /// How far what the numbers make of the values is from these.
    fn error(&self, numbers: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        for (made, known) in self.forecast(0, numbers).iter().zip(&self.values) {
            if known.is_nan() {
                continue;
            }
            if made.is_nan() {
                return f64::INFINITY;
            }
            sum += (made - known) * (made - known);
        }
        sum
    }

    /// What the numbers make of the values, and of so many behind them. Like InfluxDB's, this leaves the numbers
    /// within their bounds, and the season as it is at the end.
    fn forecast(&self, ahead: usize, numbers: &mut [f64]) -> Vec<f64> {
        // What isn't a number stays so.
        numbers.iter_mut().take(4).for_each(|it| *it = it.clamp(0.0, 1.0));
        let ([alpha, beta, gamma, phi, level, trend], season) =
            match numbers.split_first_chunk_mut() {
                Some((first, season)) => (*first, season),
                None => return Vec::new(),
            };
        let mut state = State { level, trend };
        let mut damped = phi;
        let mut value = self.value(0);
        let mut made = vec![value];
        let m = season.len();
        for t in 1..self.values.len() + ahead {
            let shown = |at: usize| season.get(at).copied().unwrap_or(1.0);
            // InfluxDB's places in the ring.
            let places =
                if m == 0 { (0, 0) } else { ((2 * t + m - 2) % m, (2 * t + m - 2 + t % m) % m) };
            let (before, now) = (shown(places.0), shown(places.1));
            let expected = state.level + phi * state.trend;
            let level = alpha * (value / before) + (1.0 - alpha) * expected;
            let trend = beta * (level - state.level) + (1.0 - beta) * phi * state.trend;
            let seasonal = gamma * (value / expected) + (1.0 - gamma) * before;
            value = (level + damped * trend) * now;
            state = State { level, trend };
            damped += power(phi, t);
            if m > 0
                && let Some(place) = season.get_mut((2 * t + m - 2) % m)
            {
                *place = seasonal;
            }
            made.push(value);
        }
        made
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of values")]
const fn number(count: usize) -> f64 {
    count as f64
}

/// A power as Go works it out.
fn power(base: f64, exponent: usize) -> f64 {
    if base == 0.0 || base == 1.0 || base.is_nan() {
        return base;
    }
    let (mut part, mut scale) = frexp(base);
    let (mut result, mut result_scale) = (1.0, 0_i64);
    let mut rest = exponent;
    while rest != 0 {
        if rest & 1 == 1 {
            result *= part;
            result_scale = result_scale.saturating_add(scale);
        }
        part *= part;
        scale = scale.saturating_mul(2);
        if part < 0.5 {
            part += part;
            scale -= 1;
        }
        rest >>= 1;
    }
    // So that neither step leaves what a float can hold, unless the result does.
    let half = i32::try_from(result_scale / 2).unwrap_or(i32::MIN);
    let other = i32::try_from(result_scale - result_scale / 2).unwrap_or(i32::MIN);
    result * 2_f64.powi(half) * 2_f64.powi(other)
}

/// A number between ½ and 1, and the power of two that makes the whole of it.
fn frexp(value: f64) -> (f64, i64) {
    let (mut value, mut scale) = (value, 0);
    while value < 0.5 {
        value *= 2.0;
        scale -= 1;
    }
    (value, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(wanted: &Forecast, values: &[(i64, f64)]) -> Vec<(i64, f64)> {
        of_series(wanted, values, &mut |_| Ok(())).unwrap()
    }

    const KNOWN: [(i64, f64); 3] = [(0, 4.0), (10, 4.0), (20, 8.0)];

    /// What InfluxDB 1.6.7 says of these values.
    #[test]
    fn forecasts_are_those_of_influxdb() {
        let wanted = Forecast { ahead: 2, season: 0, with_fit: false, interval: 10 };
        let to_come = [(30, 14.991_312_090_219_456), (40, 30.135_485_692_207_865)];
        assert_eq!(made(&wanted, &KNOWN), to_come);
        let wanted = Forecast { season: 2, with_fit: true, ..wanted };
        let fit = [
            (0, 4.0),
            (10, 4.000_711_453_336_298),
            (20, 8.001_198_062_359_512),
            (30, 2.906_697_345_005_645),
            (40, 0.405_368_381_618_930_1),
        ];
        assert_eq!(made(&wanted, &KNOWN), fit);
    }

    #[test]
    fn little_makes_no_forecast() {
        let wanted = Forecast { ahead: 2, season: 0, with_fit: false, interval: 10 };
        assert_eq!(made(&wanted, &KNOWN[..1]), []);
        assert_eq!(made(&Forecast { season: 4, ..wanted }, &KNOWN), []);
        assert_eq!(made(&Forecast { ahead: 0, ..wanted }, &KNOWN), []);
        let backwards = [(20, 8.0), (10, 4.0), (0, 4.0)];
        assert_eq!(made(&wanted, &backwards), []);
        let many = Forecast { ahead: 1000, ..wanted };
        let refused = of_series(&many, &KNOWN, &mut |count| match count {
            0..=100 => Ok(()),
            _ => Err(QueryError::DatabaseRequired),
        });
        assert!(refused.is_err());
    }

    #[test]
    fn gaps_have_no_number() {
        let values = evenly(&[(0, 1.0), (30, 2.0), (31, 3.0)], 10, &mut |_| Ok(())).unwrap();
        assert_eq!(values.len(), 4);
        assert!(values[1].is_nan() && values[2].is_nan() && values[3] == 2.0);
    }

    #[test]
    fn powers() {
        assert_eq!(power(0.5, 3), 0.125);
        assert_eq!(power(0.3, 1), 0.3);
        assert!((power(0.9, 50) - 0.9_f64.powi(50)).abs() < 1e-15);
        assert_eq!(power(0.1, 4000), 0.0);
    }
}
