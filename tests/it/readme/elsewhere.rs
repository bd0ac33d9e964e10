//! The commands of the documents that need root, a cluster, an engine, Prometheus or the network, each with the test that
//! runs it or the like.

use std::fs;

/// The start of a command, the file of the test, and words of that file that show it.
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
    ("curl ", "tests/e2e/test_readme.py", "test_its_requests_are_answered"),
    ("cloudflare-aop-exporter certificate delete CERT_ID ", "tests/it/certificate.rs", "\"delete {"),
    (
        "cloudflare-aop-exporter certificate rotate OLD_ID --level zone ",
        "tests/it/rotation.rs",
        "Level::Zone",
    ),
    // of the runbooks: their syntax is checked, and Cloudflare's SDK sends such requests
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
fn each_test_that_the_list_names_exists_and_shows_it() {
    let documents = super::documents();
    for (start, file, shown) in ELSEWHERE {
        // what the published crate leaves out is checked in a checkout
        if let Ok(text) = fs::read_to_string(file) {
            assert!(text.contains(shown), "{file} does not show {start}: {shown}");
        }
        assert!(documents.iter().any(|(_, text)| text.contains(start)), "no document shows {start}");
    }
}
