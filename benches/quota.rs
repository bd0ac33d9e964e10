//! Measures the time of 2,000 requests while another client uses the same quota, and checks that the quota is never
//! exceeded. Run it with `cargo bench --bench quota`. It takes about two minutes.
#![expect(clippy::print_stdout, reason = "the program prints its results")]
#![expect(clippy::unwrap_used, reason = "a panic says where the bench failed")]

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
    // does nothing in `cargo test`, which does not pass --bench
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
        "{} requests while another client sent {}, {} responses with status 429, {:.1} s",
        spent.requests,
        spent.of_the_other,
        spent.refused,
        spent.took.as_secs_f64()
    );
    assert_eq!(spent.refused, 0.0, "the quota was exceeded");
}
