//! The formats of `/metrics`, by their Content-Type: exactly so, as Prometheus 3 refuses what it does not know.

pub(super) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
