//! Containment of panics: a response that the program cannot handle must not affect others.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::pin::pin;

use futures_util::FutureExt;

thread_local! {
    /// True while this thread runs code whose panics are contained.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    /// The location and message of this thread's latest contained panic.
    static LOCATION: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Stores the location of a panic if it is contained. The panic hook calls it, and itself reports all other
/// panics.
pub fn is_contained(panic: &PanicHookInfo<'_>) -> bool {
    let contained = CONTAINED.get();
    if contained {
        let location = panic.location().map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
        let what = panic.payload_as_str().unwrap_or("for an unknown reason");
        LOCATION.set(Some(format!("{location}: {what}").into()));
    }
    contained
}

/// Returns the result of `work`, or the location and message of its panic. State shared with `work` is locked
/// only for single writes or rebuilt with the next poll.
pub async fn contained<T>(work: impl Future<Output = T>) -> Result<T, Box<str>> {
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let result = poll_fn(|context| {
        let before = CONTAINED.replace(true);
        let polled = work.as_mut().poll(context);
        CONTAINED.set(before);
        polled
    });
    result.await.map_err(|_| LOCATION.take().unwrap_or_else(|| "an unknown location".into()))
}

#[cfg(test)]
mod tests {
    use std::panic::{set_hook, take_hook};

    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_panic_fails_with_its_location_and_affects_nothing_else() {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !is_contained(panic) {
                others(panic);
            }
        }));
        let answers = stream::iter([1, 0, 2]).map(|by| contained(async move { 4 / by }));
        let results: Vec<_> = answers.buffered(3).collect().await;
        let [Ok(4), Err(error), Ok(2)] = &*results else { panic!("{results:?}") };
        assert!(error.contains("panic.rs:"), "{error}");
        assert!(error.contains(": attempt to divide by zero"), "{error}");
        assert!(!CONTAINED.get());
    }
}
