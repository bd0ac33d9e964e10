use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};

use super::*;

const COMMON_NAME: &[u8] = &[6, 3, 0x55, 4, 3];
const ORGANISATION: &[u8] = &[6, 3, 0x55, 4, 10];

fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
}

/// Encodes an attribute whose value has the string type `tag`.
fn attribute(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[kind, &der(tag, value)].concat())
}

/// Encodes a name with one attribute per set.
fn name(attributes: &[Vec<u8>]) -> Vec<u8> {
    der(SEQUENCE, &attributes.iter().flat_map(|attribute| der(SET, attribute)).collect::<Vec<_>>())
}

fn common_name(tag: u8, value: &[u8]) -> Vec<u8> {
    name(&[attribute(COMMON_NAME, tag, value)])
}

/// Matches `issuer` against an origin that sends the name `sent`.
fn found(sent: &[u8], issuer: &[u8]) -> Option<IssuerMatch> {
    AcceptedIssuers::from_ders([sent]).find(&[IssuerName::from_der(issuer)])
}

#[test]
fn names_that_differ_only_in_case_blanks_or_string_type_match_inexactly() {
    let plain = common_name(0x0c, b"Origin Pull CA");
    assert_eq!(found(&plain, &plain), Some(IssuerMatch::Exact));
    let wide: Vec<u8> = "Origin Pull CA".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let wider: Vec<u8> = "Origin Pull CA".chars().flat_map(|char| u32::from(char).to_be_bytes()).collect();
    for (tag, value) in [
        (0x0c, b"origin pull CA".as_slice()),
        (0x0c, b"  Origin \t Pull CA\n"),
        (0x13, b"Origin Pull CA"),
        (0x14, b"Origin Pull CA"),
        (0x16, b"ORIGIN PULL CA"),
        (0x1a, b"Origin Pull CA"),
        (0x1c, &wider),
        (0x1e, &wide),
    ] {
        assert_eq!(found(&common_name(tag, value), &plain), Some(IssuerMatch::Normalised), "{tag} {value:?}");
    }
}

#[test]
fn other_names_do_not_match() {
    let plain = common_name(0x0c, b"Origin Pull CA");
    for other in [
        common_name(0x0c, b"OriginPull CA"),
        common_name(0x0c, b""),
        // not a string type, so the bytes are compared
        common_name(0x04, b"Origin Pull CA"),
        name(&[attribute(ORGANISATION, 0x0c, b"Origin Pull CA")]),
        name(&[attribute(COMMON_NAME, 0x0c, b"Origin Pull CA"), attribute(ORGANISATION, 0x0c, b"x")]),
        // malformed, so it equals only itself
        [plain.as_slice(), b"x"].concat(),
        b"Origin Pull CA".to_vec(),
        Vec::new(),
    ] {
        assert_eq!(found(&other, &plain), Some(IssuerMatch::None), "{other:?}");
        assert_eq!(found(&other, &other), Some(IssuerMatch::Exact));
    }
    // like OpenSSL, only ASCII letters are converted to lower case
    assert_eq!(
        found(&common_name(0x0c, "É".as_bytes()), &common_name(0x0c, "é".as_bytes())),
        Some(IssuerMatch::None)
    );
    // the same text in Latin-1 matches
    assert_eq!(
        found(&common_name(0x14, &[0xe9]), &common_name(0x0c, "é".as_bytes())),
        Some(IssuerMatch::Normalised)
    );
}

#[test]
fn order_matters_between_sets_but_not_within_a_set() {
    let [one, two] = [attribute(COMMON_NAME, 0x0c, b"a"), attribute(ORGANISATION, 0x0c, b"b")];
    let set = |parts: &[&[u8]]| der(SEQUENCE, &der(SET, &parts.concat()));
    assert_eq!(found(&set(&[&one, &two]), &set(&[&two, &one])), Some(IssuerMatch::Normalised));
    let (sets, other) = (name(&[one.clone(), two.clone()]), name(&[two, one]));
    assert_eq!(found(&sets, &other), Some(IssuerMatch::None));
}

#[test]
fn the_match_is_unknown_if_no_or_too_many_names_are_sent() {
    let issuer = common_name(0x0c, b"a");
    assert_eq!(AcceptedIssuers::default().find(&[IssuerName::from_der(&issuer)]), None);
    assert_eq!(AcceptedIssuers::from_ders([issuer.as_slice()]).find(&[]), None);
    let names: Vec<_> = (0..100).map(|number| common_name(0x0c, format!("CA {number}").as_bytes())).collect();
    let find = |most: usize, issuer: &[u8]| {
        let accepted = AcceptedIssuers::from_ders(names.iter().take(most).map(Vec::as_slice));
        assert_eq!(accepted.names().len(), most.min(AcceptedIssuers::MAX_NAMES));
        accepted.find(&[IssuerName::from_der(issuer)])
    };
    assert_eq!(find(64, &issuer), Some(IssuerMatch::None));
    assert_eq!(find(65, &issuer), None);
    assert_eq!(find(65, &names[0]), Some(IssuerMatch::Exact));
    assert_eq!(find(65, &names[64]), None);
    let long = vec![0x41; AcceptedIssuers::MAX_BYTES + 1];
    let accepted = AcceptedIssuers::from_ders([long.as_slice()]);
    assert_eq!((accepted.names().len(), accepted.find(&[IssuerName::from_der(&issuer)])), (0, None));
}

#[test]
fn an_exact_match_requires_the_same_encoding() {
    let issued_by = |value: DnValue| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, value);
        let pem = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
        crate::domain::Pem::parse(&pem).unwrap().issuers
    };
    let accepted = AcceptedIssuers::from_ders([common_name(0x0c, b"My CA").as_slice()]);
    let printable = DnValue::PrintableString("my ca".try_into().unwrap());
    assert_eq!(accepted.find(&issued_by(DnValue::Utf8String("My CA".into()))), Some(IssuerMatch::Exact));
    assert_eq!(accepted.find(&issued_by(printable)), Some(IssuerMatch::Normalised));
    assert_eq!(accepted.find(&issued_by(DnValue::Utf8String("My CB".into()))), Some(IssuerMatch::None));
}

#[test]
fn a_name_is_shown_as_text_without_control_characters() {
    assert_eq!(IssuerName::text(&common_name(0x0c, b"My CA")), "CN=My CA");
    assert_eq!(IssuerName::text(b"x"), "");
    let text = IssuerName::text(&common_name(0x0c, b"a\x1b[31m\nb"));
    assert!(!text.contains(char::is_control), "{text:?}");
}
