//! One state a bucket, in the order of time.

/// What is known of a bucket so far.
pub(crate) trait State {
    /// Takes what is known of other rows of the same bucket.
    fn merge(&mut self, other: &Self);
}

/// States of buckets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Runs<S> {
    /// Where the buckets begin; ascending where the rows' times were.
    pub(crate) starts: Vec<i64>,
    pub(crate) states: Vec<S>,
}

impl<S> Default for Runs<S> {
    fn default() -> Self {
        Self { starts: Vec::new(), states: Vec::new() }
    }
}

impl<S> Runs<S> {
    pub(crate) fn bytes(&self) -> usize {
        self.starts.capacity() * 8 + self.states.capacity() * size_of::<S>()
    }

    /// The last bucket's state, if that bucket begins there.
    pub(crate) fn last_if(&self, start: i64) -> Option<&S> {
        if self.starts.last() == Some(&start) { self.states.last() } else { None }
    }

    /// Puts a state in the place of the last bucket's, if that begins there, or behind it.
    pub(crate) fn replace(&mut self, start: i64, state: S) {
        match self.states.last_mut() {
            Some(last) if self.starts.last() == Some(&start) => *last = state,
            _ => {
                self.starts.push(start);
                self.states.push(state);
            }
        }
    }

    pub(crate) fn map<T>(&self, each: impl Fn(&S) -> T) -> Runs<T> {
        Runs { starts: self.starts.clone(), states: self.states.iter().map(each).collect() }
    }
}

impl<S: State> Runs<S> {
    /// Adds a state to the last bucket's, if that begins there, or puts it behind it.
    pub(crate) fn add(&mut self, start: i64, state: S) {
        match self.states.last_mut() {
            Some(last) if self.starts.last() == Some(&start) => last.merge(&state),
            _ => {
                self.starts.push(start);
                self.states.push(state);
            }
        }
    }

    /// Takes the states of other series' buckets.
    pub(crate) fn merge(&mut self, other: Self) {
        merge_states(self, other, S::merge);
    }
}

/// Takes other buckets' states. Both are ascending, each bucket once.
pub(crate) fn merge_states<S>(runs: &mut Runs<S>, other: Runs<S>, merge: impl Fn(&mut S, &S)) {
    if runs.starts.is_empty() {
        *runs = other;
    } else if runs.starts == other.starts {
        runs.states.iter_mut().zip(&other.states).for_each(|(state, other)| merge(state, other));
    } else if !merge_known(runs, &other, &merge) {
        merge_all(runs, other, merge);
    }
}

/// Merges where all of the other's buckets are known; where not, does nothing.
fn merge_known<S>(runs: &mut Runs<S>, other: &Runs<S>, merge: &impl Fn(&mut S, &S)) -> bool {
    let mut places = Vec::with_capacity(other.starts.len());
    let mut from = 0;
    for start in &other.starts {
        let rest = runs.starts.get(from..).unwrap_or_default();
        // Buckets mostly come one behind the other.
        let at = match rest.first() {
            Some(first) if first == start => Ok(0),
            _ => rest.binary_search(start),
        };
        let Ok(at) = at else { return false };
        places.push(from + at);
        from += at + 1;
    }
    for (place, state) in places.into_iter().zip(&other.states) {
        if let Some(known) = runs.states.get_mut(place) {
            merge(known, state);
        }
    }
    true
}

fn merge_all<S>(runs: &mut Runs<S>, other: Runs<S>, merge: impl Fn(&mut S, &S)) {
    let known = std::mem::take(runs);
    let mut known = known.starts.into_iter().zip(known.states).peekable();
    let mut other = other.starts.into_iter().zip(other.states).peekable();
    loop {
        let take_known = match (known.peek(), other.peek()) {
            (Some((start, _)), Some((other, _))) => start <= other,
            (known, _) => known.is_some(),
        };
        let Some((start, mut state)) = (if take_known { known.next() } else { other.next() })
        else {
            return;
        };
        if take_known && let Some((_, same)) = other.next_if(|(other, _)| *other == start) {
            merge(&mut state, &same);
        }
        runs.starts.push(start);
        runs.states.push(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Total(i64);

    impl State for Total {
        fn merge(&mut self, other: &Self) {
            self.0 += other.0;
        }
    }

    fn runs(pairs: &[(i64, i64)]) -> Runs<Total> {
        let mut runs = Runs::default();
        pairs.iter().for_each(|(start, total)| runs.add(*start, Total(*total)));
        runs
    }

    #[test]
    fn buckets_meet() {
        let mut all = runs(&[(0, 1), (0, 1), (20, 1)]);
        all.merge(runs(&[(0, 10), (20, 10)]));
        assert_eq!(all, runs(&[(0, 12), (20, 11)]));
        all.merge(runs(&[(20, 100)]));
        assert_eq!(all, runs(&[(0, 12), (20, 111)]));
        all.merge(runs(&[(-10, 1), (10, 1), (20, 1), (30, 1)]));
        assert_eq!(all, runs(&[(-10, 1), (0, 12), (10, 1), (20, 112), (30, 1)]));
        all.merge(runs(&[]));
        assert_eq!(all.starts.len(), 5);
    }
}
