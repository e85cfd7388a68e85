//! What is kept of chains, and what is never taken from there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::*;
use crate::failure;
use metrics_core::Reason;

/// rustls' own verifier, and how often it was asked.
#[derive(Debug)]
struct Counting(Arc<WebPkiServerVerifier>, AtomicUsize);

impl ServerCertVerifier for Counting {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.verify_server_cert(leaf, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// An authority, and chains that are verified by it.
struct Kit {
    issuer: Issuer<'static, KeyPair>,
    verifier: Arc<Counting>,
    chains: Chains,
}

impl Kit {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots);
        let webpki = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone()).build().unwrap();
        let verifier = Arc::new(Counting(webpki, AtomicUsize::new(0)));
        Self { issuer: Issuer::new(params, key), chains: Chains::new(verifier.clone(), roots, provider), verifier }
    }

    /// A certificate for these names, from the start of 2010 to the start of `until`.
    fn signs(&self, names: &[&str], until: i32) -> CertificateDer<'static> {
        let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().clone()
    }

    /// An authority that this one has signed, until the start of `until`, and its certificate.
    fn below(&self, until: i32) -> (Self, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "below");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (Self { issuer: Issuer::new(params, key), ..Self::new() }, certificate)
    }

    /// The verdict, what the certificates say, and how often the verifier was asked for it.
    fn judges(
        &self,
        chain: &[CertificateDer<'_>],
        name: &str,
        now: u64,
    ) -> (Option<Reason>, Arc<[Certificate]>, usize) {
        let before = self.verifier.1.load(Ordering::Relaxed);
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        let judged = self.chains.judge(&chain[0], &chain[1..], &name, &[], now);
        let reason = judged.verdict.err().map(|error| failure::certificate(&error).reason);
        (reason, judged.certificates, self.verifier.1.load(Ordering::Relaxed) - before)
    }

    fn kept(&self) -> usize {
        self.chains.with(|kept| kept.recent.len() + kept.older.len())
    }
}

/// 2010-01-01, 2020-01-01, and 2030-01-01.
const START: u64 = 1_262_304_000;
const MIDDLE: u64 = 1_577_836_800;
const END: u64 = 1_893_456_000;

#[test]
fn a_chain_that_is_shown_again_is_not_verified_again() {
    let kit = Kit::new();
    let chain = [kit.signs(&["good.test"], 2030), kit.signs(&["other.test"], 2040)];
    let (first, said, asked) = kit.judges(&chain, "good.test", MIDDLE);
    assert_eq!((first, said.len(), asked), (None, 2, 1));
    for now in [MIDDLE, START, END, MIDDLE + 1] {
        let (again, known, asked) = kit.judges(&chain, "good.test", now);
        assert_eq!((again, asked), (None, 0), "{now}");
        assert!(Arc::ptr_eq(&said, &known), "one copy for all runs");
    }
    assert_eq!(kit.kept(), 1);
}

/// Whatever else is presented: only the path to the root counts, and only where it is trusted.
#[test]
fn how_long_a_chain_is_trusted_is_of_its_path_alone() {
    let kit = Kit::new();
    let (below, between) = kit.below(2035);
    let leaf = below.signs(&["good.test"], 2040);
    let stranger = kit.signs(&["other.test"], 2030);
    let until = |chain: &[CertificateDer<'_>], name: &str, now: u64| {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        kit.chains.judge(&chain[0], &chain[1..], &name, &[], now).trusted_until
    };
    // The first time it is found out, the second it is kept.
    for _ in 0..2 {
        let chain = [leaf.clone(), stranger.clone(), between.clone()];
        assert_eq!(until(&chain, "good.test", MIDDLE), Some(2_051_222_400), "2035-01-01");
        assert_eq!(until(&chain, "bad.test", MIDDLE), None);
        assert_eq!(until(std::slice::from_ref(&leaf), "good.test", MIDDLE), None, "nothing leads to the root");
    }
    assert_eq!(until(&[kit.signs(&["good.test"], 2030)], "good.test", MIDDLE), Some(END.try_into().unwrap()));
    assert_eq!(until(&[kit.signs(&["good.test"], 2030)], "good.test", END + 1), None);
}

#[test]
fn p19_a_chain_that_is_kept_expires_all_the_same() {
    let kit = Kit::new();
    // Also where the one that expires is of no use.
    for chain in
        [vec![kit.signs(&["good.test"], 2030)], vec![kit.signs(&["good.test"], 2040), kit.signs(&["good.test"], 2030)]]
    {
        assert_eq!(kit.judges(&chain, "good.test", END).0, None);
        let wanted = (chain.len() == 1).then_some(Reason::TlsExpired);
        for _ in 0..2 {
            let (late, _, asked) = kit.judges(&chain, "good.test", END + 1);
            assert_eq!((late, asked), (wanted, 1), "{chain:?}");
        }
        let (early, _, asked) = kit.judges(&chain, "good.test", START - 1);
        assert_eq!((early, asked), (Some(Reason::TlsNotYetValid), 1));
        // The clock was wrong.
        let (again, _, asked) = kit.judges(&chain, "good.test", MIDDLE);
        assert_eq!((again, asked), (None, 0));
    }
}

#[test]
fn what_was_expired_when_it_was_first_seen_is_good_once_the_clock_is_right() {
    let kit = Kit::new();
    let chain = [kit.signs(&["good.test"], 2030)];
    assert_eq!(kit.judges(&chain, "good.test", END + 1).0, Some(Reason::TlsExpired));
    for asked in [1, 0] {
        let judged = kit.judges(&chain, "good.test", MIDDLE);
        assert_eq!((judged.0, judged.2), (None, asked));
    }
}

#[test]
fn p18_p20_a_bad_verdict_is_found_each_time_and_is_no_one_elses() {
    let (kit, stranger) = (Kit::new(), Kit::new());
    let chain = [kit.signs(&["good.test", "127.0.0.1"], 2030)];
    assert_eq!(kit.judges(&chain, "good.test", MIDDLE).0, None);
    for name in ["other.test", "test", "127.0.0.2", "::1", "127.0.0.1.test"] {
        for _ in 0..2 {
            let (reason, said, asked) = kit.judges(&chain, name, MIDDLE);
            assert_eq!((reason, said.len(), asked), (Some(Reason::TlsWrongName), 1, 1), "{name}");
        }
    }
    assert_eq!(kit.judges(&chain, "127.0.0.1", MIDDLE).0, None);
    // Another module, which trusts others.
    for _ in 0..2 {
        let (reason, _, asked) = stranger.judges(&chain, "good.test", MIDDLE);
        assert_eq!((reason, asked), (Some(Reason::TlsUntrusted), 1));
    }
}

/// Each certificate counts, and where it ends.
#[test]
fn a_chain_that_differs_is_another_one() {
    let kit = Kit::new();
    let [leaf, other] = [kit.signs(&["good.test"], 2030), kit.signs(&["other.test"], 2030)];
    let split_elsewhere = {
        let both = [&leaf[..], &other[..]].concat();
        let (front, back) = both.split_at(leaf.len() - 1);
        [front, back].map(|der| CertificateDer::from(der.to_vec()))
    };
    assert_eq!(kit.judges(&[leaf.clone(), other.clone()], "good.test", MIDDLE).0, None);
    for chain in [&[leaf.clone()][..], &[other.clone(), leaf.clone()], &[leaf.clone(), leaf, other], &split_elsewhere] {
        assert_eq!(kit.judges(chain, "good.test", MIDDLE).2, 1, "{chain:?}");
    }
}

#[test]
fn what_is_no_certificate_is_left_out_each_time() {
    let kit = Kit::new();
    let none = CertificateDer::from(vec![1, 2, 3]);
    let chain = [kit.signs(&["good.test"], 2030), none.clone()];
    for _ in 0..2 {
        // Nobody knows until when it is valid.
        let (reason, said, asked) = kit.judges(&chain, "good.test", MIDDLE);
        assert_eq!((reason, said.len(), asked), (None, 1, 1));
        let (reason, said, asked) = kit.judges(std::slice::from_ref(&none), "good.test", MIDDLE);
        assert_eq!((reason, said.len(), asked), (Some(Reason::TlsUntrusted), 0, 1));
    }
}

#[test]
fn a_chain_that_is_large_is_not_kept() {
    let kit = Kit::new();
    let names: Vec<_> = (0..2_000).map(|n| format!("{n}.test")).collect();
    let chain = [kit.signs(&names.iter().map(String::as_str).collect::<Vec<_>>(), 2030)];
    for _ in 0..2 {
        let (reason, said, asked) = kit.judges(&chain, "1.test", MIDDLE);
        assert_eq!((reason, said[0].names.len(), asked), (None, 2_000, 1));
    }
    assert_eq!(kit.kept(), 0);
}

/// Ever new chains take no more than their room, and do not drive out one that is shown now and then.
#[test]
fn room_is_bounded_and_shared_fairly() {
    let mut kept = Generations::default();
    let put = |kept: &mut Generations, n: usize, bytes: usize| {
        let mut key = Key::default();
        key[..size_of::<usize>()].copy_from_slice(&n.to_le_bytes());
        kept.put(key, Kept { bytes, certificates: Arc::default(), good: None, trusted_until: None });
        key
    };
    let bytes = LARGEST / 2;
    let known = put(&mut kept, 0, bytes);
    for n in 1..10 * ROOM / bytes {
        put(&mut kept, n, bytes);
        assert_eq!(kept.bytes, kept.recent.values().map(|kept| kept.bytes).sum::<usize>());
        assert!(kept.bytes <= ROOM && kept.older.len() <= ROOM / bytes, "{n}");
        // Half a room after it was last shown, and more.
        if n % (ROOM / bytes / 2) == 0 {
            assert!(kept.get(&known).is_some(), "{n}");
        }
    }
    // Nobody has seen that one since.
    let mut first = Key::default();
    first[0] = 1;
    assert!(kept.get(&first).is_none());
    // What is put again is not counted twice.
    for _ in 0..2 * ROOM / bytes {
        put(&mut kept, usize::MAX, bytes);
    }
    assert!(kept.older.len() + kept.recent.len() <= 2 * ROOM / bytes && kept.get(&known).is_some());
}
