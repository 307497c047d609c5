//! Open connections: so many in all, and fewer of one source, or whoever opens them all and sends nothing would keep
//! everybody else out.

use crate::throttle::network;
use medlock_domain::NetworkSource;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections of a gateway.
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    of_one: usize,
    sources: Arc<Sources>,
}

/// How many each source has. As many entries as there are connections, at most.
#[derive(Default)]
struct Sources(Mutex<HashMap<IpAddr, usize>>);

/// A place for one connection, free again when this is dropped.
pub(crate) struct Slot {
    source: IpAddr,
    sources: Arc<Sources>,
    _of_all: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), of_one, sources: Arc::default() }
    }

    /// Waits until there is a place for anybody.
    pub(crate) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.ok()
    }

    /// The place, unless `from` has as many as one source may.
    pub(crate) fn take(&self, free: OwnedSemaphorePermit, from: NetworkSource) -> Option<Slot> {
        let source = network(from.0);
        let mut sources = self.sources.lock();
        let taken = sources.entry(source).or_default();
        if *taken >= self.of_one {
            return None;
        }
        *taken += 1;
        Some(Slot { source, sources: self.sources.clone(), _of_all: free })
    }
}

impl Sources {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut sources = self.sources.lock();
        if let Some(taken) = sources.get_mut(&self.source) {
            *taken -= 1;
            if *taken == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn one_source_does_not_take_all_and_gives_back_what_it_took() {
        let slots = Slots::new(4, 2);
        let (a, b) = (NetworkSource("192.0.2.1".parse().unwrap()), NetworkSource("192.0.2.2".parse().unwrap()));
        let take = async |from| slots.take(slots.free().await.unwrap(), from);
        let (first, second) = (take(a).await, take(a).await);
        assert!(first.is_some() && second.is_some() && take(a).await.is_none());
        assert!(take(b).await.is_some());
        drop(first);
        assert!(take(a).await.is_some());
        drop(second);
        assert!(slots.sources.lock().is_empty());
        assert_eq!(slots.all.available_permits(), 4);
    }
}
