use proptest::prelude::*;

use super::*;

fn hostname(text: &str) -> Result<String, NameError> {
    text.parse().map(|name: Hostname| name.to_string())
}

#[test]
fn a_hostname_is_lower_case_ascii_without_a_trailing_dot() {
    assert_eq!(hostname("App.Example.COM.").unwrap(), "app.example.com");
    assert_eq!(hostname("bücher.example").unwrap(), "xn--bcher-kva.example");
    assert_eq!(hostname("*.example.com").unwrap(), "*.example.com");
    assert_eq!(hostname("_acme.a-b.example").unwrap(), "_acme.a-b.example");
}

#[test]
fn an_ascii_name_that_idna_refuses_is_accepted() {
    assert_eq!(hostname("xn--a.example.com").unwrap(), "xn--a.example.com");
    assert_eq!(hostname("*.XN--A.example.com.").unwrap(), "*.xn--a.example.com");
    assert_eq!("xn--a.com".parse::<ZoneName>().unwrap().as_str(), "xn--a.com");
    assert_eq!(hostname("xn--a b.example"), Err(NameError::LabelCharacter("xn--a b".into())));
    assert_eq!(hostname("xn--a.bücher.example"), Err(NameError::Idna));
}

#[test]
fn an_invalid_hostname_is_refused_with_the_reason() {
    let long_label = "a".repeat(64);
    assert_eq!(hostname(""), Err(NameError::Empty));
    assert_eq!(hostname("."), Err(NameError::Empty));
    assert_eq!(hostname("*."), Err(NameError::Empty));
    assert_eq!(hostname("a..b"), Err(NameError::LabelLength(String::new())));
    assert_eq!(hostname("a b.example"), Err(NameError::LabelCharacter("a b".into())));
    assert_eq!(hostname("a.*.example"), Err(NameError::LabelCharacter("*".into())));
    assert_eq!(hostname("https://a.example"), Err(NameError::LabelCharacter("https://a".into())));
    assert_eq!(hostname(&format!("{long_label}.example")), Err(NameError::LabelLength(long_label)));
}

#[test]
fn a_hostname_has_at_most_253_bytes_including_its_wildcard() {
    let rest = format!("{}{}", "a.".repeat(94), "b".repeat(63)); // 251 bytes
    assert!(hostname(&format!("*.{rest}")).is_ok());
    assert_eq!(hostname(&format!("*.a{rest}")), Err(NameError::TooLong(254)));
    assert!(hostname(&format!("cc{rest}")).is_ok());
    assert_eq!(hostname(&format!("ccc{rest}")), Err(NameError::TooLong(254)));
}

#[test]
fn a_zone_name_cannot_have_a_wildcard() {
    assert_eq!("*.example.com".parse::<ZoneName>(), Err(NameError::Wildcard));
    assert_eq!("Example.com".parse::<ZoneName>().unwrap().as_str(), "example.com");
}

#[test]
fn a_hostname_is_in_its_zone_but_not_in_a_zone_that_is_only_a_suffix() {
    let zone: ZoneName = "example.com".parse().unwrap();
    let is_in = |name: &str| name.parse::<Hostname>().unwrap().is_in(&zone);
    assert!(is_in("example.com") && is_in("a.b.example.com") && is_in("*.example.com"));
    assert!(!is_in("badexample.com") && !is_in("example.com.org") && !is_in("com"));
}

#[test]
fn a_zone_id_is_32_hexadecimal_digits() {
    let id: ZoneId = "023E105F4ECEF8AD9CA31A8372D0C353".parse().unwrap();
    assert_eq!(id.to_string(), "023e105f4ecef8ad9ca31a8372d0c353");
    for text in ["", "023e105f", "+23e105f4ecef8ad9ca31a8372d0c353", "g23e105f4ecef8ad9ca31a8372d0c353"] {
        assert_eq!(text.parse::<ZoneId>(), Err(NameError::ZoneId));
    }
}

#[test]
fn an_account_id_is_32_hexadecimal_digits() {
    let id: AccountId = "0123456789ABCDEF0123456789abcdef".parse().unwrap();
    assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef");
    assert_eq!("0123".parse::<AccountId>(), Err(NameError::AccountId));
}

#[test]
fn a_certificate_id_is_up_to_36_letters_digits_and_hyphens() {
    for text in ["0", "023e105f4ecef8ad9ca31a8372d0c353", "2458ce5a-0c35-4c7f-82c7-8e9487d3ff60"] {
        assert_eq!(text.parse::<CertId>().unwrap().as_str(), text);
    }
    for text in ["", "a b", "a/b", &"a".repeat(37)] {
        assert_eq!(text.parse::<CertId>(), Err(NameError::CertId));
    }
}

proptest! {
    #[test]
    fn a_parsed_name_parses_to_itself_and_needs_no_escaping(text in "\\PC{0,40}") {
        if let Ok(name) = text.parse::<Hostname>() {
            prop_assert_eq!(name.as_str().parse(), Ok(name.clone()));
            prop_assert!(name.as_str().bytes().all(|byte| b"abcdefghijklmnopqrstuvwxyz0123456789._*-".contains(&byte)));
        }
    }
}
