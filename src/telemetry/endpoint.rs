//! The API methods, as values of the label `call`.

/// A method of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// GET of one hostname.
    HostnameGet,
    /// GET of a page of associations.
    HostnameList,
    /// PUT of associations of hostnames, for commands.
    HostnamePut,
    /// GET of the certificates for single hostnames.
    CertificateList,
    /// GET of the zone-level certificates.
    ZoneCertificateList,
    /// GET of the zone-level switch.
    ZoneSettings,
    /// GET of a page of zones.
    ZoneList,
    /// Verification of a token.
    TokenVerify,
    /// GET of one zone.
    ZoneGet,
    /// GET of the zone setting that is the global switch.
    GlobalSwitchGet,
    /// GET of the zone setting that is the SSL mode.
    SslModeGet,
    /// GET of a page of DNS records.
    DnsRecordList,
    /// GET of Cloudflare's own address ranges.
    IpRangeList,
    /// GET of one certificate of either store, for commands.
    CertificateGet,
    /// POST of a certificate to either store, for commands.
    CertificatePost,
    /// DELETE of a certificate of either store, for commands.
    CertificateDelete,
}

impl Endpoint {
    /// The methods that the daemon calls. Only commands call the others.
    pub const ALL: [Self; 12] = [
        Self::HostnameGet,
        Self::HostnameList,
        Self::CertificateList,
        Self::ZoneCertificateList,
        Self::ZoneSettings,
        Self::ZoneList,
        Self::TokenVerify,
        Self::ZoneGet,
        Self::GlobalSwitchGet,
        Self::SslModeGet,
        Self::DnsRecordList,
        Self::IpRangeList,
    ];

    /// Returns the value of the label `call`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::HostnameGet => "hostname_get",
            Self::HostnameList => "hostname_list",
            Self::HostnamePut => "hostname_put",
            Self::CertificateList => "certificate_list",
            Self::ZoneCertificateList => "zone_certificate_list",
            Self::ZoneSettings => "zone_settings",
            Self::ZoneList => "zone_list",
            Self::TokenVerify => "token_verify",
            Self::ZoneGet => "zone_get",
            Self::GlobalSwitchGet => "global_switch_get",
            Self::SslModeGet => "ssl_mode_get",
            Self::DnsRecordList => "dns_record_list",
            Self::IpRangeList => "ip_range_list",
            Self::CertificateGet => "certificate_get",
            Self::CertificatePost => "certificate_post",
            Self::CertificateDelete => "certificate_delete",
        }
    }
}
