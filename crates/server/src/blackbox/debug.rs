//! `debug=true`: what was done, what would have been answered, and the module: the three parts of blackbox_exporter's page.

use std::fmt::Write;
use std::time::Duration;

use metrics_core::{BlackboxProbe, Phase};
use probe::{Hop, RunReport, Spec};

pub(super) fn text(module: &str, spec: &Spec, report: &RunReport, probe: BlackboxProbe) -> String {
    let mut text = "Logs for the probe:\n".to_owned();
    // Writing to a String cannot fail.
    let timeout = spec.timeout.as_secs_f64();
    let _ = writeln!(text, "level=info msg=\"Beginning probe\" module={module:?} timeout_seconds={timeout}");
    for (n, hop) in report.hops.iter().enumerate() {
        self::hop(&mut text, n, hop);
    }
    let duration = report.outcome.total.as_secs_f64();
    let _ = match &report.failure {
        None => writeln!(text, "level=info msg=\"Probe succeeded\" duration_seconds={duration}"),
        Some(failure) => {
            let phase = failure.phase.map(|phase| format!(" phase={phase}")).unwrap_or_default();
            let (reason, detail) = (failure.reason, &failure.detail);
            writeln!(
                text,
                "level=error msg=\"Probe failed\" reason={reason}{phase} detail={detail:?} duration_seconds={duration}"
            )
        }
    };
    let _ = write!(text, "\n\n\nMetrics that would have been returned:\n{}", probe.to_text());
    let _ = write!(text, "\n\n\nModule configuration:\n{}", spec.client.module());
    text
}

fn hop(text: &mut String, n: usize, hop: &Hop) {
    // Who asks knows the query of what he asks for. That of a redirect may be a secret between others.
    let url = if n == 0 { hop.url.as_str() } else { hop.shown() };
    let _ = writeln!(text, "level=info msg=\"Making HTTP request\" roundtrip={n} url={url:?}");
    for (address, why) in &hop.tried {
        let _ = writeln!(text, "level=warn msg=\"Could not connect\" roundtrip={n} address={address} err={why:?}");
    }
    if let Some(address) = hop.address {
        let _ = writeln!(text, "level=info msg=\"Connected\" roundtrip={n} address={address}");
    }
    if let Some(tls) = &hop.tls {
        let (version, cipher) = (tls.version.unwrap_or("none"), tls.cipher.unwrap_or("none"));
        let _ = writeln!(text, "level=info msg=\"TLS\" roundtrip={n} version={version:?} cipher={cipher}");
        if let Some(why) = &tls.rejected {
            let _ = writeln!(text, "level=warn msg=\"Certificate not trusted\" roundtrip={n} err={why:?}");
        }
    }
    if let (Some(status), Some(version)) = (hop.status, hop.version) {
        let body = hop.body.unwrap_or_default();
        let (sent, decoded) = (body.bytes, body.decoded);
        let _ = writeln!(
            text,
            "level=info msg=\"Received HTTP response\" roundtrip={n} status_code={status} version={version:?} \
             body_bytes={sent} decoded_bytes={decoded}"
        );
    }
    let seconds = |time: Duration| time.as_secs_f64();
    let reached = Phase::ALL.iter().zip(hop.phases).filter_map(|(phase, time)| Some((phase, seconds(time?))));
    let _ = write!(text, "level=info msg=\"Response timings for roundtrip\" roundtrip={n}");
    for (phase, seconds) in reached {
        let _ = write!(text, " {phase}_seconds={seconds}");
    }
    text.push('\n');
}
