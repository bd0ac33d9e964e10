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

# The book of docs/ in target/book, without dead links
book:
    tests/book/run

# Draws docs/images/rooms.svg from the table in tests/it/rooms.rs
picture:
    tests/book/picture.py

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

# The pages in Chromium
browser *TESTS:
    cargo build --locked
    tests/browser/run target/debug/cloudflare-aop-exporter {{ TESTS }}

# Makes the screenshots in docs/images
screenshots:
    cargo build --locked
    tests/browser/run target/debug/cloudflare-aop-exporter screenshots.mjs

# A poller with a state file that is killed 200 times
kill:
    LIVES=200 cargo test --locked --test it -- kill:: --nocapture

# The unit against systemd, the dashboard against Grafana's types, and the Helm chart against the schemas of Kubernetes
deploy:
    tests/systemd-unit
    tests/dashboard/types
    tests/chart/run

# Generates deploy/kubernetes/manifest.yaml from the chart
manifest:
    tests/chart/manifest

# Packages the Helm chart in target/chart
chart:
    .ci/chart

# Generates the dashboard from tests/dashboard/dashboard.py
dashboard:
    tests/dashboard/dashboard.py

# The program as the container has it, in an empty root (as root)
static PROFILE="release":
    .ci/static {{ PROFILE }}
    tests/empty-root target/static/cloudflare-aop-exporter

# A deb, an rpm and a tarball of the static program, in target/packages
packages: static
    .ci/packages

# The packages, installed, upgraded and removed on a systemd in a container (as root; needs mmdebstrap, lintian and rpmlint)
try-packages: static
    tests/packages/root
    tests/packages/run

# The image as target/image.tar, of what `just static` has built; no engine is needed
image:
    .ci/image

# A simulated account on http://127.0.0.1:10219
demo *ARGS:
    cargo run --release --locked -- demo {{ ARGS }}

# Everything that continuous integration runs, installing what it needs
ci:
    .ci/run
