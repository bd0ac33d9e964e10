use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair as Key,
};

use super::*;

fn now() -> Date {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().into()
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    params
}

/// Returns an authority and its certificate.
fn authority(name: &str) -> (Issuer<'static, Key>, Certificate) {
    let (mut params, key) = (named(name), Key::generate().unwrap());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (Issuer::new(params, key), certificate)
}

/// Returns a certificate for the key, modified by `change` and issued by an authority named `CA`, and the authority's
/// certificate.
fn issued(key: &Key, change: impl FnOnce(&mut CertificateParams)) -> [String; 2] {
    let ((issuer, certificate), mut params) = (authority("CA"), named("client"));
    change(&mut params);
    [params.signed_by(key, &issuer).unwrap().pem(), certificate.pem()]
}

fn checked(text: &str, key: &Key) -> Result<KeyPair, String> {
    let key = PrivateKey::parse(&key.serialize_pem()).unwrap();
    KeyPair::new(text, key, now()).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

#[test]
fn a_pair_with_its_chain_is_accepted_and_other_content_of_the_file_is_dropped() {
    let key = Key::generate().unwrap();
    let [leaf, root] = issued(&key, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let pair = checked(&format!("subject=CN = client\n{leaf}{}\n{root}", key.serialize_pem()), &key).unwrap();
    assert_eq!((&*pair.leaf().subject, &*pair.leaf().issuer), ("CN=client", "CN=CA"));
    assert_eq!(pair.pem(), format!("{leaf}{root}").replace('\r', ""));
    assert_eq!(pair.oddities(), []);
    assert!(!format!("{pair:?}").contains("PRIVATE"));
}

#[test]
fn a_certificate_that_cannot_be_presented_is_refused_with_its_reason() {
    let [key, other] = [(); 2].map(|()| Key::generate().unwrap());
    let plain = |_: &mut CertificateParams| ();
    let [leaf, root] = issued(&key, plain);
    let year = rcgen::date_time_ymd;
    let expired = issued(&key, |params| params.not_after = year(2025, 12, 31)).concat();
    let early = issued(&key, |params| params.not_before = year(2026, 2, 1)).concat();
    let server =
        issued(&key, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])
            .concat();
    let stranger = authority("Another CA").1.pem();
    for (text, key, expected) in [
        (
            leaf.clone(),
            &other,
            "the private key does not belong to the certificate of CN=client: it is ECDSA with",
        ),
        (format!("{root}{leaf}"), &key, "wrong order: the private key belongs to certificate 2 of the file"),
        (
            format!("{leaf}{stranger}"),
            &key,
            "certificate 2 of the file is of CN=Another CA, expected the issuer",
        ),
        (expired, &key, "the certificate expired 24 hours ago"),
        (early, &key, "the certificate is not valid yet: it will be in 31 days"),
        (server, &key, "the certificate's extended key usage lacks clientAuth"),
        (format!("{}{leaf}", key.serialize_pem()), &key, "the file begins with a private key"),
        (String::new(), &key, "certificate 1 of the file: expected a section"),
        (format!("{leaf}{}", root.replace('M', "*")), &key, "certificate 2 of the file: not base64"),
        (
            include_str!("../../tests/fixtures/reference.pem").to_owned(),
            &key,
            "it is ECDSA with P-256, the certificate's is RSA with 2048 bits",
        ),
    ] {
        let error = checked(&text, key).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
}

#[test]
fn an_authoritys_certificate_and_an_unusual_key_are_oddities() {
    let key = Key::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let [leaf, _] = issued(&key, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let pair = checked(&leaf, &key).unwrap();
    assert_eq!(pair.oddities(), [Oddity::Authority, Oddity::Key(KeyKind::Ed25519)]);
    for (kind, algorithm) in
        [(KeyKind::P384, &rcgen::PKCS_ECDSA_P384_SHA384), (KeyKind::P256, &rcgen::PKCS_ECDSA_P256_SHA256)]
    {
        let key = Key::generate_for(algorithm).unwrap();
        let pair = checked(&issued(&key, |_| ())[0], &key).unwrap();
        assert_eq!((pair.chain[0].key.kind, pair.oddities()), (kind, Vec::new()));
    }
}

#[test]
fn keys_in_all_encodings_of_openssl_are_accepted() {
    let now = "2030-01-01T00:00:00Z".parse::<Timestamp>().unwrap().into();
    for name in ["pkcs1", "pkcs8", "sec1", "small"] {
        let read = |end: &str| {
            let path = format!("{}/tests/fixtures/pairs/{name}.{end}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        let key = PrivateKey::parse(&read("key"));
        if name == "small" {
            // the TLS library may refuse the small key; then the certificate shows its size
            let key =
                key.unwrap_or_else(|_| PrivateKey::parse(&Key::generate().unwrap().serialize_pem()).unwrap());
            let error = KeyPair::new(&read("pem"), key, now).map(|_| ()).unwrap_err();
            assert!(matches!(error, PairError::TooSmall(1024)), "{error}");
        } else {
            KeyPair::new(&read("pem"), key.unwrap(), now).unwrap();
        }
    }
}
