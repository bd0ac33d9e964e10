//! The faults of the soak test.

use cloudflare_aop_exporter::simulator::{Effect, Fault};
use serde_json::{Value, json};

const LIST: &str = "/hostnames?";
const CERTIFICATES: &str = "/hostnames/certificates";

/// Returns a random fault that affects either a few requests or all requests of one kind until it is cleared.
pub(crate) fn any() -> Fault {
    const PARTS: [&str; 6] = ["/zones?", LIST, CERTIFICATES, "/hostnames/h", "/settings", "tls_client_auth"];
    let choice = |parts: &[&'static str]| *fastrand::choice(parts).unwrap();
    match fastrand::u8(..8) {
        0 => Fault::new(refusal()).on_path(LIST),
        1 => Fault::new(refusal()).on_path(CERTIFICATES),
        2 => {
            Fault::new(Effect::Json { status: 200, body: odd_rows() }).on_path(choice(&[LIST, CERTIFICATES]))
        }
        3 => Fault::new(Effect::Hang).on_path(choice(&["/hostnames/h1", "/hostnames/h2"])),
        _ => Fault::new(effect()).on_path(choice(&PARTS)).times(fastrand::u64(1..4)),
    }
}

fn effect() -> Effect {
    match fastrand::u8(..13) {
        0 => Effect::Hang,
        1 => Effect::Garbage,
        2 => Effect::NullResult,
        3 => Effect::Html { status: 200 },
        4 => Effect::Empty { status: 503 },
        5 => Effect::Unsuccessful { code: 1000 },
        6 => Effect::Redirect { to: "/elsewhere".into() },
        7 => Effect::Cut { chunked: fastrand::bool() },
        8 => Effect::Delay { milliseconds: 100 },
        // an incomplete list
        9 => Effect::Json { status: 200, body: json!({"success": true, "result": [{}]}) },
        // an invalid time
        10 => status(429, "0"),
        _ => status(fastrand::choice([400, 401, 403, 404, 409, 429, 500, 520]).unwrap(), "1"),
    }
}

/// Returns an effect that makes a list unavailable.
fn refusal() -> Effect {
    match fastrand::choice([404, 405, 422, 500, 0]).unwrap() {
        0 => Effect::Html { status: 200 },
        refused => status(refused, "1"),
    }
}

fn status(status: u16, retry_after: &str) -> Effect {
    Effect::Status { status, code: 0, retry_after: Some(retry_after.into()) }
}

/// Returns rows with fields of the wrong types and one valid row.
fn odd_rows() -> Value {
    let rows = json!([
        null,
        {"hostname": 5, "enabled": "yes"},
        {"hostname": "h0.example.com", "enabled": true, "cert_id": 7, "updated_at": 5},
        {"id": "1", "serial_number": 12, "expires_on": [], "status": {}},
        {"hostname": "h1.example.com", "enabled": false, "status": "active"},
    ]);
    json!({"success": true, "errors": [], "messages": [], "result": rows})
}
