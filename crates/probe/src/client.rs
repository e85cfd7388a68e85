//! A module made ready: its certificates read, its TLS configured. Many targets share one.

use crate::dial::pem::TlsFileError;
use crate::dial::tls::{Roots, TlsClient};
use crate::module::Module;

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

    /// What it was made of.
    pub fn module(&self) -> &Module {
        &self.module
    }
}
