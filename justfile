# Development tasks. `just` lists them. `.ci/run` runs all checks.

[private]
default:
    @just --list --unsorted

# Runs all tests, which use only loopback addresses
test *ARGS:
    cargo test --locked {{ ARGS }}

# Checks formatting and runs clippy
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# Builds the documentation, including private items
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Builds the book of docs/ in target/book, and fails on dead links
book:
    tests/book/run

# Draws docs/images/rooms.svg from the table in tests/it/rooms.rs
picture:
    tests/book/picture.py

# Checks licences, sources and banned crates of the dependencies
deny:
    cargo deny --locked --offline check --hide-inclusion-graph bans licenses sources

# Runs all benches, or those with the given names
bench *ARGS:
    cargo bench --locked {{ ARGS }}

# Checks that memory and descriptors stay level under faults, reloads, changes and scrapers
soak MINUTES="2":
    cargo bench --locked --bench soak -- {{ MINUTES }}

# Measures scrapes, memory and polls against their limits in a few minutes (side-by-side needs nginx and wrk)
measure *NAMES="connections memory side-by-side":
    for name in {{ NAMES }}; do benches/$name || exit 1; done

# Runs each fuzz target for this many seconds (needs cargo-fuzz); new inputs are kept in fuzz/target
fuzz SECONDS="60":
    fuzz/run {{ SECONDS }}

# Tests the program with a real Prometheus, promtool, reference parsers, Cloudflare's SDK and mocks of its API
e2e *TESTS:
    cargo build --locked
    tests/e2e/run target/debug/cloudflare-aop-exporter {{ TESTS }}

# Tests the pages in Chromium
browser *TESTS:
    cargo build --locked
    tests/browser/run target/debug/cloudflare-aop-exporter {{ TESTS }}

# Generates the screenshots in docs/images
screenshots:
    cargo build --locked
    tests/browser/run target/debug/cloudflare-aop-exporter screenshots.mjs

# Tests a poller with a state file that is killed 200 times
kill:
    LIVES=200 cargo test --locked --test it -- kill:: --nocapture

# Checks the unit with systemd, the dashboard with Grafana's types, and the Helm chart with the schemas of Kubernetes
deploy:
    tests/systemd-unit
    tests/dashboard/types
    tests/chart/run

# Generates deploy/kubernetes/manifest.yaml from the chart
manifest:
    tests/chart/manifest

# Packages the Helm chart into target/chart
chart:
    .ci/chart

# Generates the dashboard from tests/dashboard/dashboard.py
dashboard:
    tests/dashboard/dashboard.py

# Builds the static program of the container and tests it in an empty root (as root)
static PROFILE="release":
    .ci/static {{ PROFILE }}
    tests/empty-root target/static/cloudflare-aop-exporter

# Builds a deb, an rpm and a tarball of the static program in target/packages
packages: static
    .ci/packages

# Tests installing, upgrading and removing the packages in a container with systemd (as root; needs mmdebstrap, lintian and rpmlint)
try-packages: static
    tests/packages/root
    tests/packages/run

# Builds the image as target/image.tar from the result of `just static`; needs no container engine
image:
    .ci/image

# Serves a simulated account on http://127.0.0.1:10219
demo *ARGS:
    cargo run --release --locked -- demo {{ ARGS }}

# Runs everything that continuous integration runs, and installs what it needs
ci:
    .ci/run
