//! TLS: certificates that are good and bad, handshakes that fail, and what is seen of them.

use std::io::Write;

use metrics_core::{Phase, Reason};
use probe::{Certificate, Client, Module, Pem, Roots, RunReport, Secret, Tls as Seen, TlsFileError, TlsVersion};
use rustls::version::{TLS12, TLS13};

use crate::kit::peer::{read, reset, until_closed};
use crate::kit::{Action, Authority, Flaw, Identity, Peer, Tls, file, ok};
use crate::{Ask, SHORT, UP, ask, failed, module, reached};

/// Asks for `good.test`, which leads to `peer`.
async fn asked(module: Module, authority: &Authority, peer: &Peer) -> RunReport {
    Ask::by(module).trusting(authority).finding("good.test:443", peer.address).of("https://good.test").await
}

fn seen(report: &RunReport) -> &Seen {
    report.hops[0].tls.as_ref().unwrap()
}

#[actix_rt::test]
async fn p18_p19_p20_certificates_that_are_bad() {
    let authority = Authority::new();
    let good = |authority: &Authority| authority.server("good.test", &Flaw::None);
    for (name, config, reason) in [
        ("P18 self-signed", Identity::self_signed("good.test").server(), Reason::TlsUntrusted),
        ("P18 another authority", good(&Authority::new()), Reason::TlsUntrusted),
        ("P18 below another authority", good(&Authority::new().below(&Flaw::None)), Reason::TlsUntrusted),
        ("P19 expired", authority.server("good.test", &Flaw::Expired), Reason::TlsExpired),
        ("P19 signed by one that expired", good(&authority.below(&Flaw::Expired)), Reason::TlsExpired),
        ("not yet valid", authority.server("good.test", &Flaw::NotYetValid), Reason::TlsNotYetValid),
        ("signed by one not yet valid", good(&authority.below(&Flaw::NotYetValid)), Reason::TlsNotYetValid),
        ("P20 wrong name", authority.server("other.test", &Flaw::None), Reason::TlsWrongName),
        ("P20 a name above", authority.server("test", &Flaw::None), Reason::TlsWrongName),
        ("P20 an address", authority.server("127.0.0.1", &Flaw::None), Reason::TlsWrongName),
    ] {
        let peer = Peer::tls(config, |_| ok());
        let report = asked(Module::default(), &authority, &peer).await;
        assert_eq!(failed(&report), (Some(reason), Some(Phase::Tls), None), "{name}: {report:?}");
        assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect, Phase::Tls], "{name}");
        // All that is seen of a good one is seen of a bad one.
        let tls = seen(&report);
        assert_eq!((tls.version, tls.chain.is_empty()), (Some("TLS 1.3"), false), "{name}: {report:?}");
        assert!(tls.cipher.is_some() && tls.rejected.is_some(), "{name}: {report:?}");
        let metrics = report.outcome.tls.as_ref().unwrap();
        assert_eq!(metrics.not_after, Some(tls.chain[0].not_after), "{name}");
        let earliest = tls.chain.iter().map(|certificate| certificate.not_after).min();
        assert_eq!(metrics.chain_not_after, earliest, "{name}");
        assert_eq!(peer.received(), b"", "{name}: nothing may be sent");
        assert_eq!(peer.connections(), 1, "{name}: no retry");
    }
}

/// Certificates that are in order but for what they may be used for.
#[actix_rt::test]
async fn certificates_that_are_odd() {
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa};
    type Change = fn(&mut CertificateParams);
    let authority = Authority::new();
    let changes: [(&str, &[&str], Change, Option<Reason>); 6] = [
        ("many names", &["good.test"; 500], |_| (), None),
        ("any name below", &["*.test", "*.good.test"], |_| (), Some(Reason::TlsWrongName)),
        ("no name but the subject's", &[], |_| (), Some(Reason::TlsWrongName)),
        (
            "for clients",
            &["good.test"],
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            Some(Reason::TlsUntrusted),
        ),
        (
            "an authority's own",
            &["good.test"],
            |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            Some(Reason::TlsUntrusted),
        ),
        (
            "expired, and for another name",
            &["other.test"],
            |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1),
            Some(Reason::TlsExpired),
        ),
    ];
    for (name, names, change, reason) in changes {
        let peer = Peer::tls(authority.signs_with(names, change).server(), |_| ok());
        let report = asked(Module::default(), &authority, &peer).await;
        assert_eq!(report.outcome.reason, reason, "{name}: {report:?}");
        assert_eq!(peer.received().is_empty(), reason.is_some(), "{name}");
    }
    // What else is in the chain counts only where it is needed.
    let mut identity = authority.signs(&["good.test"], &Flaw::None);
    identity.chain.extend([Identity::self_signed("other.test").chain[0].clone(), vec![1, 2, 3].into()]);
    let peer = Peer::tls(identity.server(), |_| ok());
    let report = asked(Module::default(), &authority, &peer).await;
    assert_eq!((failed(&report), seen(&report).chain.len()), (UP, 2), "{report:?}");
}

/// The same with each version: where a certificate is rejected, the handshake itself is let through.
#[actix_rt::test]
async fn versions_and_ciphers() {
    let authority = Authority::new();
    for (only, version) in [(&TLS12, "TLS 1.2"), (&TLS13, "TLS 1.3")] {
        let tls = Tls { only: Some(only), ..Tls::default() };
        for (flaw, reason) in [(&Flaw::None, None), (&Flaw::Expired, Some(Reason::TlsExpired))] {
            let peer = Peer::tls(tls.server(&authority.signs(&["good.test"], flaw)), |_| ok());
            let report = asked(Module::default(), &authority, &peer).await;
            assert_eq!(report.outcome.reason, reason, "{report:?}");
            let metrics = report.outcome.tls.as_ref().unwrap();
            assert_eq!((seen(&report).version, metrics.version), (Some(version), Some(version)));
            assert_eq!(seen(&report).cipher, metrics.cipher);
            // The peer takes what is offered first.
            let cipher = metrics.cipher.unwrap_or_default();
            assert!(cipher.starts_with("TLS_") && cipher.ends_with("AES_128_GCM_SHA256"), "{report:?}");
            assert_eq!(seen(&report).rejected.is_some(), reason.is_some());
        }
    }
}

#[actix_rt::test]
async fn what_a_certificate_says() {
    let authority = Authority::new();
    let below = authority.below(&Flaw::None);
    let identity = below.signs(&["good.test", "*.good.test", "127.0.0.1", "::1"], &Flaw::None);
    let peer = Peer::tls(identity.server(), |_| ok());
    let report = asked(Module::default(), &authority, &peer).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    let [leaf, issuer] = &seen(&report).chain[..] else { panic!("{report:?}") };
    let Certificate { subject, issuer: signed_by, names, serial, fingerprint, not_before, not_after } = leaf;
    assert_eq!((&subject[..], &signed_by[..]), ("CN=test leaf", "CN=test authority below"));
    assert_eq!((&issuer.subject, &issuer.issuer[..]), (signed_by, "CN=test authority"));
    assert_eq!(names, &["good.test", "*.good.test", "127.0.0.1", "::1"]);
    assert!(!serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_hexdigit()), "{serial}");
    let digest = ring::digest::digest(&ring::digest::SHA256, &identity.chain[0]);
    let bytes = (0..fingerprint.len()).step_by(2).map(|at| u8::from_str_radix(&fingerprint[at..at + 2], 16).unwrap());
    assert!(bytes.eq(digest.as_ref().iter().copied()), "{fingerprint}");
    assert!(not_before < not_after, "{report:?}");
    assert_eq!(seen(&report).rejected, None);
}

/// Its notAfter is the earliest, also where the leaf is good for longer.
#[actix_rt::test]
async fn the_chain_expires_with_its_first() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.below(&Flaw::Expired).server("good.test", &Flaw::None), |_| ok());
    let report = asked(Module::default(), &authority, &peer).await;
    let metrics = report.outcome.tls.unwrap();
    // 2020-01-01
    assert_eq!(metrics.chain_not_after, Some(1_577_836_800));
    assert!(metrics.not_after > metrics.chain_not_after);
}

/// An intermediate that the peer keeps to itself.
#[actix_rt::test]
async fn a_chain_with_a_gap() {
    let authority = Authority::new();
    let mut identity = authority.below(&Flaw::None).signs(&["good.test"], &Flaw::None);
    identity.chain.truncate(1);
    let peer = Peer::tls(identity.server(), |_| ok());
    let report = asked(Module::default(), &authority, &peer).await;
    assert_eq!(failed(&report), (Some(Reason::TlsUntrusted), Some(Phase::Tls), None), "{report:?}");
    assert_eq!((seen(&report).chain.len(), peer.received()), (1, Vec::new()));
}

#[actix_rt::test]
async fn certificates_for_addresses() {
    let authority = Authority::new();
    let config = authority.signs(&["127.0.0.1", "::1"], &Flaw::None).server();
    let peer = Peer::tls(config.clone(), |_| ok());
    let report = Ask::by(Module::default()).trusting(&authority).of(&peer.https("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(peer.names(), [None], "an address is no server name (RFC 6066, section 3)");

    let ask = Ask::by(Module::default()).trusting(&authority).finding("[::1]:443", peer.address);
    let report = ask.of("https://[::1]/").await;
    assert_eq!(failed(&report), UP, "{report:?}");

    let ask = Ask::by(Module::default()).trusting(&authority).finding("127.0.0.2:443", peer.address);
    let report = ask.of("https://127.0.0.2/").await;
    assert_eq!(failed(&report).0, Some(Reason::TlsWrongName), "{report:?}");
}

/// A dot at the end says that a name is whole. It is no part of it in TLS.
#[actix_rt::test]
async fn names_with_a_dot_at_their_end() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("good.test", &Flaw::None), |_| ok());
    let ask = Ask::by(Module::default()).trusting(&authority).finding("good.test.:443", peer.address);
    let report = ask.of("https://good.test./").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(peer.names(), [Some("good.test".to_owned())]);
}

/// It goes on, and still says what is wrong.
#[actix_rt::test]
async fn insecure_skip_verify() {
    let authority = Authority::new();
    let module = || module(|module| module.tls_config.insecure_skip_verify = true);
    for config in [
        Identity::self_signed("good.test").server(),
        authority.server("good.test", &Flaw::Expired),
        authority.server("other.test", &Flaw::None),
        Tls { only: Some(&TLS12), ..Tls::default() }.server(&Identity::self_signed("good.test")),
    ] {
        let peer = Peer::tls(config, |_| ok());
        let report = asked(module(), &authority, &peer).await;
        assert_eq!(failed(&report), UP, "{report:?}");
        assert!(seen(&report).rejected.is_some(), "{report:?}");
    }
    let peer = Peer::tls(authority.server("good.test", &Flaw::None), |_| ok());
    let report = asked(module(), &authority, &peer).await;
    assert_eq!((failed(&report), &seen(&report).rejected), (UP, &None), "{report:?}");
}

#[actix_rt::test]
async fn versions_that_are_offered() {
    use TlsVersion::{Tls12, Tls13};
    let authority = Authority::new();
    let identity = authority.signs(&["good.test"], &Flaw::None);
    for (min, max, only, version) in [
        (None, None, None, Some("TLS 1.3")),
        (Some(Tls12), Some(Tls12), None, Some("TLS 1.2")),
        (None, Some(Tls12), None, Some("TLS 1.2")),
        (Some(Tls13), None, None, Some("TLS 1.3")),
        (Some(Tls13), None, Some(&TLS12), None),
        (None, Some(Tls12), Some(&TLS13), None),
    ] {
        let peer = Peer::tls(Tls { only, ..Tls::default() }.server(&identity), |_| ok());
        let module = module(|module| {
            module.tls_config.min_version = min;
            module.tls_config.max_version = max;
        });
        let report = asked(module, &authority, &peer).await;
        let wanted = if version.is_some() { UP } else { (Some(Reason::TlsHandshake), Some(Phase::Tls), None) };
        assert_eq!((failed(&report), seen(&report).version), (wanted, version), "{min:?}, {max:?}: {report:?}");
    }
    let none = module(|module| {
        module.tls_config.min_version = Some(Tls13);
        module.tls_config.max_version = Some(Tls12);
    });
    assert!(matches!(Client::new(none, &Roots::BuiltIn), Err(TlsFileError::NoVersion)));
}

/// A record of TLS: its kind, and what is in it.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, high, low], content].concat()
}

/// An alert that ends everything.
fn alert(description: u8) -> Vec<u8> {
    record(21, &[2, description])
}

/// Peers that take the hello and do something else than shaking hands.
#[actix_rt::test]
async fn p21_p24_handshakes_that_fail() {
    // What servers say that know TLS 1.0 and nothing newer.
    let protocol_version = 70;
    let server_hello_of_tls_10 = {
        let body = [&[3, 1][..], &[7; 32], &[0, 0x00, 0x2f, 0]].concat();
        record(22, &[&[2, 0, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat())
    };
    for (name, says, resets) in [
        ("P21 TLS 1.0 only", alert(protocol_version), false),
        ("P21 TLS 1.0 chosen all the same", server_hello_of_tls_10, false),
        ("no common cipher", alert(40), false),
        ("a name that is not known", alert(112), false),
        ("a warning, and nothing after it", record(21, &[1, 112]), false),
        ("P22 plain text", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), false),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), false),
        ("a record that is none", vec![0xff; 100], false),
        ("a record that is too large", record(22, &[2]).iter().map(|_| 0x16).collect(), false),
        ("half a record", record(22, &[2; 50])[..20].to_vec(), false),
        ("close within the handshake", Vec::new(), false),
        ("reset within the handshake", Vec::new(), true),
    ] {
        let peer = Peer::raw(move |stream| {
            let head = read(stream, 5)?;
            read(stream, u16::from_be_bytes([head[3], head[4]]).into())?;
            stream.write_all(&says)?;
            if resets { reset(stream) } else { Ok(()) }
        });
        let report = ask(&peer.https("/")).await;
        assert_eq!(failed(&report), (Some(Reason::TlsHandshake), Some(Phase::Tls), None), "{name}: {report:?}");
        assert_eq!(seen(&report), &Seen::default(), "{name}: nothing was shown");
        assert_eq!(peer.connections(), 1, "{name}: no retry");
    }
}

/// A peer that speaks before it is asked.
#[actix_rt::test]
async fn p22_plain_text_without_being_asked() {
    let peer = Peer::raw(|stream| {
        stream.write_all(b"220 mail.test ESMTP\r\n")?;
        until_closed(stream);
        Ok(())
    });
    let report = ask(&peer.https("/")).await;
    assert_eq!(failed(&report), (Some(Reason::TlsHandshake), Some(Phase::Tls), None), "{report:?}");
}

/// The certificate has been seen when the peer breaks off: what is wrong with it is the reason, and else that it broke off.
#[actix_rt::test]
async fn a_handshake_that_hangs() {
    let silent = Peer::raw(|stream| {
        until_closed(stream);
        Ok(())
    });
    let half = Peer::raw(|stream| {
        stream.write_all(&record(22, &[2; 50])[..20])?;
        until_closed(stream);
        Ok(())
    });
    for peer in [silent, half] {
        let report = Ask::by(Module::default()).within(SHORT).of(&peer.https("/")).await;
        assert_eq!(failed(&report), (Some(Reason::TlsTimeout), Some(Phase::Tls), None), "{report:?}");
        assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect, Phase::Tls]);
        assert_eq!((peer.connections(), seen(&report)), (1, &Seen::default()));
    }
}

/// In TLS 1.3 the client learns that its certificate is missed only after it has sent its request.
#[actix_rt::test]
async fn client_certificates() {
    let authority = Authority::new();
    let other = Authority::new();
    for only in [&TLS12, &TLS13] {
        let tls = Tls { only: Some(only), clients_of: Some(&authority), ..Tls::default() };
        let peer = Peer::tls(tls.server(&authority.signs(&["good.test"], &Flaw::None)), |_| ok());
        let (cert, key) = authority.signs(&["client.test"], &Flaw::None).pem();
        let given = |pem: (String, String)| {
            module(|module| {
                module.tls_config.cert = Some(Pem::Text(pem.0));
                module.tls_config.key = Some(Secret::Value(pem.1));
            })
        };
        let report = asked(given((cert.clone(), key.clone())), &authority, &peer).await;
        assert_eq!(failed(&report), UP, "{only:?}: {report:?}");
        let in_files = module(|module| {
            module.tls_config.cert = Some(Pem::File(file("client.pem", &cert)));
            module.tls_config.key = Some(Secret::File(file("client.key", &key)));
        });
        let report = asked(in_files, &authority, &peer).await;
        assert_eq!(failed(&report), UP, "{only:?}: {report:?}");

        let foreign = other.signs(&["client.test"], &Flaw::None).pem();
        let expired = authority.signs(&["client.test"], &Flaw::Expired).pem();
        for (name, module) in [("none", Module::default()), ("foreign", given(foreign)), ("expired", given(expired))] {
            let before = peer.connections();
            let report = asked(module, &authority, &peer).await;
            let (reason, phase, status) = failed(&report);
            assert_eq!((reason, status), (Some(Reason::TlsHandshake), None), "{only:?}, {name}: {report:?}");
            assert!(matches!(phase, Some(Phase::Tls | Phase::Processing)), "{only:?}, {name}: {report:?}");
            assert_eq!(peer.connections() - before, 1, "{only:?}, {name}: no retry");
        }
    }
}

#[actix_rt::test]
async fn a_client_certificate_needs_its_key() {
    let authority = Authority::new();
    let (cert, key) = authority.signs(&["client.test"], &Flaw::None).pem();
    let (_, another) = authority.signs(&["client.test"], &Flaw::None).pem();
    let with = |cert: Option<&str>, key: Option<&str>| {
        let module = module(|module| {
            module.tls_config.cert = cert.map(|cert| Pem::Text(cert.to_owned()));
            module.tls_config.key = key.map(|key| Secret::Value(key.to_owned()));
        });
        Client::new(module, &Roots::BuiltIn).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with(Some(&cert), Some(&key)), Ok(()));
    for (cert, key) in [
        (Some(&cert[..]), None),
        (None, Some(&key[..])),
        (Some(&cert), Some(&another)),
        (Some(&cert), Some("no key")),
        (Some("no certificate"), Some(&key)),
        (Some(&key), Some(&key)),
    ] {
        let error = with(cert, key).unwrap_err();
        assert!(!error.contains("PRIVATE") && !error.contains(char::is_control), "{error}");
        assert!(!key.is_some_and(|key| error.contains(key)), "{error}");
    }
}

/// Closing TCP without a word of TLS is what an attacker can do: where the length is known it takes nothing away, where the
/// end of the connection is the end of the body it may.
#[actix_rt::test]
async fn close_without_close_notify() {
    let authority = Authority::new();
    let truncated = (Some(Reason::BodyTruncated), Some(Phase::Transfer), Some(200));
    let head = "HTTP/1.1 200 OK\r\n";
    for (name, answer, wanted) in [
        ("with a length", format!("{head}Content-Length: 2\r\n\r\nok"), UP),
        ("in chunks", format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), UP),
        ("without a body", "HTTP/1.1 204 No Content\r\n\r\n".to_owned(), (None, None, Some(204))),
        ("to the end", format!("{head}\r\nok"), truncated),
        ("too short", format!("{head}Content-Length: 9\r\n\r\nok"), truncated),
        ("in chunks, too short", format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"), truncated),
        ("within the head", head.to_owned(), (Some(Reason::ConnectionClosed), Some(Phase::Transfer), None)),
        ("before the head", String::new(), (Some(Reason::ConnectionClosed), Some(Phase::Processing), None)),
    ] {
        let peer = Peer::tls(authority.server("good.test", &Flaw::None), move |_| Action::Cut(answer.clone().into()));
        let report = asked(Module::default(), &authority, &peer).await;
        assert_eq!(failed(&report), wanted, "{name}: {report:?}");
        assert_eq!(peer.connections(), 1, "{name}: no retry");
    }
}

/// The faults of plain TCP are the same within TLS.
#[actix_rt::test]
async fn faults_within_tls() {
    let authority = Authority::new();
    let open = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let [processing, transfer] = [Some(Phase::Processing), Some(Phase::Transfer)];
    for (name, action, wanted) in [
        ("P6 hang", Action::Hang, (Some(Reason::ResponseTimeout), processing, None)),
        ("P24 close", Action::Close, (Some(Reason::ConnectionClosed), processing, None)),
        ("P23 reset", Action::Reset(Vec::new()), (Some(Reason::ConnectionClosed), processing, None)),
        ("P9 short", Action::answer(open), (Some(Reason::BodyTruncated), transfer, Some(200))),
        ("body stalls", Action::hold(open), (Some(Reason::BodyTimeout), transfer, Some(200))),
        ("to the end", Action::answer("HTTP/1.1 200 OK\r\n\r\nok"), UP),
        ("no HTTP", Action::answer("SSH-2.0-x\r\n\r\n"), (Some(Reason::Protocol), transfer, None)),
    ] {
        let peer = Peer::tls(authority.server("good.test", &Flaw::None), move |_| action.clone());
        let ask = Ask::by(Module::default()).trusting(&authority).finding("good.test:443", peer.address);
        let report = ask.within(2 * SHORT).of("https://good.test").await;
        assert_eq!(failed(&report), wanted, "{name}: {report:?}");
        assert!(report.outcome.tls.is_some() && seen(&report).rejected.is_none(), "{name}: {report:?}");
    }
}

/// A broken record where the response should be.
#[actix_rt::test]
async fn garbage_after_the_handshake() {
    let authority = Authority::new();
    let config = authority.server("good.test", &Flaw::None);
    let peer = Peer::raw(move |stream| {
        let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
        connection.complete_io(stream)?;
        stream.write_all(&record(23, &[0xaa; 64]))?;
        until_closed(stream);
        Ok(())
    });
    let report = asked(Module::default(), &authority, &peer).await;
    assert_eq!(failed(&report), (Some(Reason::Protocol), Some(Phase::Processing), None), "{report:?}");
}

/// Each shows its certificate: a resumed session would not.
#[actix_rt::test]
async fn each_run_is_a_full_handshake() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("good.test", &Flaw::None), |_| ok());
    let ask = asks_again(&authority, &peer);
    for _ in 0..3 {
        let report = ask().await;
        assert_eq!((failed(&report), seen(&report).chain.len()), (UP, 1), "{report:?}");
    }
    assert_eq!(peer.connections(), 3);
}

/// What was found of a chain is kept from run to run, but not that the peer is who the chain says.
#[actix_rt::test]
async fn a_known_chain_in_the_hands_of_another() {
    let authority = Authority::new();
    let identity = authority.signs(&["good.test"], &Flaw::None);
    let mut thief = authority.signs(&["good.test"], &Flaw::None);
    thief.chain = identity.chain.clone();
    for only in [&TLS12, &TLS13] {
        let tls = Tls { only: Some(only), ..Tls::default() };
        let peer = Peer::tls(tls.server(&identity), |_| ok());
        let ask = asks_again(&authority, &peer);
        for _ in 0..2 {
            let report = ask().await;
            assert_eq!(failed(&report), UP, "{only:?}: {report:?}");
        }
        let (answered, known) = (peer.received(), ask().await.hops[0].tls.clone().unwrap().chain);
        peer.shows(tls.server(&thief));
        let report = ask().await;
        assert_eq!(failed(&report), (Some(Reason::TlsHandshake), Some(Phase::Tls), None), "{only:?}: {report:?}");
        assert_eq!(seen(&report).chain, known, "{only:?}: it is seen all the same");
        assert_eq!((peer.received().len(), seen(&report).rejected.clone()), (answered.len() / 2 * 3, None), "{only:?}");
        peer.shows(tls.server(&identity));
        let report = ask().await;
        assert_eq!(failed(&report), UP, "{only:?}: {report:?}");
    }
}

/// A certificate that is renewed, or spoiled, is so from the next run on.
#[actix_rt::test]
async fn certificates_that_change_from_run_to_run() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("good.test", &Flaw::None), |_| ok());
    let ask = asks_again(&authority, &peer);
    for (config, reason) in [
        (authority.server("good.test", &Flaw::None), None),
        (authority.server("good.test", &Flaw::Expired), Some(Reason::TlsExpired)),
        (authority.server("other.test", &Flaw::None), Some(Reason::TlsWrongName)),
        (Identity::self_signed("good.test").server(), Some(Reason::TlsUntrusted)),
        (authority.server("good.test", &Flaw::None), None),
    ] {
        peer.shows(config);
        let reports = [ask().await, ask().await];
        for report in &reports {
            assert_eq!(failed(report).0, reason, "{report:?}");
            assert_eq!(seen(report).rejected.is_some(), reason.is_some(), "{report:?}");
        }
        assert_eq!(seen(&reports[0]), seen(&reports[1]));
    }
}

/// Runs for `good.test` by one client, as the engine has it.
fn asks_again(authority: &Authority, peer: &Peer) -> impl AsyncFn() -> RunReport + use<> {
    let module = module(|module| module.tls_config.ca = Some(Pem::Text(authority.pem().to_owned())));
    let client = std::sync::Arc::new(Client::new(module, &Roots::BuiltIn).unwrap());
    let env = probe::Env::new(vec![format!("good.test:443:{}", peer.address).parse().unwrap()]);
    async move || {
        let url = probe::parse_url("https://good.test").unwrap();
        probe::run(&probe::Spec { url, timeout: 10 * crate::SECOND, client: client.clone() }, &env).await
    }
}

/// DNS has such names, TLS has not.
#[actix_rt::test]
async fn a_name_that_tls_cannot_ask_for() {
    let peer = Peer::plain(|_| ok());
    let report = Ask::by(Module::default()).finding("-a.test:443", peer.address).of("https://-a.test/").await;
    assert_eq!(failed(&report), (Some(Reason::TlsHandshake), Some(Phase::Tls), None), "{report:?}");
    assert_eq!(peer.received(), b"");
}
