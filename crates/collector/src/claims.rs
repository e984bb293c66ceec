//! Which target speaks for a node. Two that claim one name are never mixed: the one that held the name
//! keeps it while it answers; the other is shown as a duplicate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use svcflow_model::Timestamp;

use crate::ownership::NodeId;

/// Names and who holds them.
#[derive(Debug)]
pub struct Claims {
    hold: Duration,
    names: HashMap<Arc<str>, Claim>,
    next: u32,
}

#[derive(Debug)]
struct Claim {
    node: NodeId,
    holder: Option<Arc<str>>,
    answered: Timestamp,
}

impl Claims {
    /// A holder that was silent for `hold` loses its name to another that answers.
    #[must_use]
    pub fn new(hold: Duration) -> Self {
        Self { hold, names: HashMap::new(), next: 0 }
    }

    /// A target answered under a name: the node's number, or who holds the name.
    ///
    /// # Errors
    /// Where another target holds it.
    pub fn claim(
        &mut self,
        name: &Arc<str>,
        target: &Arc<str>,
        now: Timestamp,
    ) -> Result<NodeId, Arc<str>> {
        let next = &mut self.next;
        let claim = self.names.entry(Arc::clone(name)).or_insert_with(|| {
            *next += 1;
            Claim { node: NodeId(*next), holder: None, answered: now }
        });
        let other = claim.holder.as_ref().filter(|holder| *holder != target);
        if let Some(holder) = other
            && now.since(claim.answered) < self.hold
        {
            return Err(Arc::clone(holder));
        }
        claim.holder = Some(Arc::clone(target));
        claim.answered = now;
        Ok(claim.node)
    }

    /// Keeps a name for the target that held it before a restart, for as long as a silent holder
    /// would keep it.
    pub fn reserve(&mut self, name: &str, target: Arc<str>, now: Timestamp) {
        if let Some(claim) = self.names.get_mut(name) {
            claim.holder = Some(target);
            claim.answered = now;
        }
    }

    /// A target is gone, or speaks for another node now. Gives the nodes that it held.
    pub fn release(&mut self, target: &str) -> Vec<NodeId> {
        let mut held = Vec::new();
        self.names.retain(|_, claim| {
            let holds = claim.holder.as_deref() == Some(target);
            if holds {
                held.push(claim.node);
            }
            !holds
        });
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

    #[test]
    fn a_name_has_one_holder_that_answers() {
        let mut claims = Claims::new(Duration::from_secs(30));
        let (name, other): (Arc<str>, Arc<str>) = ("node-1".into(), "node-2".into());
        let (a, b): (Arc<str>, Arc<str>) = ("a:4000".into(), "b:4000".into());
        let node = claims.claim(&name, &a, seconds(0)).unwrap();
        assert_eq!(claims.claim(&name, &b, seconds(5)), Err(Arc::clone(&a)));
        assert_ne!(claims.claim(&other, &b, seconds(5)), Ok(node));
        assert_eq!(claims.claim(&name, &a, seconds(20)), Ok(node));
        assert_eq!(claims.claim(&name, &b, seconds(49)), Err(Arc::clone(&a)));
        assert_eq!(claims.claim(&name, &b, seconds(50)), Ok(node), "a was silent for 30 s");
        assert_eq!(claims.claim(&name, &a, seconds(51)), Err(Arc::clone(&b)));
        assert_eq!(claims.release("b:4000").len(), 2);
        assert!(claims.claim(&name, &a, seconds(52)).is_ok());
    }

    #[test]
    fn who_held_it_before_a_restart_is_waited_for() {
        let mut claims = Claims::new(Duration::from_secs(30));
        let (name, a, b): (Arc<str>, Arc<str>, Arc<str>) = ("n".into(), "a".into(), "b".into());
        claims.claim(&name, &b, seconds(0)).unwrap();
        claims.reserve("n", Arc::clone(&a), seconds(0));
        assert_eq!(claims.claim(&name, &b, seconds(10)), Err(Arc::clone(&a)));
        assert!(claims.claim(&name, &b, seconds(30)).is_ok());
    }
}
