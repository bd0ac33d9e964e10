//! A private key: held in memory that is wiped, never printed, and taken out of whatever repeats it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::SigningKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

/// A private key in PEM. It has no `Display` and no `Serialize`, and its `Debug` is redacted.
#[derive(Clone)]
pub struct PrivateKey {
    pem: Arc<SecretString>,
    repeated: Arc<Repeated>,
}

/// Why a text is not a private key; it never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no section that holds a key.
    #[error("expected a private key in PEM, such as \"-----BEGIN PRIVATE KEY-----\", found none")]
    Missing,
    /// There is a certificate and no key.
    #[error("expected a private key, found a certificate")]
    Certificate,
    /// The key is protected by a password.
    #[error(
        "the private key is encrypted, and Cloudflare takes it without a password only: \
         \"openssl pkey -in FILE | cloudflare-aop-exporter … --key - --yes\" decrypts it without writing it to a file"
    )]
    Encrypted,
    /// The section does not hold a key that can be used.
    #[error("the private key cannot be read: it is damaged, or neither RSA of at least 2048 bits nor ECDSA")]
    Unusable,
}

impl PrivateKey {
    /// Takes the first private key of a text in PEM: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// Fails if there is none, it is encrypted, or it cannot be used.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let labels = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
        let start = labels.iter().filter_map(|label| text.find(&format!("-----BEGIN {label}-----"))).min();
        let Some(start) = start else {
            let has = |label: &str| text.contains(&format!("-----BEGIN {label}"));
            return Err(match () {
                () if has("ENCRYPTED PRIVATE KEY") => KeyError::Encrypted,
                () if has("CERTIFICATE") => KeyError::Certificate,
                () => KeyError::Missing,
            });
        };
        let section = &text[start..];
        let end = section.find("-----END ").ok_or(KeyError::Unusable)?;
        let rest = section[end..].get("-----END ".len()..).and_then(|rest| rest.find("-----"));
        let section = &section[..end + "-----END ".len() + rest.ok_or(KeyError::Unusable)? + "-----".len()];
        if section.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let key =
            Self { pem: Arc::new(format!("{section}\n").into()), repeated: Arc::new(Repeated::of(section)) };
        key.signing().map(|_| key)
    }

    /// The key as TLS signs with it.
    pub(super) fn signing(&self) -> Result<Arc<dyn SigningKey>, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(self.expose().as_bytes());
        let mut der = der.map_err(|_| KeyError::Unusable)?;
        let key = any_supported_type(&der).map_err(|_| KeyError::Unusable);
        der.zeroize();
        key
    }

    /// The key in PEM, for the request that uploads it.
    pub fn expose(&self) -> &str {
        self.pem.expose_secret()
    }

    /// The same words with everything that repeats the key made unreadable.
    pub fn hidden_in<'w>(&self, words: &'w str) -> Cow<'w, str> {
        match self.hidden_in_bytes(words.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(words),
            // only ASCII was replaced, by ASCII
            Cow::Owned(hidden) => Cow::Owned(String::from_utf8_lossy(&hidden).into_owned()),
        }
    }

    /// The same bytes with everything that repeats the key made unreadable. As many as before: JSON stays JSON.
    pub fn hidden_in_bytes<'o>(&self, bytes: &'o [u8]) -> Cow<'o, [u8]> {
        self.repeated.hide(bytes)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

/// Recognises parts of a key, of which it keeps nothing but keyed hashes.
struct Repeated {
    parts: HashSet<u64>,
    hasher: RandomState,
}

/// The length of the parts that are recognised. A part is 72 bits of the key, too many to occur elsewhere by chance.
const PART: usize = 12;

impl Repeated {
    /// The parts of the key in `pem`, whose lines may be joined where they are repeated.
    fn of(pem: &str) -> Self {
        let lines = pem.lines().filter(|line| !line.contains(['-', ':']));
        let mut base64: String = lines.flat_map(str::split_whitespace).collect();
        let hasher = RandomState::new();
        let parts = base64.as_bytes().windows(PART).map(|part| hasher.hash_one(part)).collect();
        base64.zeroize();
        Self { parts, hasher }
    }

    fn hide<'o>(&self, bytes: &'o [u8]) -> Cow<'o, [u8]> {
        let mut hidden = Cow::Borrowed(bytes);
        for (place, part) in bytes.windows(PART).enumerate() {
            if self.parts.contains(&self.hasher.hash_one(part)) {
                hidden.to_mut()[place..place + PART].fill(b'*');
            }
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated() -> String {
        rcgen::KeyPair::generate().unwrap().serialize_pem()
    }

    #[test]
    fn a_key_is_taken_from_among_other_sections_and_never_printed() {
        let pem = generated();
        let text =
            format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{pem}trailing words");
        let key = PrivateKey::parse(&text).unwrap();
        assert_eq!(key.expose().trim(), pem.trim());
        assert_eq!(format!("{key:?}"), "PrivateKey(redacted)");
    }

    #[test]
    fn what_is_no_usable_key_is_told_apart_without_repeating_it() {
        let parsed = |text: &str| PrivateKey::parse(text).map(|_| ()).unwrap_err();
        let pem = generated();
        assert_eq!(parsed(""), KeyError::Missing);
        assert_eq!(parsed("-----BEGIN CERTIFICATE-----\n"), KeyError::Certificate);
        assert_eq!(parsed(&pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")), KeyError::Encrypted);
        let legacy =
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----";
        assert_eq!(parsed(legacy), KeyError::Encrypted);
        assert_eq!(parsed(&pem[..pem.len() / 2]), KeyError::Unusable);
        assert_eq!(parsed(&pem.replacen("MIG", "AAA", 1)), KeyError::Unusable);
    }

    #[test]
    fn no_sixteen_characters_of_a_key_are_left_in_words_that_repeat_it() {
        let pem = generated();
        let key = PrivateKey::parse(&pem).unwrap();
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for words in [pem.clone(), base64.clone(), pem.replace('\n', "\\n"), format!("é{}", &base64[3..40])]
        {
            let hidden = key.hidden_in(&format!("it was {words}, sent")).into_owned();
            assert!(hidden.starts_with("it was ") && hidden.ends_with(", sent"), "{hidden}");
            for text in [&pem, &base64] {
                let lines = text.lines().filter(|line| !line.starts_with('-'));
                for part in lines.flat_map(|line| line.as_bytes().windows(16)) {
                    assert!(!hidden.contains(str::from_utf8(part).unwrap()), "{hidden}");
                }
            }
        }
        assert!(matches!(key.hidden_in("nothing of it"), Cow::Borrowed("nothing of it")));
    }
}
