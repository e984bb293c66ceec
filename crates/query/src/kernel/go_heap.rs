//! Go's `container/heap`: which of two equal items comes first hangs on its steps, and users see it.

/// Sets up a heap.
pub(crate) fn init<T>(items: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    for at in (0..items.len() / 2).rev() {
        down(items, at, less);
    }
}

/// Takes the first item out.
pub(crate) fn pop<T>(items: &mut Vec<T>, less: &impl Fn(&T, &T) -> bool) -> Option<T> {
    let last = items.len().checked_sub(1)?;
    items.swap(0, last);
    if let Some(rest) = items.get_mut(..last) {
        down(rest, 0, less);
    }
    items.pop()
}

/// Moves the last item, which is new, to its place.
pub(crate) fn up<T>(items: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    let Some(mut at) = items.len().checked_sub(1) else { return };
    while let Some(parent) = at.checked_sub(1).map(|it| it / 2) {
        let (Some(item), Some(above)) = (items.get(at), items.get(parent)) else { return };
        if !less(item, above) {
            return;
        }
        items.swap(parent, at);
        at = parent;
    }
}

/// Moves an item, which may have become greater, to its place.
pub(crate) fn down<T>(items: &mut [T], mut at: usize, less: &impl Fn(&T, &T) -> bool) {
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        let Some(mut child) = items.get(left) else { return };
        let mut to = left;
        if let Some(other) = items.get(right).filter(|other| less(other, child)) {
            (child, to) = (other, right);
        }
        if !items.get(at).is_some_and(|item| less(child, item)) {
            return;
        }
        items.swap(at, to);
        at = to;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_least_comes_first(values in prop::collection::vec(0_u8..20, 0..60)) {
            let less = |a: &u8, b: &u8| a < b;
            let (mut heap, half) = (values.clone(), values.len() / 2);
            heap.truncate(half);
            init(&mut heap, &less);
            for value in values.iter().skip(half) {
                heap.push(*value);
                up(&mut heap, &less);
            }
            let sorted: Vec<u8> = std::iter::from_fn(|| pop(&mut heap, &less)).collect();
            let mut expected = values;
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
    }
}
