//! Panics that are contained: one answer that the program cannot handle is not worth all others.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::pin::pin;

use futures_util::FutureExt;

thread_local! {
    /// True if this thread runs something whose panics are contained.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    /// Where the latest contained panic of this thread was, and what it said.
    static PLACE: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Keeps the place of a panic for the report about it, if it is contained. To be called by the panic hook, which
/// reports all others itself.
pub fn is_contained(panic: &PanicHookInfo<'_>) -> bool {
    let contained = CONTAINED.get();
    if contained {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let what = panic.payload_as_str().unwrap_or("for an unknown reason");
        PLACE.set(Some(format!("{place}: {what}").into()));
    }
    contained
}

/// The result of `work`, or the place of its panic and what that said. Whatever it shares is locked for single writes
/// only, or made anew with the next poll.
pub async fn contained<T>(work: impl Future<Output = T>) -> Result<T, Box<str>> {
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let result = poll_fn(|context| {
        let before = CONTAINED.replace(true);
        let polled = work.as_mut().poll(context);
        CONTAINED.set(before);
        polled
    });
    result.await.map_err(|_| PLACE.take().unwrap_or_else(|| "an unknown place".into()))
}

#[cfg(test)]
mod tests {
    use std::panic::{set_hook, take_hook};

    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_panic_fails_with_its_place_and_harms_nothing_else() {
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
