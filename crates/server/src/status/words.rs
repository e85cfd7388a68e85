//! Times, durations and reasons as people read them. All times are in UTC: who reads may be anywhere.

use std::time::Duration;

use probe::Counts;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Between two times in milliseconds of Unix time; nothing where the clock went back.
pub(super) fn between(from: i64, to: i64) -> Duration {
    Duration::from_millis(u64::try_from(to.saturating_sub(from)).unwrap_or_default())
}

/// Of a number in JSON, which may be any.
pub(super) fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

/// `2026-11-28T08:41:00Z`.
pub(super) fn rfc3339(ms: i64) -> String {
    probe::rfc3339(ms.div_euclid(1000)).unwrap_or_else(|| format!("Unix time {}", ms.div_euclid(1000)))
}

/// `2026-11-28 08:41 UTC`.
pub(super) fn date_time(ms: i64) -> String {
    let text = rfc3339(ms);
    text.get(..16).filter(|_| text.ends_with('Z')).map_or(text.clone(), |minutes| minutes.replace('T', " ") + " UTC")
}

/// `08:41 UTC` for one of today, else with its date.
pub(super) fn since(ms: i64, now: i64) -> String {
    let text = date_time(ms);
    let today = date_time(now);
    match text.split_once(' ') {
        Some((date, time)) if today.starts_with(date) => time.to_owned(),
        _ => text,
    }
}

/// Of a certificate.
pub(super) fn date(unix: i64) -> String {
    let text = rfc3339(unix.saturating_mul(1000));
    text.split('T').next().unwrap_or(&text).to_owned()
}

/// How long something lasted, in one or two units: `9 min`, `3 h 5 min`, `2 d 4 h`.
pub(super) fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        let (whole, rest) = (seconds / big, seconds % big / small);
        if rest == 0 { format!("{whole} {big_unit}") } else { format!("{whole} {big_unit} {rest} {small_unit}") }
    };
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(HOUR, "h", MINUTE, "min"),
        _ => two(DAY, "d", HOUR, "h"),
    }
}

/// How long an answer took: three digits that count.
pub(super) fn latency(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..0.9995 => format!("{:.0} µs", ms * 1e3),
        ..9.995 => format!("{ms:.2} ms"),
        ..99.95 => format!("{ms:.1} ms"),
        ..999.5 => format!("{ms:.0} ms"),
        ..9995.0 => format!("{:.2} s", ms / 1e3),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

/// `99.95 %`. What is not all is never said to be.
pub(super) fn percent(share: f64) -> String {
    // Rounded down: 99.996 % are not 100 %.
    let hundredths = (share * 1e4).floor();
    if share >= 1.0 { "100 %".to_owned() } else { format!("{:.2} %", hundredths / 1e2) }
}

/// The share of good runs, where any was due.
pub(super) fn uptime(counts: &Counts) -> String {
    counts.uptime().map_or_else(|| "no data".to_owned(), percent)
}

/// Why a run failed, by the word that metrics have for it, and the status of the answer, if there was one.
pub(super) fn reason(word: &str, status: Option<u16>) -> String {
    let words = match word {
        "status" => {
            return status.map_or_else(|| "an unexpected status".to_owned(), |status| format!("it answers {status}"));
        }
        "dns_not_found" => "its name has no address",
        "dns_failure" => "its name cannot be looked up",
        "dns_timeout" => "the look-up of its name took too long",
        "connect_refused" => "it refuses connections",
        "connect_unreachable" => "there is no way to it",
        "connect_timeout" => "connecting took too long",
        "tls_handshake" => "the TLS handshake failed",
        "tls_timeout" => "the TLS handshake took too long",
        "tls_expired" => "certificate expired",
        "tls_not_yet_valid" => "certificate not yet valid",
        "tls_wrong_name" => "certificate for another name",
        "tls_untrusted" => "certificate not trusted",
        "connection_closed" => "it closes the connection without an answer",
        "protocol" => "its answer is not valid HTTP",
        "response_timeout" => "no answer in time",
        "body_timeout" => "its answer does not end in time",
        "body_truncated" => "its answer is cut short",
        "body_too_large" => "its answer is too large",
        "redirect" => "a redirect that leads nowhere",
        "blocked" => "it leads where probes may not go",
        "ssl" => "TLS where none should be, or none where it should",
        "http_version" => "an unexpected version of HTTP",
        "header" => "an unexpected header",
        "body" => "an unexpected text",
        "internal" => "the prober itself failed",
        other => other,
    };
    words.to_owned()
}

/// Two digits a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// A text of a peer on one line, no longer than `most` characters.
pub(super) fn short(text: &str, most: usize) -> String {
    let line = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    match text.char_indices().nth(most) {
        Some((end, _)) => line(&text[..end]) + "…",
        None => line(text),
    }
}

#[cfg(test)]
mod tests {
    use metrics_core::Reason;

    use super::*;

    #[test]
    fn durations_are_said_in_at_most_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (11_100, "3 h 5 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 d"),
            (187_200, "2 d 4 h"),
        ] {
            assert_eq!(lasting(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn latencies_have_three_digits_that_count() {
        for (micros, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (9_994, "9.99 ms"),
            (9_996, "10.0 ms"),
            (143_400, "143 ms"),
            (999_600, "1.00 s"),
            (12_340_000, "12.3 s"),
        ] {
            assert_eq!(latency(Duration::from_micros(micros)), text, "{micros}");
        }
    }

    #[test]
    fn only_all_is_a_hundred_percent() {
        for (good, all, text) in [(0, 7, "0.00 %"), (1, 3, "33.33 %"), (99_999, 100_000, "99.99 %"), (5, 5, "100 %")] {
            assert_eq!(percent(f64::from(good) / f64::from(all)), text);
        }
    }

    #[test]
    fn times_of_today_have_no_date() {
        let (now, minute) = (1_795_862_640_000, 60_000);
        assert_eq!(date_time(now), "2026-11-28 10:44 UTC");
        assert_eq!(since(now - 9 * minute, now), "10:35 UTC");
        assert_eq!(since(now - 11 * 60 * minute, now), "2026-11-27 23:44 UTC");
        assert_eq!(since(now + 60_000, now), "10:45 UTC", "a clock that was set back");
        assert_eq!(between(now + 1, now), Duration::ZERO);
        assert_eq!(date(1_795_862_640), "2026-11-28");
        assert_eq!(date_time(i64::MAX), "Unix time 9223372036854775");
    }

    #[test]
    fn every_reason_has_words() {
        for word in Reason::ALL {
            let words = reason(word.as_str(), Some(500));
            assert!(words != word.as_str() && !words.contains('_'), "{word}: {words}");
        }
        assert_eq!(reason("status", Some(503)), "it answers 503");
    }

    #[test]
    fn texts_of_peers_are_short_and_on_one_line() {
        assert_eq!(short("a\n\u{1b}[1mb", 10), "a  [1mb");
        assert_eq!(short("ääää", 3), "äää…");
    }
}
