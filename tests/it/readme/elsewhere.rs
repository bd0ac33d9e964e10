//! The documented commands that need root, a cluster, a container engine, Prometheus or the network, each with the test
//! that runs it or a similar one.

use std::fs;

/// The start of a command, the file of its test, and a text in that file that runs it.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("sudo apt-get install --yes gcc git prometheus", ".ci/run", "wanted+=(prometheus)"),
    ("git clone https://github.com/", ".github/workflows/ci.yml", "actions/checkout@"),
    ("cargo run --release --locked -- demo", "tests/e2e/test_readme.py", "-- demo "),
    ("cargo build --release --locked", ".ci/static", "cargo"),
    ("prometheus --config.file=deploy/", "tests/e2e/test_readme.py", "prometheus --config.file=deploy/"),
    ("prometheus --config.file=/usr/share/", "tests/packages/run", "/prometheus/prometheus.yml"),
    ("sudo apt install ./", "tests/packages/run", "\"dpkg\", \"--install\""),
    (
        "sudo install -m 600 /dev/stdin ",
        "tests/packages/run",
        "\"install\", \"--mode\", \"600\", \"/dev/stdin\"",
    ),
    ("sudo systemctl enable --now ", "tests/packages/run", "\"enable\", \"--now\", NAME"),
    ("docker run ", "tests/image", "runc"),
    ("docker build ", "tests/e2e/test_compose.py", "hadolint"),
    ("docker compose ", "tests/e2e/test_compose.py", "compose.yml"),
    ("kubectl create ", "tests/chart/test_files.py", "kubectl create secret generic"),
    ("helm install ", "tests/chart/test_files.py", "helm install aop"),
    ("install ", "tests/systemd-unit", "cloudflare-aop-exporter.service"),
    ("systemctl ", "tests/packages/run", "systemctl"),
    ("gh attestation verify ", ".github/workflows/release.yml", "attestations"),
    ("openssl req ", "tests/e2e/test_readme.py", "openssl req"),
    ("openssl s_server ", "tests/e2e/test_readme.py", "openssl s_server"),
    (
        "cloudflare-aop-exporter probe app.example.com --origin 127.0.0.1:",
        "tests/e2e/test_readme.py",
        "openssl s_server",
    ),
    ("cloudflare-aop-exporter print rules > ", "tests/e2e/test_rules.py", "test_printed_rules_are_valid"),
    ("curl ", "tests/e2e/test_readme.py", "test_the_documented_requests_are_answered"),
    ("cloudflare-aop-exporter certificate delete CERT_ID ", "tests/it/certificate.rs", "\"delete {"),
    ("cloudflare-aop-exporter certificate delete OLD_ID ", "tests/it/certificate.rs", "\"delete {"),
    (
        "cloudflare-aop-exporter certificate rotate OLD_ID --level zone ",
        "tests/it/rotation.rs",
        "Level::Zone",
    ),
    // commands of the runbooks, whose syntax is checked; Cloudflare's SDK sends such requests
    ("read -rs ", "tests/e2e/test_rules.py", "\"bash\", \"-n\""),
    ("\"${EDITOR:-vi}\" ", "tests/e2e/test_rules.py", "\"bash\", \"-n\""),
    ("openssl x509 ", "tests/e2e/test_rules.py", "\"bash\", \"-n\""),
    ("openssl s_client ", "tests/e2e/test_rules.py", "\"bash\", \"-n\""),
    ("python3 -c ", "tests/e2e/test_rules.py", "\"bash\", \"-n\""),
];

/// Returns true if the list names a command.
pub(super) fn is_run(command: &str) -> bool {
    ELSEWHERE.iter().any(|(start, ..)| command.starts_with(start))
}

#[test]
fn each_test_in_the_list_exists_and_contains_its_text() {
    let documents = super::documents();
    for (start, file, shown) in ELSEWHERE {
        // files missing from the published crate are checked only in a checkout
        if let Ok(text) = fs::read_to_string(file) {
            assert!(text.contains(shown), "{file} does not contain the test of {start}: {shown}");
        }
        assert!(documents.iter().any(|(_, text)| text.contains(start)), "no document has {start}");
    }
}
