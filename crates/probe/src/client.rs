//! A module made ready: its certificates read, its TLS configured. Many targets share one.

use awc::http::header;
use awc::http::uri::Authority;

use crate::dial::pem::TlsFileError;
use crate::dial::tls::{Roots, TlsClient};
use crate::module::{Module, Secret};

/// A [`Module`] that is ready to ask.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) module: Module,
    pub(crate) tls: TlsClient,
}

impl Client {
    /// Reads the certificates that `module` names. It trusts `roots` where it names no authorities itself.
    ///
    /// # Errors
    /// [`TlsFileError`] if a file of certificates or a key cannot be used.
    pub fn new(module: Module, roots: &Roots) -> Result<Self, TlsFileError> {
        let tls = TlsClient::new(&module, roots)?;
        Ok(Self { module, tls })
    }

    /// The same for another name of the host: in the header Host and, unless the module has a `server_name`, in TLS.
    ///
    /// # Errors
    /// [`HostError`] if it is none, or if the module has another one.
    pub fn for_host(&self, host: &str) -> Result<Self, HostError> {
        if host.parse::<Authority>().is_err() || host.contains('@') {
            return Err(HostError::Invalid);
        }
        let mut client = self.clone();
        let known = client.module.headers.iter().find(|(name, _)| *name == header::HOST);
        match known {
            Some((_, Secret::Value(known))) if known == host => {}
            Some(_) => return Err(HostError::Another),
            None => client.module.headers.push((header::HOST, Secret::Value(host.to_owned()))),
        }
        Ok(client)
    }

    /// What it was made of.
    pub fn module(&self) -> &Module {
        &self.module
    }
}

/// Why a module cannot be asked for another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    /// It is no host.
    Invalid,
    /// The module has a header Host of its own.
    Another,
}

impl std::fmt::Display for HostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Invalid => "not a host; write NAME or NAME:PORT",
            Self::Another => "the module has another one in its header Host; leave one of them out",
        })
    }
}

impl std::error::Error for HostError {}
