//! Numbers as the text formats have them.

use std::fmt::Write;

/// Adds a whole number.
#[inline]
pub(super) fn whole(buffer: &mut Vec<u8>, number: u64) {
    // As most buckets and counts are.
    #[allow(clippy::cast_possible_truncation)] // below 10
    if number < 10 {
        buffer.push(b'0' + number as u8);
    } else {
        buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

/// Adds a whole number that may be negative.
pub(super) fn signed(buffer: &mut Vec<u8>, number: i64) {
    if number < 0 {
        buffer.push(b'-');
    }
    whole(buffer, number.unsigned_abs());
}

/// Adds a value: the shortest text that reads back as the same number.
pub(super) fn value(buffer: &mut Vec<u8>, number: f64) {
    /// Up to here every whole number is a different f64.
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    #[allow(clippy::cast_possible_truncation)] // it is looked at whether it did
    let whole = number as i64;
    #[allow(clippy::float_cmp)] // the same one, or not whole
    if whole as f64 == number && whole.unsigned_abs() < EXACT {
        signed(buffer, whole);
    } else if number.is_finite() {
        if !nanoseconds(buffer, number) {
            buffer.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        }
    } else {
        buffer.extend_from_slice(not_finite(number).as_bytes());
    }
}

/// Adds a number of seconds that is a whole number of nanoseconds, as sums of durations are: in a fraction of the time that
/// it takes for any f64. False, and nothing added, if it is none.
fn nanoseconds(buffer: &mut Vec<u8>, number: f64) -> bool {
    const SECOND: u64 = 1_000_000_000;
    // Below this, the quotient of the two whole numbers is the f64 that their decimal fraction is read as.
    const MOST: f64 = 9_007_199.0;
    if !(0.0..MOST).contains(&number) {
        return false;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, and below 2^53
    let whole = (number * 1e9 + 0.5) as u64;
    #[allow(clippy::float_cmp)] // the same one, or another
    if whole as f64 / 1e9 != number {
        return false;
    }
    self::whole(buffer, whole / SECOND);
    buffer.push(b'.');
    // With the zeros that come before it, but for the one in place of the point.
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(SECOND + whole % SECOND);
    buffer.extend_from_slice(digits[1..].trim_end_matches('0').as_bytes());
    true
}

fn not_finite(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => "NaN",
    }
}

/// A number that is the value of a label (`le`, `quantile`), in OpenMetrics' canonical form: `1.0`, `0.005`, `1e+06`.
/// Spelled otherwise it would be another series.
pub(super) fn label(number: f64) -> String {
    if !number.is_finite() {
        return not_finite(number).to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let mut text = String::new();
    // As Go's strconv.FormatFloat(number, 'g', -1, 64), whose spelling it is.
    if (-4..6).contains(&exponent) {
        text = number.to_string();
        if !text.contains('.') {
            text.push_str(".0");
        }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "{mantissa}e{sign}{:02}", exponent.abs());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Go 1.19's FormatFloat(number, 'g', -1, 64) gives, with `.0` where that has neither point nor exponent.
    #[test]
    fn s3_bounds_are_spelled_in_the_canonical_way() {
        for (number, text) in [
            (0.005, "0.005"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.0, "0.0"),
            (1.0, "1.0"),
            (2.5, "2.5"),
            (10.0, "10.0"),
            (65_536.0, "65536.0"),
            (100_000.0, "100000.0"),
            (1_000_000.0, "1e+06"),
            (1_048_576.0, "1.048576e+06"),
            (123_456_789.5, "1.234567895e+08"),
            (1e21, "1e+21"),
            (1e300, "1e+300"),
            (-1.0, "-1.0"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(label(number), text);
        }
    }

    #[test]
    fn durations_read_back_as_the_same_number() {
        let text = |number| {
            let mut buffer = Vec::new();
            value(&mut buffer, number);
            String::from_utf8(buffer).unwrap()
        };
        for n in (0..200_000u64).map(|n| n * n * 225_179 + n) {
            let seconds = n as f64 / 1e9;
            assert_eq!(text(seconds).parse(), Ok(seconds), "{n} ns");
        }
        assert_eq!(
            [0.5, 1.000_000_001, 0.1, 1e-9, 9_007_198.25].map(text),
            ["0.5", "1.000000001", "0.1", "0.000000001", "9007198.25"]
        );
    }

    #[test]
    fn values_read_back_as_the_same_number() {
        let text = |number| {
            let mut buffer = Vec::new();
            value(&mut buffer, number);
            String::from_utf8(buffer).unwrap()
        };
        for number in [0.0, 1.0, -1.0, 0.1, 1e-300, 1e300, 9_007_199_254_740_993.0, f64::MIN_POSITIVE, 1.5e9 + 0.123] {
            assert_eq!(text(number).parse(), Ok(number));
        }
        assert_eq!([17.0, -17.0, -0.0, 100.0].map(text), ["17", "-17", "0", "100"]);
        assert_eq!(text(i64::MIN as f64).parse(), Ok(i64::MIN as f64));
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(text), ["+Inf", "-Inf", "NaN"]);
    }
}
