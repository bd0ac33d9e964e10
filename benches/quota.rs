//! How long 2,000 requests take beside another client of the same quota, and whether the quota is ever passed:
//! `cargo bench --bench quota`, about two minutes.
#![expect(clippy::print_stdout, reason = "it is what this program is for")]
#![expect(clippy::unwrap_used, reason = "a panic is how it fails")]

#[path = "../tests/it/support"]
#[expect(dead_code, unreachable_pub, reason = "the tests use the rest")]
mod support {
    pub mod harness;
    pub mod quota;
}

use std::time::Duration;

use crate::support::quota::Quota;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // a run of all tests is not meant
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let quota = Quota {
        per: Duration::from_secs(5),
        own: 100,
        enforced: 120,
        block: Duration::from_secs(10),
        other: 30,
        hostnames: 2000,
    };
    let spent = quota.spend().await;
    println!(
        "{} requests beside {} of another client, {} answered 429, {:.1} s",
        spent.requests,
        spent.of_the_other,
        spent.refused,
        spent.took.as_secs_f64()
    );
    assert_eq!(spent.refused, 0.0, "the quota was passed");
}
