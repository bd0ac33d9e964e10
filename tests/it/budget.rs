//! Tests of the budget in real time with another client of the same quota.

use std::time::Duration;

use crate::support::quota::Quota;

#[tokio::test]
async fn a_quota_shared_with_another_client_is_never_exceeded() {
    let quota = Quota {
        per: Duration::from_secs(1),
        own: 50,
        enforced: 60,
        block: Duration::from_secs(2),
        other: 15,
        hostnames: 400,
    };
    let spent = quota.spend().await;
    assert_eq!(spent.refused, 0.0);
    assert_eq!(spent.requests, 400);
    assert!(spent.of_the_other > 0);
    // at least nine windows, none of which is waited for twice
    assert!(spent.took < Duration::from_secs(40), "{:?}", spent.took);
}
