use DemandReason as Reason;

use super::*;

fn seen(asked: bool, end: End) -> Observation {
    Observation { asked, handshake: true, version: Some(TlsVersion::Tls12), ..Observation::new(end) }
}

fn answer(status: u16) -> End {
    End::Answer { status, same_host: false, phrase: None }
}

fn says(status: u16, phrase: Phrase) -> End {
    End::Answer { status, same_host: false, phrase: Some(phrase) }
}

fn demand(asked: bool, end: End) -> Demand {
    verdict(&seen(asked, end)).0
}

#[test]
fn an_attempt_without_a_response_is_inconclusive() {
    for asked in [false, true] {
        for failure in ProbeFailure::ALL {
            let told = verdict(&seen(asked, End::Failed(failure)));
            assert_eq!(told, (Demand::Unknown, Reason::Failed(failure)));
        }
    }
}

#[test]
fn a_resumed_session_or_a_late_request_is_always_inconclusive() {
    for asked in [false, true] {
        for end in
            [answer(200), answer(496), End::Alert(116), End::Failed(ProbeFailure::TimedOut), End::Http2]
        {
            let resumed = Observation { resumed: true, ..seen(asked, end) };
            assert_eq!(verdict(&resumed), (Demand::Unknown, Reason::Resumed));
            let late = Observation { asks_late: true, ..seen(asked, end) };
            assert_eq!(verdict(&late), (Demand::Unknown, Reason::AsksLate));
        }
    }
}

#[test]
fn only_some_alerts_after_a_certificate_request_are_a_refusal() {
    for alert in 0..=255 {
        let refused = [40, 41, 42, 116].contains(&alert);
        let expected = if refused {
            (Demand::Required, Reason::Refused(alert))
        } else {
            (Demand::Unknown, Reason::Alert(alert))
        };
        assert_eq!(verdict(&seen(true, End::Alert(alert))), expected);
        assert_eq!(verdict(&seen(false, End::Alert(alert))), (Demand::Unknown, Reason::Alert(alert)));
    }
}

#[test]
fn after_a_certificate_request_a_response_about_the_certificate_is_a_refusal() {
    assert_eq!(demand(true, says(400, Phrase::Nginx)), Demand::Required);
    assert_eq!(demand(true, answer(495)), Demand::Required);
    assert_eq!(demand(true, answer(496)), Demand::Required);
    // the application's own 400, or a phrase with a status that does not go with it
    assert_eq!(demand(true, answer(400)), Demand::Unknown);
    assert_eq!(demand(true, says(403, Phrase::Nginx)), Demand::Unknown);
    assert_eq!(demand(true, says(403, Phrase::Apache)), Demand::Unknown);
}

#[test]
fn after_a_certificate_request_a_certificate_is_optional_only_if_the_application_answered() {
    let served = [404, 405, 406, 410, 411, 415, 422, 426, 428, 501];
    for status in 100..1000 {
        let is_served = (200..300).contains(&status) || served.contains(&status);
        let expected = match status {
            495 | 496 => Demand::Required,
            _ if is_served => Demand::Optional,
            _ => Demand::Unknown,
        };
        assert_eq!(demand(true, answer(status)), expected, "{status}");
        let redirect = End::Answer { status, same_host: true, phrase: None };
        let expected = if (300..400).contains(&status) { Demand::Optional } else { expected };
        assert_eq!(demand(true, redirect), expected, "{status}");
    }
    assert_eq!(demand(true, End::Http2), Demand::Unknown);
}

#[test]
fn a_response_without_a_certificate_request_means_no_demand_unless_it_is_about_certificates() {
    for status in 100..1000 {
        let expected = if matches!(status, 421 | 495 | 496 | 600..) { Demand::Unknown } else { Demand::None };
        assert_eq!(demand(false, answer(status)), expected, "{status}");
    }
    assert_eq!(demand(false, End::Http2), Demand::None);
    assert_eq!(demand(false, says(400, Phrase::Nginx)), Demand::Unknown);
    assert_eq!(verdict(&seen(false, says(403, Phrase::Apache))), (Demand::Unknown, Reason::AsksLate));
}

#[test]
fn a_403_in_tls_1_3_without_a_certificate_request_needs_an_attempt_in_tls_1_2() {
    let in_13 = |asked, end| Observation { version: Some(TlsVersion::Tls13), ..seen(asked, end) };
    assert!(in_13(false, answer(403)).may_ask_late());
    assert_eq!(verdict(&in_13(false, answer(403))), (Demand::Unknown, Reason::Unclear(403)));
    for other in [
        seen(false, answer(403)),
        in_13(true, answer(403)),
        in_13(false, answer(401)),
        in_13(false, says(403, Phrase::Apache)),
    ] {
        assert!(!other.may_ask_late(), "{other:?}");
    }
    assert_eq!(verdict(&in_13(false, answer(401))).0, Demand::None);
}

#[test]
fn an_origin_is_up_if_it_completed_the_handshake_or_refused_after_a_certificate_request() {
    let before = |asked, end| Observation { handshake: false, ..seen(asked, end) }.is_up();
    assert!(before(true, End::Alert(40)) && !before(false, End::Alert(40)));
    assert!(
        !before(true, End::Failed(ProbeFailure::TimedOut))
            && !before(true, End::Failed(ProbeFailure::Closed))
    );
    assert!(seen(false, End::Failed(ProbeFailure::TimedOut)).is_up());
}
