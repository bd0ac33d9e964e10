//! Formatting of numbers.

/// Appends an integer.
pub fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a number in its shortest form. Integers below 2^53 are written without a decimal point.
pub fn float(out: &mut Vec<u8>, value: f64) {
    match exact(value) {
        Some(whole) => integer(out, whole),
        None => bound(out, value),
    }
}

/// Appends the bound of a bucket, always as a float (`1.0`). A bound is the text of a label, so it must never change its
/// form.
pub(super) fn bound(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

/// Returns the integer equal to `value`, if there is one below 2^53. From there on, floats skip integers.
fn exact(value: f64) -> Option<i64> {
    const LIMIT: u64 = 1 << 53;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the result is used only if it converts back to the same float"
    )]
    let whole = value as i64;
    // comparing bits tells -0.0 from 0.0
    let same = (whole as f64).to_bits() == value.to_bits();
    (same && whole.unsigned_abs() < LIMIT).then_some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_written_in_its_shortest_form() {
        let of = |value| text(|out| float(out, value));
        assert_eq!(of(0.0), "0");
        assert_eq!(of(-1.0), "-1");
        assert_eq!(of(1_800_000_000.0), "1800000000");
        assert_eq!(of(0.1), "0.1");
        assert_eq!(of(-0.0), "-0.0");
        assert_eq!(of(9_007_199_254_740_991.0), "9007199254740991");
        assert_eq!(of(9_007_199_254_740_992.0), "9007199254740992.0");
        assert_eq!(of(1e300), "1e300");
    }

    #[test]
    fn nan_and_infinity_are_written_by_name() {
        let of = |value| text(|out| float(out, value));
        assert_eq!(of(f64::NAN), "NaN");
        assert_eq!(of(f64::INFINITY), "+Inf");
        assert_eq!(of(f64::NEG_INFINITY), "-Inf");
    }

    #[test]
    fn a_bucket_bound_is_written_as_a_float() {
        let of = |value| text(|out| bound(out, value));
        assert_eq!(of(1.0), "1.0");
        assert_eq!(of(0.05), "0.05");
        assert_eq!(of(1800.0), "1800.0");
        assert_eq!(of(f64::INFINITY), "+Inf");
    }

    proptest! {
        #[test]
        fn a_value_reads_back_as_itself(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let back: f64 = text(|out| float(out, value)).parse().unwrap();
            prop_assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()));
        }
    }
}
