//! Password hashes.

use std::fmt;
use std::str::FromStr;

/// The bcrypt hash of a password.
#[derive(Clone)]
pub struct Hash {
    text: String,
    cost: u32,
}

/// The reason why a text is not a password hash. The message never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The text is not a bcrypt hash.
    #[error("expected the bcrypt hash of a password, as htpasswd -nB prints it")]
    Form,
    /// The cost is out of range. bcrypt has no lower cost, and with a higher one a check takes seconds.
    #[error("expected a bcrypt hash of cost 4 to 16")]
    Cost,
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let parts: bcrypt::HashParts = text.parse().map_err(|_| HashError::Form)?;
        // $2b$12$, then 22 characters of salt and 31 of hash, neither of which the parser checks
        let encoded = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/';
        if text.len() != 60 || !text.bytes().skip(7).all(encoded) {
            return Err(HashError::Form);
        }
        let cost = parts.get_cost();
        if (4..=16).contains(&cost) { Ok(Self { text: text.to_owned(), cost }) } else { Err(HashError::Cost) }
    }
}

impl Hash {
    /// Returns the cost. Each increment doubles the time of a check.
    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Returns the hash as text. All hashes have the same length.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Checks `password`. Takes as long as for a hash of cost `highest`, so that the time reveals nothing.
    pub(super) fn verify(&self, password: &[u8], highest: u32) -> bool {
        let correct = bcrypt::verify(password, &self.text).unwrap_or(false);
        for cost in self.cost..highest {
            std::hint::black_box(bcrypt::bcrypt(cost, [0; 16], b"x"));
        }
        correct
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(redacted)")
    }
}
