// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that work until all is done or one of them fails, and turns for the steps that have an
//! order.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::Result;

/// Runs `work` on that many threads, and returns the error of the first thread that has one.
///
/// `stop` is called as soon as a thread fails; it must make the others return.
pub(crate) fn run(
    threads: NonZeroUsize,
    work: impl Fn() -> Result<()> + Sync,
    stop: impl Fn() + Sync,
) -> Result<()> {
    let one = || {
        let result = work();
        if result.is_err() {
            stop();
        }
        result
    };
    thread::scope(|scope| {
        // If the system refuses more threads, the others do all of the work.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, one).ok();
        let threads: Vec<_> = (1..threads.get()).map_while(spawn).collect();
        let mut result = one();
        for thread in threads {
            let other = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and(other);
        }
        result
    })
}

/// Runs `work` on each item, with that many threads, in any order. Each thread has a state of its
/// own.
///
/// # Errors
/// The error of the first thread that has one. The others stop soon.
pub(crate) fn each<T: Sync, S>(
    threads: NonZeroUsize,
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> Result<()> + Sync,
) -> Result<()> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let take = || items.get(next.fetch_add(1, Ordering::Relaxed));
    let one = || {
        let mut state = state();
        while let Some(item) = take().filter(|_| !stopped.load(Ordering::Relaxed)) {
            work(&mut state, item)?;
        }
        Ok(())
    };
    run(threads, one, || stopped.store(true, Ordering::Relaxed))
}

/// Locks a mutex. A thread that panics ends the build, so the state that it leaves is not used.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of a mutex that is not shared any more.
pub(crate) fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// State that several threads change, each in its turn.
pub(crate) struct InOrder<T> {
    state: Mutex<(usize, T)>,
    turn: Condvar,
    stopped: AtomicBool,
}

impl<T> InOrder<T> {
    pub(crate) fn new(state: T) -> Self {
        Self {
            state: Mutex::new((0, state)),
            turn: Condvar::new(),
            stopped: AtomicBool::new(false),
        }
    }

    /// Waits until all turns below `turn` are over, and takes it. `None` when the build has failed.
    pub(crate) fn take<R>(&self, turn: usize, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut state = lock(&self.state);
        while state.0 != turn {
            if self.is_stopped() {
                return None;
            }
            state = self
                .turn
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let result = act(&mut state.1);
        state.0 += 1;
        self.turn.notify_all();
        Some(result)
    }

    /// Ends all waiting.
    pub(crate) fn stop(&self) {
        let _state = lock(&self.state);
        self.stopped.store(true, Ordering::Relaxed);
        self.turn.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn into_inner(self) -> T {
        into_inner(self.state).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::io;
    use std::time::Duration;

    fn four() -> NonZeroUsize {
        NonZeroUsize::new(4).unwrap()
    }

    #[test]
    fn turns_come_in_order_whoever_takes_them() {
        let (next, order) = (AtomicUsize::new(0), InOrder::new(Vec::new()));
        let work = || loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= 1000 {
                return Ok(());
            }
            // Those that come later would be first if they did not wait.
            if turn % 100 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
            order.take(turn, |seen| seen.push(turn));
        };
        run(four(), work, || order.stop()).unwrap();
        assert_eq!(order.into_inner(), (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn each_item_is_worked_on_once() {
        let counts: Vec<AtomicUsize> = (0..1000).map(AtomicUsize::new).collect();
        let add = |_: &mut (), count: &AtomicUsize| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        each(four(), &counts, || (), add).unwrap();
        let counts = counts.into_iter().map(AtomicUsize::into_inner);
        assert!(counts.eq(1..=1000));
    }

    #[test]
    fn a_failure_ends_the_work_on_items() {
        let done = AtomicUsize::new(0);
        let fail = |_: &mut (), _: &usize| {
            done.fetch_add(1, Ordering::Relaxed);
            Err(Error::io("read", "a")(io::Error::other("broken")))
        };
        let items: Vec<usize> = (0..1000).collect();
        each(four(), &items, || (), fail).unwrap_err();
        assert!(done.into_inner() <= 4);
    }

    #[test]
    fn a_failure_ends_the_waiting_of_the_others() {
        let (next, order) = (AtomicUsize::new(0), InOrder::new(()));
        let work = || match next.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Error::io("read", "a")(io::Error::other("broken"))),
            turn => {
                assert!(order.take(turn, |()| ()).is_none());
                Ok(())
            }
        };
        run(four(), work, || order.stop()).unwrap_err();
    }
}
