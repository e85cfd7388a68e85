//! The command line, declared once: the parser and `--help` are made from it.

// The macro writes `pub` items into this private module.
#![allow(unreachable_pub)]

use crate::stack::Profile;
use crate::test::suite::Suite;

xflags::xflags! {
    /// Tasks of this workspace. Start with `cargo xtask up`, or `cargo xtask up --native` without a container engine.
    ///
    /// Environment: ACTIX_EXPORTER_PORT (2121), PROMETHEUS_PORT (9090), ALERTMANAGER_PORT (9093) and GRAFANA_PORT (3000) are
    /// the ports on 127.0.0.1, COMPOSE_PROJECT_NAME (actix-exporter) names the stack; ACTIX_EXPORTER_TARGET and the like
    /// reach the exporter, EXPORTER_CONFIG is the folder that it finds at /etc/actix-exporter: docs/stack.md.
    cmd xtask {
        /// Build and start the exporter and Prometheus, wait until both work, print what they do and their URLs.
        /// What runs already stays as it is, or is brought up to date.
        cmd up {
            /// alertmanager, grafana or fleet (three exporters more, which share targets): start that, too; repeatable.
            repeated --profile profile: Profile
            /// Without containers: the server and a local `prometheus`, in the foreground until Ctrl-C.
            optional --native
            /// Put the crates into the build context first: for build containers that reach no crate registry.
            optional --vendor
        }
        /// What each service of the stack is doing.
        cmd ps {}
        /// Stop the stack, and remove its containers, network and volumes.
        cmd down {}
        /// Follow the logs of the stack.
        cmd logs {
            /// Print what there is and end.
            optional --no-follow
        }
        /// Build the release binary, static on Linux; print its path and size.
        cmd build {
            /// Build the container image instead.
            optional --image
            /// With --image: put the crates into the build context first.
            optional --vendor
        }
        /// Make target/dist/actix-exporter-VERSION-….tar.gz: static binary, completions, manual page, systemd units, checksums, and
        /// the list of all crates in it (CycloneDX).
        cmd dist {}
        /// Check formatting, clippy and the docs; any warning fails.
        cmd lint {}
        /// Write the tables of docs/metrics.md: names, types, labels and HELP of a live scrape. The last column stays as it is.
        cmd metrics {
            /// Write nothing: fail if the page says something else.
            optional --check
        }
        /// Measure what something costs; print a table for docs/performance.md.
        cmd bench {
            /// The doors: how long a request waits during a flood of wrong passwords, and beside a thousand idle connections.
            /// As root on Debian it installs blackbox_exporter, if it is missing.
            cmd doors {
                /// Fail if a figure is over its limit.
                optional --check
            }
            /// The engine: 10,000 targets each minute over TLS: processor time, memory, lag, peers that hang, scrapes.
            cmd engine {
                /// Fail if a figure is over its limit.
                optional --check
            }
            /// The middleware: a request's time, instructions and allocations, beside those of its peers.
            cmd middleware {
                /// Fail if a figure is over its limit.
                optional --check
            }
            /// The probe: processor time of a run over HTTP and HTTPS, beside blackbox_exporter's.
            /// As root on Debian it installs that, if it is missing.
            cmd probe {
                /// Fail if a figure is over its limit.
                optional --check
            }
            /// The scrape: processor time, memory and the latency of other requests, beside the prometheus crate's.
            cmd scrape {
                /// Fail if a figure is over its limit.
                optional --check
            }
            /// The history and its pages: bytes of a target, a commit, and the list of 10,000 targets.
            cmd status {
                /// Fail if a figure is over its limit.
                optional --check
            }
        }
        /// Run the tests of all faults in docs/reliability.md, and see to it that each fault was tried. They are among those of `test`, too.
        cmd faults {
            /// Install nothing: what lacks its needs is skipped.
            optional --no-setup
            /// A skipped test is a failure.
            optional --no-skips
        }
        /// Look for bytes that break what xtask/fuzz/targets say of them: all targets, or those named. Installs cargo-fuzz, if it is missing.
        cmd fuzz {
            /// How long each is tried, 20 by default.
            optional --seconds seconds: u64
            /// accept, configuration, credentials, exposition, head or url
            repeated target: String
        }
        /// Load two servers with everything that clients do, and compare the books at the end: to the request, to the run. In a container
        /// with next to no rights and 64 MB, where there is an engine.
        cmd soak {
            /// How long, 5 by default; an hour for docs/reliability.md.
            optional --minutes minutes: f64
        }
        /// Run the tests: all suites, or those named, of cargo, clocks, resolver, blackbox, browser, docs, rules, prometheus, batch, parsers, fuzz, supply, stack, soak.
        /// As root on Debian it installs what the suites need and is missing.
        cmd test {
            /// Install nothing: a suite whose needs are missing is skipped.
            optional --no-setup
            /// A skipped test is a failure.
            optional --no-skips
            /// cargo, clocks, resolver, blackbox, browser, docs, rules, prometheus, batch, parsers, fuzz, supply, stack or soak
            repeated suite: Suite
        }
    }
}
