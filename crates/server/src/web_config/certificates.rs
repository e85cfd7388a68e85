//! Certificates and keys, in files or in the configuration itself.

use probe::Position;
use probe::yaml::{Problem, Section};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Reading;

/// A text that an option gives, and where the option stands.
pub(super) struct Pem {
    option: String,
    pub(super) at: Position,
    bytes: Vec<u8>,
}

impl Pem {
    /// That of `option`, or of the file that `option_file` names. Where both are given, the file's, as in the toolkit.
    pub(super) fn read(
        section: &Section<'_>,
        option: &str,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Self>, Problem> {
        let file = format!("{option}_file");
        let inline = section.text(option)?;
        if let Some((at, name)) = section.text(&file)? {
            if let Some((at, _)) = inline {
                reading.warn(Problem::new(at, format!("{option} beside {file}: the file counts; leave one out")));
            }
            let path = reading.path.parent().unwrap_or(reading.path).join(name);
            let wrong = |why| Problem::new(at, format!("{file} {}: {why}", path.display().to_string().escape_debug()));
            let bytes = reading.files.read(&path).map_err(wrong)?;
            return Ok(Some(Self { option: file, at, bytes }));
        }
        Ok(inline.map(|(at, text)| Self { option: option.to_owned(), at, bytes: text.as_bytes().to_vec() }))
    }

    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Problem> {
        let found = CertificateDer::pem_slice_iter(&self.bytes).collect::<Result<Vec<_>, _>>();
        let found = found
            .map_err(|_| self.wrong("not whole: a part of it has no end, or is no base64; write PEM certificates"))?;
        if found.is_empty() { Err(self.wrong("no certificate in it; write PEM certificates")) } else { Ok(found) }
    }

    /// What is wrong with a key is not quoted.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, Problem> {
        let wrong = |_| self.wrong("no key in it; write a PEM key (PKCS#8, PKCS#1 or SEC1), not encrypted");
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(wrong)
    }

    pub(super) fn wrong(&self, why: &str) -> Problem {
        Problem::new(self.at, format!("{}: {why}", self.option))
    }
}

/// What clients will say of a certificate that is not valid now.
pub(super) fn untimely(certificate: &CertificateDer<'_>) -> Option<&'static str> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let (validity, now) = (certificate.validity(), x509_parser::time::ASN1Time::now());
    if now > validity.not_after {
        Some("the certificate has expired; renew it")
    } else if now < validity.not_before {
        Some("the certificate is not valid yet; check it, and the clock")
    } else {
        None
    }
}
