//! Serial numbers, as decimal digits and as DER.

/// Returns true if a number in decimal digits is the integer of these DER bytes (X.690, section 8.3).
///
/// Some issuers forget the zero byte before a positive number whose first bit is set, which makes it negative. Both
/// decimal forms are then equal to it: the negative number of the DER, and the positive number that was meant.
pub(super) fn is_equal(decimal: &str, bytes: &[u8]) -> bool {
    let (digits, bytes) = match decimal.strip_prefix('-') {
        Some(digits) if bytes.first().is_some_and(|first| *first >= 0x80) => (digits, negated(bytes)),
        Some(_) => return false,
        None => (decimal, bytes.to_owned()),
    };
    // a text that is not a number is not equal
    magnitude(digits).is_some_and(|magnitude| *magnitude == *without_leading_zeros(&bytes))
}

/// Returns true if two texts are different numbers in decimal digits. A text that is not a number never differs.
pub(super) fn differ(one: &str, other: &str) -> bool {
    let number = |text: &str| {
        let (sign, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        magnitude(digits).map(|magnitude| (sign, magnitude))
    };
    number(one).zip(number(other)).is_some_and(|(one, other)| one != other)
}

/// Returns the big-endian bytes of a number in decimal digits, without leading zeros.
///
/// Serial numbers have up to 20 bytes (RFC 5280, section 4.1.2.2); 100 digits allow for longer ones of liberal issuers.
fn magnitude(digits: &str) -> Option<Box<[u8]>> {
    if digits.is_empty() || digits.len() > 100 {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new(); // little-endian while it grows
    for byte in digits.bytes() {
        let mut carry = u16::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        for byte in &mut bytes {
            let [low, high] = (u16::from(*byte) * 10 + carry).to_le_bytes();
            *byte = low;
            carry = u16::from(high);
        }
        if carry > 0 {
            bytes.push(carry.to_le_bytes()[0]);
        }
    }
    bytes.reverse();
    Some(bytes.into())
}

/// Returns the two's complement of a big-endian number.
fn negated(bytes: &[u8]) -> Vec<u8> {
    let (mut negated, mut carry) = (bytes.to_owned(), true);
    for byte in negated.iter_mut().rev() {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
    negated
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_digits_become_bytes() {
        assert!(magnitude("0").unwrap().is_empty());
        assert_eq!(*magnitude("255").unwrap(), [255]);
        assert_eq!(*magnitude("256").unwrap(), [1, 0]);
        assert_eq!(*magnitude("18446744073709551616").unwrap(), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(*magnitude("0065536").unwrap(), [1, 0, 0]);
        assert!(magnitude(&"9".repeat(100)).is_some());
        assert_eq!(magnitude(&"9".repeat(101)), None);
    }

    #[test]
    fn a_negative_number_in_der_equals_itself_and_the_positive_number_that_was_meant() {
        for (decimal, bytes) in [
            ("-5", &[0xfb][..]),
            ("251", &[0xfb]),
            ("-256", &[0xff, 0x00]),
            ("65280", &[0xff, 0x00]),
            ("-128", &[0x80]),
            ("128", &[0x80]),
            ("128", &[0x00, 0x80]),
            ("-36893488147419103232", &[0xfe, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert!(is_equal(decimal, bytes), "{decimal} {bytes:?}");
        }
        for (decimal, bytes) in [
            ("-5", &[0x05][..]),
            ("5", &[0xfb]),
            ("-251", &[0xfb]),
            ("-128", &[0x00, 0x80]),
            ("-0", &[0]),
            ("--5", &[0xfb]),
            ("-", &[0xff]),
            ("", &[]),
        ] {
            assert!(!is_equal(decimal, bytes), "{decimal} {bytes:?}");
        }
    }
    #[test]
    fn only_numbers_differ() {
        assert!(differ("1", "2") && differ("1", "-1"));
        for (one, other) in [("1", "001"), ("-5", "-05"), ("1", "0x1"), ("", "1")] {
            assert!(!differ(one, other), "{one} {other}");
        }
    }
}
