use super::*;

/// The certificate from the example in the API reference.
const REFERENCE: &str = include_str!("../../../tests/fixtures/reference.pem");

fn at(text: &str) -> Date {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

/// Encodes a DER element of at most 65,535 bytes.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    let length = match length {
        [0, short @ ..0x80] => vec![short],
        [0, long] => vec![0x81, long],
        [high, low] => vec![0x82, high, low],
    };
    [&[tag], &*length, value].concat()
}

const UTC: u8 = 0x17;
const GENERALIZED: u8 = 0x18;

/// Encodes a certificate with this validity. `authority` is its CA flag; `None` omits the basic constraints.
fn x509(serial: &[u8], validity: [(u8, &str); 2], authority: Option<bool>) -> Vec<u8> {
    let oid = |bytes: &[u8]| element(0x06, bytes);
    let sequence = |elements: &[Vec<u8>]| element(0x30, &elements.concat());
    let algorithm = sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])]);
    let common_name = sequence(&[oid(&[0x55, 0x04, 0x03]), element(0x0c, b"a.example")]);
    let name = sequence(&[element(0x31, &common_name)]);
    let dates = validity.map(|(tag, text)| element(tag, text.as_bytes()));
    let constraints = authority.map(|authority| {
        let authority = if authority { element(0x01, &[0xff]) } else { Vec::new() };
        let value = element(0x04, &element(0x30, &authority));
        let usage = sequence(&[oid(&[0x55, 0x1d, 0x0f]), element(0x04, &[0x03, 0x02, 0x05, 0xa0])]);
        let constraints = sequence(&[oid(&[0x55, 0x1d, 0x13]), element(0x01, &[0xff]), value]);
        element(0xa3, &sequence(&[usage, constraints]))
    });
    let version = element(0xa0, &element(0x02, &[2]));
    let key = sequence(&[algorithm.clone(), element(0x03, &[0, 1, 2])]);
    let fields = [
        version,
        element(0x02, serial),
        algorithm.clone(),
        name.clone(),
        sequence(&dates),
        name,
        key,
        constraints.unwrap_or_default(),
    ];
    sequence(&[sequence(&fields), algorithm, element(0x03, &[0, 9])])
}

const VALIDITY: [(u8, &str); 2] = [(UTC, "200101000000Z"), (UTC, "300101000000Z")];

fn armored(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

fn read(der: &[u8]) -> Option<Pem> {
    Pem::parse(&armored("CERTIFICATE", der)).ok()
}

#[test]
fn the_reference_certificate_has_its_validity_subject_and_issuer() {
    let pem = Pem::parse(REFERENCE).unwrap();
    assert_eq!(pem.not_before, at("2016-08-24T16:43:01Z"));
    assert_eq!(pem.not_after, at("2016-11-22T16:43:01Z"));
    assert_eq!(*pem.serial, [0x00, 0xc1, 0xc0, 0xc1, 0xf5, 0xd9, 0xe7, 0xf3, 0xd6]);
    assert_eq!(&*pem.subject, "O=Internet Widgits Pty Ltd,ST=Some-State,C=AU");
    assert_eq!(pem.issuer, pem.subject);
}

#[test]
fn a_text_without_a_certificate_is_refused() {
    for missing in
        ["", "-----BEGIN", "-----BEGIN CERTIFICATE", &REFERENCE.replace("CERTIFICATE", "PUBLIC KEY")]
    {
        assert!(matches!(Pem::parse(missing), Err(PemError::Missing)), "{missing}");
    }
    assert!(matches!(Pem::parse(&armored("CERTIFICATE", &[0x30, 0])), Err(PemError::X509)));
    let no_base64 = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n";
    assert!(matches!(Pem::parse(no_base64), Err(PemError::Base64(_))));
    let longest = format!("{REFERENCE}{}", " ".repeat((64 << 10) - REFERENCE.len()));
    assert!(Pem::parse(&longest).is_ok());
    let long = format!("{longest} ");
    assert!(matches!(Pem::parse(&long), Err(PemError::TooLarge(_))));
}

#[test]
fn a_truncated_certificate_is_refused_without_a_panic() {
    let der = x509(&[5], VALIDITY, Some(false));
    assert!(read(&der).is_some());
    for length in 0..der.len() {
        let _ = read(&der[..length]);
    }
    assert!(read(&der[..20]).is_none());
}

#[test]
fn text_outside_of_sections_and_headers_inside_are_ignored() {
    let pem = Pem::parse(REFERENCE).unwrap();
    let body = REFERENCE.lines().skip(1).take_while(|line| !line.starts_with('-')).collect::<String>();
    for text in [
        format!("\u{feff}{REFERENCE}"),
        format!("Bag Attributes\n    friendlyName: a\nsubject=/CN=a\n{REFERENCE}trailing words"),
        REFERENCE.replace('\n', "\r\n"),
        REFERENCE.replace('\n', " \t \n"),
        REFERENCE.replace("-----\n", "-----\nProc-Type: 4,CLEAR\n\n"),
        REFERENCE.replace("CERTIFICATE", "X509 CERTIFICATE"),
        format!("-----BEGIN CERTIFICATE-----{body}"),
        format!("-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----", body.trim_end_matches('=')),
    ] {
        assert_eq!(Pem::parse(&text).ok().as_ref(), Some(&pem), "{text}");
    }
}

#[test]
fn bytes_after_the_certificate_are_ignored() {
    let der = x509(&[5], VALIDITY, None);
    let whole = read(&der).unwrap();
    let trusted = [&*der, &element(0x30, &element(0x0c, b"an alias"))].concat();
    assert_eq!(Pem::parse(&armored("TRUSTED CERTIFICATE", &trusted)).unwrap(), whole);
    assert_eq!(read(&[&*der, b"\0\0garbage"].concat()).unwrap(), whole);
}

#[test]
fn the_first_certificate_that_is_not_a_ca_is_used() {
    let section = |serial: u8, authority| armored("CERTIFICATE", &x509(&[serial], VALIDITY, authority));
    let serial = |sections: &[String]| Pem::parse(&sections.concat()).map(|pem| pem.serial[0]).ok();
    let (root, other_root) = (section(1, Some(true)), section(2, Some(true)));
    let (leaf, old) = (section(3, Some(false)), section(4, None));
    let broken = armored("CERTIFICATE", b"broken");
    let key = armored("PRIVATE KEY", b"secret");
    assert_eq!(serial(&[root.clone(), leaf.clone(), old.clone()]), Some(3));
    assert_eq!(serial(&[key, root.clone(), old, leaf.clone()]), Some(4));
    assert_eq!(serial(&[root.clone(), other_root]), Some(1), "there are only CA certificates");
    assert_eq!(serial(&[broken.clone(), leaf]), Some(3));
    assert_eq!(serial(&[broken.clone(), root]), Some(1));
    assert_eq!(serial(&[broken]), None);
}

#[test]
fn dates_are_parsed_in_all_forms_that_issuers_use() {
    let date = |tag, text: &'static str| {
        read(&x509(&[5], [(tag, text), (tag, text)], None)).map(|pem| pem.not_after)
    };
    for (tag, text, expected) in [
        (UTC, "500101000000Z", "1950-01-01T00:00:00Z"),
        (UTC, "691231235959Z", "1969-12-31T23:59:59Z"),
        (UTC, "991231235959Z", "1999-12-31T23:59:59Z"),
        (UTC, "000101000000Z", "2000-01-01T00:00:00Z"),
        (UTC, "491231235959Z", "2049-12-31T23:59:59Z"),
        (UTC, "2001010000Z", "2020-01-01T00:00:00Z"),
        (UTC, "200101013000+0130", "2020-01-01T00:00:00Z"),
        (UTC, "200101000000", "2020-01-01T00:00:00Z"),
        (GENERALIZED, "19000101000000Z", "1900-01-01T00:00:00Z"),
        (GENERALIZED, "20500101000000Z", "2050-01-01T00:00:00Z"),
        (GENERALIZED, "20500101000000.123Z", "2050-01-01T00:00:00Z"),
        (GENERALIZED, "20491231230000,5-0100", "2050-01-01T00:00:00Z"),
        (GENERALIZED, "99991231235959Z", "9999-12-30T22:00:00Z"),
    ] {
        assert_eq!(date(tag, text), Some(at(expected)), "{text}");
    }
    for text in
        ["", "20", "20010100000é", "209901000000Z", "200101000000X", "200101000000+1", "2-0101000000Z"]
    {
        assert_eq!(date(UTC, text), None, "{text}");
    }
    assert_eq!(date(0x0c, "200101000000Z"), None, "a string is not a date");
}

#[test]
fn a_serial_number_may_be_negative_or_of_any_length() {
    for serial in [&[0xfb][..], &[0xff, 0x00], &[0; 40], &[]] {
        assert_eq!(&*read(&x509(serial, VALIDITY, None)).unwrap().serial, serial);
    }
}
