//! Private keys: wiped from memory, never printed, and hidden in any text that repeats them.

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

/// The reason why a text is not a private key. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text has no section with a key.
    #[error("expected a private key in PEM, such as \"-----BEGIN PRIVATE KEY-----\", found none")]
    Missing,
    /// The text has a certificate and no key.
    #[error("expected a private key, found a certificate")]
    Certificate,
    /// The key is protected by a password.
    #[error(
        "the private key is encrypted, and Cloudflare accepts only unencrypted keys: \
         \"openssl pkey -in FILE | cloudflare-aop-exporter … --key - --yes\" decrypts it without writing it to a file"
    )]
    Encrypted,
    /// The section has no usable key.
    #[error("the private key cannot be read: it is damaged, or neither RSA of at least 2048 bits nor ECDSA")]
    Unusable,
}

impl PrivateKey {
    /// Parses the first private key of a text in PEM: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// Fails if there is no key, or it is encrypted or unusable.
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

    /// Returns the key in the form that TLS signs with.
    pub(super) fn signing(&self) -> Result<Arc<dyn SigningKey>, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(self.expose().as_bytes());
        let mut der = der.map_err(|_| KeyError::Unusable)?;
        let key = any_supported_type(&der).map_err(|_| KeyError::Unusable);
        der.zeroize();
        key
    }

    /// Returns the key in PEM, for the request that uploads it.
    pub fn expose(&self) -> &str {
        self.pem.expose_secret()
    }

    /// Replaces every part of the text that repeats the key.
    pub fn hidden_in<'w>(&self, words: &'w str) -> Cow<'w, str> {
        match self.hidden_in_bytes(words.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(words),
            // only ASCII was replaced, with ASCII
            Cow::Owned(hidden) => Cow::Owned(String::from_utf8_lossy(&hidden).into_owned()),
        }
    }

    /// Replaces every part that repeats the key. The length does not change, and JSON stays valid.
    pub fn hidden_in_bytes<'o>(&self, bytes: &'o [u8]) -> Cow<'o, [u8]> {
        self.repeated.hide(bytes)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

/// Recognises parts of a key, and stores only keyed hashes of them.
struct Repeated {
    parts: HashSet<u64>,
    hasher: RandomState,
}

/// The length of the parts that are recognised. A part is 72 bits of the key, too many to occur elsewhere by chance.
const PART: usize = 12;

impl Repeated {
    /// Hashes the parts of the key in `pem`. They are recognised even if the lines are joined.
    fn of(pem: &str) -> Self {
        let lines = pem.lines().filter(|line| !line.contains(['-', ':']));
        let mut base64: String = lines.flat_map(str::split_whitespace).collect();
        let hasher = RandomState::new();
        let parts = base64.as_bytes().windows(PART).map(|part| hasher.hash_one(part)).collect();
        base64.zeroize();
        Self { parts, hasher }
    }

    /// Replaces recognised parts. The characters of a part may be separated by characters that are not base64, such as spaces and
    /// backslashes.
    fn hide<'o>(&self, bytes: &'o [u8]) -> Cow<'o, [u8]> {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let (mut part, mut indices) = ([0; PART], [0; PART]);
        let mut hidden = Cow::Borrowed(bytes);
        for (index, byte) in bytes.iter().enumerate().filter(|(_, byte)| is_base64(**byte)) {
            part.rotate_left(1);
            indices.rotate_left(1);
            (part[PART - 1], indices[PART - 1]) = (*byte, index);
            if self.parts.contains(&self.hasher.hash_one(&part[..])) {
                let hidden = hidden.to_mut();
                indices.iter().for_each(|index| hidden[*index] = b'*');
            }
        }
        part.zeroize();
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
    fn a_key_is_found_among_other_sections_and_never_printed() {
        let pem = generated();
        let text =
            format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{pem}trailing words");
        let key = PrivateKey::parse(&text).unwrap();
        assert_eq!(key.expose().trim(), pem.trim());
        assert_eq!(format!("{key:?}"), "PrivateKey(redacted)");
    }

    #[test]
    fn errors_of_unusable_keys_differ_and_do_not_repeat_the_text() {
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
    fn no_16_characters_of_a_key_are_left_in_text_that_repeats_it() {
        let pem = generated();
        let key = PrivateKey::parse(&pem).unwrap();
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let spaced: Vec<_> =
            base64.as_bytes().chunks(8).map(|chunk| str::from_utf8(chunk).unwrap()).collect();
        let escaped = base64.replace('/', "\\/");
        let cut = format!("é{}", &base64[3..40]);
        for words in [pem.clone(), base64.clone(), pem.replace('\n', "\\n"), cut, spaced.join(" "), escaped] {
            let hidden = key.hidden_in(&format!("it was {words}, sent")).into_owned();
            assert!(hidden.starts_with("it was ") && hidden.ends_with(", sent"), "{hidden}");
            for text in [&pem, &base64] {
                let lines = text.lines().filter(|line| !line.starts_with('-'));
                for part in lines.flat_map(|line| line.as_bytes().windows(16)) {
                    let hidden: String = hidden.split([' ', '\\']).collect();
                    assert!(!hidden.contains(str::from_utf8(part).unwrap()), "{hidden}");
                }
            }
        }
        assert!(matches!(key.hidden_in("nothing of it"), Cow::Borrowed("nothing of it")));
    }
}
