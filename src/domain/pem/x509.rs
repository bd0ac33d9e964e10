//! A lenient parser of X.509 certificates (RFC 5280, section 4.1). It decodes only the fields it needs, since
//! certificates with mistakes in other fields are in use.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Encode, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::name::RdnSequence;

use super::Pem;
use crate::domain::{Date, IssuerName};

/// A parsed certificate.
pub(super) struct Certificate {
    pub(super) pem: Pem,
    pub(super) is_authority: bool,
    /// The issuer's name, to compare with the names that an origin accepts.
    pub(super) issuer: IssuerName,
}

impl Certificate {
    /// Parses the first element of `der`. In OpenSSL's trusted certificates, another one follows it.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        Self::read(der).map(|(certificate, ..)| certificate)
    }

    /// Like [`Certificate::parse`], but also returns the subject's name and the fields after it.
    pub(super) fn read(der: &[u8]) -> Option<(Self, IssuerName, Elements<'_>)> {
        let mut certificate = Elements::of(Elements::new(der)?.tagged(Tag::Sequence)?)?;
        let mut fields = Elements::of(certificate.tagged(Tag::Sequence)?)?;
        // the version comes first, but is omitted in version 1
        let first = fields.next()?;
        let serial = if first.tag() == Tag::Integer { first } else { fields.tagged(Tag::Integer)? };
        let _algorithm = fields.tagged(Tag::Sequence)?;
        let issuer = fields.tagged(Tag::Sequence)?;
        let mut validity = Elements::of(fields.tagged(Tag::Sequence)?)?;
        let subject = fields.tagged(Tag::Sequence)?;
        let pem = Pem {
            not_before: date(validity.next()?)?,
            not_after: date(validity.next()?)?,
            serial: serial.value().into(),
            subject: name(subject),
            issuer: name(issuer),
            issuers: Box::default(),
        };
        let [subject, issuer] = [subject, issuer].map(|name| name.to_der().ok());
        let issuer = IssuerName::from_der(&issuer?);
        let certificate = Self { pem, is_authority: is_authority(fields.clone()).unwrap_or(false), issuer };
        Some((certificate, IssuerName::from_der(&subject?), fields))
    }
}

/// A sequence of DER elements, up to the first malformed one.
#[derive(Clone)]
pub(super) struct Elements<'d>(SliceReader<'d>);

impl<'d> Elements<'d> {
    pub(super) fn new(der: &'d [u8]) -> Option<Self> {
        SliceReader::new(der).ok().map(Self)
    }

    /// Returns the elements of a constructed value.
    pub(super) fn of(value: AnyRef<'d>) -> Option<Self> {
        Self::new(value.value())
    }

    /// Returns the next element if it has the given tag.
    pub(super) fn tagged(&mut self, tag: Tag) -> Option<AnyRef<'d>> {
        self.next().filter(|element| element.tag() == tag)
    }
}

impl<'d> Iterator for Elements<'d> {
    type Item = AnyRef<'d>;

    fn next(&mut self) -> Option<AnyRef<'d>> {
        AnyRef::decode(&mut self.0).ok()
    }
}

/// Returns a name as text, empty if it cannot be parsed.
fn name(value: AnyRef<'_>) -> Box<str> {
    value.decode_as::<RdnSequence>().map(|name| name.to_string()).unwrap_or_default().into()
}

/// Parses a UTCTime or a GeneralizedTime (X.680, sections 46 and 47), to the second. The last day of 9999, which means
/// "never" (RFC 5280, section 4.1.2.5), is slightly beyond the latest date of jiff.
fn date(value: AnyRef<'_>) -> Option<Date> {
    let text = str::from_utf8(value.value()).ok()?;
    let (year, rest) = match value.tag() {
        Tag::UtcTime => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        Tag::GeneralizedTime => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = rest.split_at(digits);
    let zone = zone.trim_start_matches(['.', ',']).trim_start_matches(|char: char| char.is_ascii_digit());
    let two = |at: usize| i8::try_from(number(digits.get(at..at + 2)?)?).ok();
    let (month, day, hour, minute) = (two(0)?, two(2)?, two(4)?, two(6)?);
    // seconds are optional
    let second = if digits.len() == 8 { 0 } else { two(8)? };
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let time = offset(zone)?.to_timestamp(civil);
    Some(time.ok().or_else(|| (year == 9999).then_some(Timestamp::MAX))?.into())
}

/// Parses `Z` or an offset such as `+0130`. An empty text means UTC.
fn offset(zone: &str) -> Option<Offset> {
    if zone.is_empty() || zone == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let seconds = i32::from(number(digits.get(..2)?)?) * 3600 + i32::from(number(digits.get(2..)?)?) * 60;
    match sign {
        "+" => Offset::from_seconds(seconds).ok(),
        "-" => Offset::from_seconds(-seconds).ok(),
        _ => None,
    }
}

fn number(digits: &str) -> Option<i16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Returns true if the basic constraints (RFC 5280, section 4.2.1.9) among the remaining fields are those of a CA.
fn is_authority(fields: Elements<'_>) -> Option<bool> {
    const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
    let constraints = extension(fields, BASIC_CONSTRAINTS)?.tagged(Tag::Sequence)?;
    let authority = Elements::of(constraints)?.tagged(Tag::Boolean)?;
    Some(authority.value() != [0])
}

/// Returns the value of the extension with this identifier among the fields after the subject.
pub(super) fn extension<'d>(mut fields: Elements<'d>, id: &[u8]) -> Option<Elements<'d>> {
    const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };
    let extensions = fields.find(|field| field.tag() == EXTENSIONS)?;
    let extensions = Elements::of(Elements::of(extensions)?.tagged(Tag::Sequence)?)?;
    let mut values = extensions.filter_map(|extension| {
        let mut extension = Elements::of(extension)?;
        let is_it = extension.next()?.value() == id;
        // the optional field `critical` may precede the value
        is_it.then(|| extension.find(|part| part.tag() == Tag::OctetString))?
    });
    Elements::of(values.next()?)
}
