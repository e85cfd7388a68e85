//! Certificates good and bad.

use rcgen::DnType;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::tls::{HERE, shows};
use super::{Case, Setup, down, up};
use crate::kit::{Authority, Flaw, Identity, Peer, ok};

fn skips(identity: &Identity) -> Setup {
    let peer = Peer::tls(identity.server(), |_| ok());
    Setup::of(peer.https("/")).with(&peer).module("tls_config: {insecure_skip_verify: true}")
}

fn with_serial(name: &str, serial: Vec<u8>) -> Setup {
    let authority = Authority::new();
    let identity = authority.signs_with(&[HERE], |params| params.serial_number = Some(serial.into()));
    shows(&authority, name, &identity)
}

/// A certificate until 2050, and after it this one.
fn with_another(authority: &Authority, name: &str, another: CertificateDer<'static>) -> Setup {
    let mut identity = authority.signs_with(&[HERE], |params| params.not_after = rcgen::date_time_ymd(2050, 1, 1));
    identity.chain.push(another);
    shows(authority, name, &identity)
}

pub(super) static ALL: &[Case] = &[
    up("intermediate-authority", 200, || {
        let root = Authority::new();
        shows(&root, "intermediate-authority", &root.below(&Flaw::None).signs(&[HERE], &Flaw::None))
    }),
    up("chain-with-its-root", 200, || {
        let root = Authority::new();
        let certificate = CertificateDer::from_pem_slice(root.pem().as_bytes()).unwrap();
        with_another(&root, "chain-with-its-root", certificate)
    }),
    up("chain-with-one-that-is-expired-and-not-needed", 200, || {
        let authority = Authority::new();
        let certificate = authority.signs(&["other.test"], &Flaw::Expired).chain.remove(0);
        with_another(&authority, "chain-with-one-that-is-expired-and-not-needed", certificate)
    }),
    down("chain-with-one-that-is-expired-and-needed", 0, || {
        let root = Authority::new();
        let identity = root.below(&Flaw::Expired).signs(&[HERE], &Flaw::None);
        shows(&root, "chain-with-one-that-is-expired-and-needed", &identity)
    }),
    up("serial-number-of-one-digit", 200, || with_serial("serial-number-of-one-digit", vec![5])),
    up("serial-number-of-a-high-bit", 200, || with_serial("serial-number-of-a-high-bit", vec![0x80, 0, 1])),
    up("wildcard", 200, || {
        let authority = Authority::new();
        let identity = authority.signs(&["*.shop.test", "shop.test"], &Flaw::None);
        shows(&authority, "wildcard", &identity).hostname("www.shop.test")
    }),
    up("distinguished-name", 200, || {
        let authority = Authority::new();
        let identity = authority.signs_with(&[HERE, "b.test", "a.test"], |params| {
            let name = &mut params.distinguished_name;
            for (kind, value) in [
                (DnType::CountryName, "JP"),
                (DnType::OrganizationName, "Sea, \"Sky\" + Co"),
                (DnType::LocalityName, "Tōkyō"),
            ] {
                name.push(kind, value);
            }
        });
        shows(&authority, "distinguished-name", &identity)
    }),
    down("expired", 0, || {
        let authority = Authority::new();
        shows(&authority, "expired", &authority.signs(&[HERE], &Flaw::Expired))
    }),
    down("not-yet-valid", 0, || {
        let authority = Authority::new();
        shows(&authority, "not-yet-valid", &authority.signs(&[HERE], &Flaw::NotYetValid))
    }),
    down("wrong-name", 0, || {
        let authority = Authority::new();
        shows(&authority, "wrong-name", &authority.signs(&["other.test"], &Flaw::None))
    }),
    down("untrusted", 0, || shows(&Authority::new(), "untrusted", &Authority::new().signs(&[HERE], &Flaw::None))),
    down("self-signed", 0, || shows(&Authority::new(), "self-signed", &Identity::self_signed(HERE))),
    up("expired-and-not-looked-at", 200, || skips(&Authority::new().signs(&[HERE], &Flaw::Expired))),
    up("wrong-name-and-not-looked-at", 200, || skips(&Authority::new().signs(&["other.test"], &Flaw::None))),
    up("self-signed-and-not-looked-at", 200, || skips(&Identity::self_signed(HERE))),
];
