//! The method of Nelder and Mead to look for the least value of a function, step by step as InfluxDB goes, so
//! that it ends at the same place.

const MOST_STEPS: usize = 1000;
const CONTRACTION: f64 = 0.5;
const EXPANSION: f64 = 2.0;

/// A function to look for the least value of. It may change what it is given: InfluxDB's puts numbers back into
/// their bounds, and goes on from there.
pub(crate) type Objective<'f, E> = &'f mut dyn FnMut(&mut [f64]) -> Result<f64, E>;

/// Looks for the least value from `start` on, until the values around differ by less than `epsilon`. Gives the
/// value, and where it is.
pub(crate) fn minimize<E>(
    objective: Objective<'_, E>,
    start: &[f64],
    epsilon: f64,
) -> Result<(f64, Vec<f64>), E> {
    let mut simplex = Simplex::around(start, objective)?;
    for _ in 0..MOST_STEPS {
        simplex.step(objective)?;
        if simplex.spread() < epsilon {
            break;
        }
    }
    let best = simplex.best();
    let place = simplex.corners.get(best).cloned().unwrap_or_default();
    let value = objective(&mut place.clone())?;
    Ok((value, place))
}

/// One corner more than there are dimensions.
struct Simplex {
    corners: Vec<Vec<f64>>,
    values: Vec<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "a number of dimensions")]
const fn number(count: usize) -> f64 {
    count as f64
}

impl Simplex {
    fn around<E>(start: &[f64], objective: Objective<'_, E>) -> Result<Self, E> {
        let n = number(start.len());
        let root = (n + 1.0).sqrt() - 1.0;
        let (along, beside) = ((root + n) / (n * 2_f64.sqrt()), root / (n * 2_f64.sqrt()));
        let mut corners = vec![start.to_vec()];
        for corner in 0..start.len() {
            let step = |at: usize| if at == corner { along } else { beside };
            corners.push(start.iter().enumerate().map(|(at, start)| step(at) + start).collect());
        }
        let values =
            corners.iter_mut().map(|corner| objective(corner)).collect::<Result<_, E>>()?;
        Ok(Self { corners, values })
    }

    fn value(&self, corner: usize) -> f64 {
        self.values.get(corner).copied().unwrap_or(f64::NAN)
    }

    fn put(&mut self, corner: usize, place: Vec<f64>, value: f64) {
        if let (Some(known), Some(known_value)) =
            (self.corners.get_mut(corner), self.values.get_mut(corner))
        {
            (*known, *known_value) = (place, value);
        }
    }

    fn best(&self) -> usize {
        let all = 0..self.values.len();
        all.fold(0, |best, it| if self.value(it) < self.value(best) { it } else { best })
    }

    fn worst(&self) -> usize {
        let all = 0..self.values.len();
        all.fold(0, |worst, it| if self.value(it) > self.value(worst) { it } else { worst })
    }

    /// The worst but one; the best where all others are as bad as the worst.
    fn second(&self, best: usize, worst: usize) -> usize {
        let below = |it: &usize| self.value(*it) < self.value(worst);
        let all = (0..self.values.len()).filter(below);
        all.fold(best, |second, it| if self.value(it) > self.value(second) { it } else { second })
    }

    /// The middle of all corners but one.
    fn middle(&self, without: usize) -> Vec<f64> {
        let others = || self.corners.iter().enumerate().filter(|(at, _)| *at != without);
        let dimensions = self.corners.len() - 1;
        let sum = |at: usize| others().filter_map(|(_, it)| it.get(at)).fold(0.0, |a, b| a + b);
        (0..dimensions).map(|at| sum(at) / number(dimensions)).collect()
    }

    fn step<E>(&mut self, objective: Objective<'_, E>) -> Result<(), E> {
        let (best, worst) = (self.best(), self.worst());
        let second = self.second(best, worst);
        let middle = self.middle(worst);
        let corner = self.corner(worst);
        let mut reflected = towards(&middle, &corner, |middle, it| middle + (middle - it));
        let value = objective(&mut reflected)?;
        if value < self.value(second) && value >= self.value(best) {
            self.put(worst, reflected.clone(), value);
        }
        if value < self.value(best) {
            let expand = |middle, it| middle + EXPANSION * (it - middle);
            let mut expanded = towards(&middle, &reflected, expand);
            let further = objective(&mut expanded)?;
            if further < value {
                self.put(worst, expanded, further);
            } else {
                self.put(worst, reflected.clone(), value);
            }
        }
        // The values are looked at anew: where all corners were alike, the one just put is `second`, too.
        if value >= self.value(second) {
            let mut contracted = if value < self.value(worst) {
                towards(&middle, &reflected, |middle, it| middle + CONTRACTION * (it - middle))
            } else {
                let inside = |middle, it| middle - CONTRACTION * (middle - it);
                towards(&middle, &self.corner(worst), inside)
            };
            let nearer = objective(&mut contracted)?;
            if nearer < self.value(worst) {
                self.put(worst, contracted, nearer);
            } else {
                self.shrink(best);
                self.look_again(worst, objective)?;
                self.look_again(second, objective)?;
            }
        }
        Ok(())
    }

    fn corner(&self, at: usize) -> Vec<f64> {
        self.corners.get(at).cloned().unwrap_or_default()
    }

    /// Brings all corners closer to the best.
    fn shrink(&mut self, best: usize) {
        let Some(to) = self.corners.get(best).cloned() else { return };
        for (at, corner) in self.corners.iter_mut().enumerate() {
            if at != best {
                *corner = towards(&to, corner, |best, it| best + (it - best) / 2.0);
            }
        }
    }

    fn look_again<E>(&mut self, corner: usize, objective: Objective<'_, E>) -> Result<(), E> {
        if let (Some(place), Some(value)) =
            (self.corners.get_mut(corner), self.values.get_mut(corner))
        {
            *value = objective(place)?;
        }
        Ok(())
    }

    /// How much the values of the corners differ.
    fn spread(&self) -> f64 {
        let n = number(self.values.len());
        let mean = self.values.iter().fold(0.0, |a, b| a + b) / n;
        let squares = self.values.iter().map(|it| (it - mean) * (it - mean) / (n - 1.0));
        squares.fold(0.0, |a, b| a + b).sqrt()
    }
}

fn towards(a: &[f64], b: &[f64], each: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| each(*a, *b)).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn the_bottom_of_a_banana_is_found() {
        let mut rosenbrock = |x: &mut [f64]| -> Result<f64, Infallible> {
            Ok(100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2))
        };
        let (value, place) = minimize(&mut rosenbrock, &[-1.2, 1.0], 1e-8).unwrap();
        assert!(value < 1e-6, "{value}");
        assert!(place.iter().all(|it| (it - 1.0).abs() < 1e-2), "{place:?}");
    }
}
