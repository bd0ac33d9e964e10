//! Numbers as the text formats write them.

/// Appends a whole number.
pub fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends any number in its shortest form; whole ones as [`integer`] does where that says the same.
pub fn float(out: &mut Vec<u8>, value: f64) {
    match exact(value) {
        Some(whole) => integer(out, whole),
        None => bound(out, value),
    }
}

/// Appends the bound of a bucket, which looks like a float even where it is whole: it is text, and has one form.
pub(super) fn bound(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

/// The same number as an integer, below 2^53, where every integer is a float of its own.
fn exact(value: f64) -> Option<i64> {
    const LIMIT: u64 = 1 << 53;
    #[expect(clippy::cast_possible_truncation, reason = "what does not come back the same is refused")]
    let whole = value as i64;
    // the bits tell the negative zero from zero
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
    fn what_is_no_number_has_a_name() {
        let of = |value| text(|out| float(out, value));
        assert_eq!(of(f64::NAN), "NaN");
        assert_eq!(of(f64::INFINITY), "+Inf");
        assert_eq!(of(f64::NEG_INFINITY), "-Inf");
    }

    #[test]
    fn a_bound_is_written_as_a_float() {
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
