# The tasks of whoever works on this: `just` lists them. `.ci/run` is what has to pass.

[private]
default:
    @just --list --unsorted

# All tests, on loopback alone
test *ARGS:
    cargo test --locked {{ ARGS }}

# Formatting, and everything that clippy says
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# The documentation of the crate, private items included
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Licences, sources and banned crates among the dependencies
deny:
    cargo deny --locked --offline check --hide-inclusion-graph bans licenses sources

# Benches, all of them or by name
bench *ARGS:
    cargo bench --locked {{ ARGS }}

# Memory and descriptors stay level under faults, reloads, changes and scrapers
soak MINUTES="2":
    cargo bench --locked --bench soak -- {{ MINUTES }}

# What scrapes, memory and polls cost, each against its limit, in a few minutes (side-by-side needs nginx and wrk)
measure *NAMES="connections memory side-by-side":
    for name in {{ NAMES }}; do benches/$name || exit 1; done

# Each target of the fuzzer for so many seconds (needs cargo-fuzz); what is new stays in fuzz/target
fuzz SECONDS="60":
    fuzz/run {{ SECONDS }}

# The program against a real Prometheus, promtool, reference parsers, Cloudflare's SDK and mocks of its API
e2e *TESTS:
    cargo build --locked
    tests/e2e/run target/debug/cloudflare-aop-exporter {{ TESTS }}

# A poller with a state file that is killed 200 times
kill:
    LIVES=200 cargo test --locked --test it -- kill:: --nocapture

# The unit against systemd, and the dashboard against Grafana's types
deploy:
    tests/systemd-unit
    tests/dashboard/types

# Generates the dashboard from tests/dashboard/dashboard.py
dashboard:
    tests/dashboard/dashboard.py

# The program as the container has it, in an empty root (as root)
static PROFILE="release":
    .ci/static {{ PROFILE }}
    tests/empty-root target/static/cloudflare-aop-exporter

# The image as target/image.tar, of what `just static` has built; no engine is needed
image:
    .ci/image

# A simulated account on http://127.0.0.1:10219
demo *ARGS:
    cargo run --release --locked -- demo {{ ARGS }}

# Everything that continuous integration runs, installing what it needs
ci:
    .ci/run
