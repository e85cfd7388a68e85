//! Certificate authorities of the tests, and what is wrong with the certificates that they sign.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// What is wrong with a certificate.
pub enum Flaw {
    None,
    /// Since 2020.
    Expired,
    /// Until 2100.
    NotYetValid,
}

impl Flaw {
    fn spoil(&self, params: &mut CertificateParams) {
        match self {
            Self::None => {}
            Self::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Self::NotYetValid => params.not_before = date_time_ymd(2100, 1, 1),
        }
    }
}

/// A certificate authority for one test: a root, or one that another has signed.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, and those between it and the root, which is not among them.
    chain: Vec<CertificateDer<'static>>,
    pem: String,
}

/// A certificate with what it takes to show it.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    pem: String,
}

impl Authority {
    /// A root.
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority("test authority", &Flaw::None);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), chain: Vec::new(), pem }
    }

    /// An authority that this one has signed.
    pub fn below(&self, flaw: &Flaw) -> Self {
        self.below_with("test authority below", |params| flaw.spoil(params))
    }

    /// An authority of this name that differs from others in some things.
    pub fn below_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = authority(name, &Flaw::None);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = [vec![certificate.der().clone()], self.chain.clone()].concat();
        Self { issuer: Issuer::new(params, key), chain, pem: certificate.pem() }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A file that holds the authority's certificate, named after the test.
    pub fn file(&self, test: &str) -> PathBuf {
        super::file(&format!("{test}.pem"), &self.pem)
    }

    /// A certificate for these names, which may be addresses.
    pub fn signs(&self, names: &[&str], flaw: &Flaw) -> Identity {
        self.signs_with(names, |params| flaw.spoil(params))
    }

    /// A certificate for these names that differs from others in some things.
    pub fn signs_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = leaf(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = [vec![certificate.der().clone()], self.chain.clone()].concat();
        Identity { chain, key, pem: certificate.pem() }
    }

    /// A server that shows a certificate of this authority for `name`.
    pub fn server(&self, name: &str, flaw: &Flaw) -> Arc<ServerConfig> {
        self.signs(&[name], flaw).server()
    }
}

impl Identity {
    /// A certificate that vouches for itself.
    pub fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf(&[name]).self_signed(&key).unwrap();
        Self { chain: vec![certificate.der().clone()], key, pem: certificate.pem() }
    }

    /// The certificate and its key, PEM.
    pub fn pem(&self) -> (String, String) {
        (self.pem.clone(), self.key.serialize_pem())
    }

    pub fn server(&self) -> Arc<ServerConfig> {
        Tls::default().server(self)
    }
}

/// What a server's TLS is like.
#[derive(Default)]
pub struct Tls<'a> {
    /// Its only version. Default: all that rustls has.
    pub only: Option<&'static SupportedProtocolVersion>,
    /// What it negotiates. Default: nothing.
    pub alpn: &'a [&'a str],
    /// Clients have to show a certificate of this authority.
    pub clients_of: Option<&'a Authority>,
}

impl Tls<'_> {
    pub fn server(&self, identity: &Identity) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = self.only.map_or(rustls::ALL_VERSIONS.to_vec(), |only| vec![only]);
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&versions).unwrap();
        let builder = match self.clients_of {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let pem = authority.pem.as_bytes();
                let found = rustls::pki_types::pem::PemObject::from_pem_slice(pem).unwrap();
                roots.add(found).unwrap();
                let provider = provider.clone();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
        let key = provider.key_provider.load_private_key(key).unwrap();
        // Unlike `with_single_cert` it does not ask whether the key is the certificate's.
        let shown = SingleCertAndKey::from(CertifiedKey::new(identity.chain.clone(), key));
        let mut config = builder.with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

fn authority(name: &str, flaw: &Flaw) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    flaw.spoil(&mut params);
    params
}

fn leaf(names: &[&str]) -> CertificateParams {
    let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "test leaf");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}
