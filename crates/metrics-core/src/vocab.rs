//! The closed sets that label values come from. Nothing that a client or a target sends becomes a label value:
//! it is mapped to one of these words, so the number of series is known before the first request.

macro_rules! closed_set {
    ($(#[$doc:meta])* $vis:vis $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every member, in the order of declaration: `ALL[x as usize] == x`.
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The label values of all members.
            #[allow(dead_code)] // one set has a counter for each, in another each has its own
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),+];

            /// The label value.
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            #[allow(dead_code)] // as above
            pub(crate) const fn label(self) -> $crate::family::LabelValue<'static> {
                $crate::family::LabelValue::word(self.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

#[cfg(feature = "actix-web")]
closed_set! {
    /// Label `method`: the eight methods of RFC 9110 (section 9.1), PATCH (RFC 5789), and one word for all others.
    pub(crate) Method {
        /// GET
        Get = "GET",
        /// HEAD
        Head = "HEAD",
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// DELETE
        Delete = "DELETE",
        /// CONNECT
        Connect = "CONNECT",
        /// OPTIONS
        Options = "OPTIONS",
        /// TRACE
        Trace = "TRACE",
        /// PATCH
        Patch = "PATCH",
        /// Any other token: a client may invent as many as it likes.
        Other = "other",
    }
}

#[cfg(feature = "actix-web")]
impl Method {
    /// The member for the method of a request.
    pub(crate) fn of(method: &actix_web::http::Method) -> Self {
        use actix_web::http::Method;
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            Method::CONNECT => Self::Connect,
            Method::OPTIONS => Self::Options,
            Method::TRACE => Self::Trace,
            Method::PATCH => Self::Patch,
            _ => Self::Other,
        }
    }

    /// The member for a method as it is spelled. Methods are case-sensitive (RFC 9110, section 9.1): `get` is [`Method::Other`].
    pub(crate) fn from_token(token: &str) -> Self {
        actix_web::http::Method::from_bytes(token.as_bytes()).map_or(Self::Other, |method| Self::of(&method))
    }
}

#[cfg(feature = "actix-web")]
closed_set! {
    /// Label `cause`: why an exchange ended without a complete response.
    pub(crate) AbortCause {
        /// The handler, or the body of its response, panicked.
        Panic = "panic",
        /// The future of the response was dropped before there was a response, by a timeout for example.
        Dropped = "dropped",
        /// The stream of the response body gave an error.
        BodyError = "body_error",
        /// The response body was dropped before its end: the client left.
        Incomplete = "incomplete",
    }
}

closed_set! {
    /// Label `phase`: the steps of a run, in their order; blackbox_exporter's words.
    ///
    /// ```
    /// use metrics_core::Phase;
    ///
    /// assert_eq!(Phase::ALL[Phase::Tls as usize].as_str(), "tls");
    /// ```
    pub Phase {
        /// From name to addresses.
        Resolve = "resolve",
        /// To a TCP connection.
        Connect = "connect",
        /// The TLS handshake.
        Tls = "tls",
        /// From the first byte of the request to the first byte of the response.
        Processing = "processing",
        /// From the first byte of the response to the end of its body.
        Transfer = "transfer",
    }
}

closed_set! {
    /// Label `reason`: why a run failed. The step that failed names it.
    ///
    /// ```
    /// use metrics_core::Reason;
    ///
    /// assert_eq!(Reason::TlsExpired.as_str(), "tls_expired");
    /// assert_eq!(Reason::ALL.len(), 26);
    /// ```
    pub Reason {
        /// The name does not exist, or has no address.
        DnsNotFound = "dns_not_found",
        /// The resolver failed or could not be asked.
        DnsFailure = "dns_failure",
        /// The resolver did not answer in time.
        DnsTimeout = "dns_timeout",
        /// The peer refused the connection.
        ConnectRefused = "connect_refused",
        /// No route to the peer, or no local address to reach it from.
        ConnectUnreachable = "connect_unreachable",
        /// The peer did not accept the connection in time.
        ConnectTimeout = "connect_timeout",
        /// The handshake failed for a reason that none of the `tls_` words below names.
        TlsHandshake = "tls_handshake",
        /// The handshake did not end in time.
        TlsTimeout = "tls_timeout",
        /// The certificate has expired.
        TlsExpired = "tls_expired",
        /// The certificate is not valid yet.
        TlsNotYetValid = "tls_not_yet_valid",
        /// The certificate is for another name.
        TlsWrongName = "tls_wrong_name",
        /// No chain to a trusted root.
        TlsUntrusted = "tls_untrusted",
        /// Closed or reset before the end of the response head.
        ConnectionClosed = "connection_closed",
        /// The peer does not speak HTTP, breaks its limits, or sent a body that cannot be decoded.
        Protocol = "protocol",
        /// No response head in time.
        ResponseTimeout = "response_timeout",
        /// The body did not end in time.
        BodyTimeout = "body_timeout",
        /// The body ended before its announced end.
        BodyTruncated = "body_truncated",
        /// The body is larger than allowed.
        BodyTooLarge = "body_too_large",
        /// Too many redirects, or one that leads nowhere.
        Redirect = "redirect",
        /// Policy forbids the address.
        Blocked = "blocked",
        /// TLS where it must not be, or none where it must.
        Ssl = "ssl",
        /// The version of HTTP is not one of those allowed.
        HttpVersion = "http_version",
        /// The status is not one of those allowed.
        Status = "status",
        /// A header does not match.
        Header = "header",
        /// The body does not match.
        Body = "body",
        /// A fault of the prober itself.
        Internal = "internal",
    }
}

closed_set! {
    /// Label `cause`: why a scheduled run was not started.
    ///
    /// ```
    /// use metrics_core::MissCause;
    ///
    /// assert_eq!(MissCause::Overlap.to_string(), "overlap");
    /// ```
    pub MissCause {
        /// The run before it had not ended.
        Overlap = "overlap",
        /// The prober itself was late: suspended, or starved of processor time.
        Late = "late",
    }
}

#[cfg(feature = "actix-web")]
closed_set! {
    /// Label `cause` of `metrics_handler_errors_total`: why a scrape lacks something.
    pub(crate) FaultCause {
        /// A collector in the registry panicked: the families of all but ours are missing.
        Panic = "panic",
        /// Collectors in the registry took too long: the families of all but ours are missing.
        Timeout = "timeout",
        /// A family whose name another one takes in this format.
        Clash = "clash",
        /// A series with the labels of another one of its family.
        Duplicate = "duplicate",
        /// A name or a number that no scraper can read.
        Illegal = "illegal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_indexed_by_discriminant() {
        for (i, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, i);
        }
        assert_eq!(Reason::ALL.len(), 26);
    }

    #[cfg(feature = "actix-web")]
    #[test]
    fn l9_methods_are_case_sensitive_and_unknown_ones_fold() {
        for method in Method::ALL {
            assert_eq!(Method::from_token(method.as_str()), *method);
        }
        for token in ["get", "Get", "FOOBAR", "", "other", "PROPFIND"] {
            assert_eq!(Method::from_token(token), Method::Other, "{token}");
        }
    }
}
