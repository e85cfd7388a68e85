//! What is thought of certificate chains, kept from run to run: most peers show the same one each time.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use ring::digest;
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::{certificate, not_after};
use crate::lock::lock;
use crate::report::Certificate;

/// Chains that are kept take so many bytes at most, and as many again those that were not shown for a while. It is room for
/// twenty thousand chains of three certificates.
const ROOM: usize = 32 << 20;

/// A chain that says more of itself is read and verified each time.
const LARGEST: usize = 64 << 10;

/// Reads and verifies chains, for all handshakes of a module.
///
/// What `verifier` says of a chain is a function of the chain, the name, the roots and the time. The roots are always the same
/// here, chain and name are the key, and of the time it asks only whether it lies within the validity of each certificate that it
/// looks at. So from one time at which all of the chain's certificates are valid to another, it takes the same steps to the same
/// verdict: a good one is kept for that time, whichever way the clock is set. Any other verdict, and one on a chain of which a
/// certificate is not valid or cannot be read, is found anew each time. An OCSP response is not looked at, here as there.
///
/// That the peer has the key of the certificate that it shows is no part of this: its signature is verified in each handshake.
#[derive(Debug)]
pub(super) struct Chains {
    verifier: Arc<dyn ServerCertVerifier>,
    /// Those by which it verifies, and how.
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    kept: Mutex<Generations>,
}

/// What is thought of a chain.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// What its certificates say, without those that cannot be read. Shared by all runs that see it.
    pub(super) certificates: Arc<[Certificate]>,
    pub(super) verdict: Result<(), rustls::Error>,
    /// Until when the path is valid that is the reason for a good verdict: the leaf, and what is presented between it and a root.
    pub(super) trusted_until: Option<i64>,
}

impl Chains {
    pub(super) fn new(
        verifier: Arc<dyn ServerCertVerifier>,
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { verifier, roots, provider, kept: Mutex::default() }
    }

    pub(super) fn verifier(&self) -> &dyn ServerCertVerifier {
        &*self.verifier
    }

    /// As [`ServerCertVerifier::verify_server_cert`].
    pub(super) fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Judged {
        let second = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let shown = || std::iter::once(leaf).chain(others);
        let key = key(shown(), name);
        let known = self.with(|kept| kept.get(&key));
        if let Some(Kept { certificates, good: Some(good), trusted_until, .. }) = &known
            && good.contains(&second)
        {
            let (certificates, trusted_until) = (certificates.clone(), *trusted_until);
            return Judged { certificates, verdict: Ok(()), trusted_until };
        }
        let verdict = self.verifier.verify_server_cert(leaf, others, name, ocsp, now).map(|_| ());
        let trusted_until = verdict.as_ref().ok().and_then(|()| self.trusted_until(leaf, others, now));
        let is_new = known.is_none();
        let certificates =
            known.map_or_else(|| shown().filter_map(certificate).collect(), |Kept { certificates, .. }| certificates);
        let all_read = certificates.len() == 1 + others.len();
        let good = all_read.then(|| validity(&certificates)).filter(|good| verdict.is_ok() && good.contains(&second));
        if is_new || good.is_some() {
            let certificates = certificates.clone();
            let chain = Kept { bytes: bytes(&certificates), certificates, good, trusted_until };
            self.with(|kept| kept.put(key, chain));
        }
        Judged { certificates, verdict, trusted_until }
    }

    /// The verifier does not tell the path that it took, so it is looked for once more, in the same way.
    fn trusted_until(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], now: UnixTime) -> Option<i64> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let end = webpki::EndEntityCert::try_from(leaf).ok()?;
        let usage = webpki::KeyUsage::server_auth();
        let path = end.verify_for_usage(algorithms, &self.roots.roots, others, now, usage, None, None).ok()?;
        let between = path.intermediate_certificates().filter_map(|between| not_after(&between.der()));
        between.chain(not_after(leaf)).min()
    }

    fn with<T>(&self, what: impl FnOnce(&mut Generations) -> T) -> T {
        what(&mut lock(&self.kept))
    }
}

type Key = [u8; digest::SHA256_OUTPUT_LEN];

/// The name, and each certificate, with its length: no two chains are the same bytes.
fn key<'a>(chain: impl Iterator<Item = &'a CertificateDer<'a>>, name: &ServerName<'_>) -> Key {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |bytes: &[u8]| {
        context.update(&bytes.len().to_be_bytes());
        context.update(bytes);
    };
    add(if matches!(name, ServerName::DnsName(_)) { b"name" } else { b"address" });
    add(name.to_str().as_bytes());
    chain.for_each(|certificate| add(certificate));
    context.finish().as_ref().try_into().expect("SHA-256 has that length")
}

/// The seconds, in Unix time, at which all of them are valid.
fn validity(certificates: &[Certificate]) -> RangeInclusive<i64> {
    let from = certificates.iter().map(|certificate| certificate.not_before).max();
    let to = certificates.iter().map(|certificate| certificate.not_after).min();
    from.unwrap_or(i64::MAX)..=to.unwrap_or(i64::MIN)
}

/// What it takes to keep them, about.
fn bytes(certificates: &[Certificate]) -> usize {
    // A text is allocated by itself.
    let text = |text: &String| text.capacity() + 2 * size_of::<usize>();
    let of = |certificate: &Certificate| {
        let Certificate { subject, issuer, names, serial, fingerprint, .. } = certificate;
        let texts: usize = [subject, issuer, serial, fingerprint].into_iter().chain(names).map(text).sum();
        size_of::<Certificate>() + size_of::<String>() * names.capacity() + texts
    };
    size_of::<Key>() + size_of::<Kept>() + certificates.iter().map(of).sum::<usize>()
}

#[derive(Debug, Clone)]
struct Kept {
    bytes: usize,
    certificates: Arc<[Certificate]>,
    /// When its verdict is a good one, where that is known.
    good: Option<RangeInclusive<i64>>,
    trusted_until: Option<i64>,
}

/// The chains that were shown lately, and those before them. When the former have no room left, the latter go. So a chain stays
/// as long as it is shown once in a while; to drive it out, strangers have to fill all of the room in the meantime, with chains
/// that each cost them a run.
#[derive(Debug, Default)]
struct Generations {
    recent: HashMap<Key, Kept>,
    /// Of the recent ones.
    bytes: usize,
    older: HashMap<Key, Kept>,
}

impl Generations {
    fn get(&mut self, key: &Key) -> Option<Kept> {
        if let Some(kept) = self.recent.get(key) {
            return Some(kept.clone());
        }
        let kept = self.older.remove(key)?;
        self.put(*key, kept.clone());
        Some(kept)
    }

    fn put(&mut self, key: Key, kept: Kept) {
        if kept.bytes > LARGEST {
            return;
        }
        if self.bytes + kept.bytes > ROOM {
            self.older = std::mem::take(&mut self.recent);
            self.bytes = 0;
        }
        self.bytes += kept.bytes;
        if let Some(before) = self.recent.insert(key, kept) {
            self.bytes -= before.bytes;
        }
    }
}
