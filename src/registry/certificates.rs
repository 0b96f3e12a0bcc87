//! TLS settings of connections: the system's authorities, further ones, client certificates.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use crate::ports::TlsSettings;

/// Settings for connections that never speak TLS: the system's authorities are not even read.
pub(super) fn without_authorities() -> Result<ClientConfig, String> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// Settings with the system's authorities, those of `extra` (PEM) and those of `tls`.
pub(super) fn with_authorities(
    tls: &TlsSettings,
    extra: Option<&[u8]>,
) -> Result<ClientConfig, String> {
    let mut authorities = Vec::new();
    for pem in tls.ca.as_deref().into_iter().chain(extra) {
        let parsed: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(pem).collect();
        match parsed {
            Ok(certificates) if !certificates.is_empty() => authorities.extend(certificates),
            _ => return Err("failed to parse CA certificate".to_owned()),
        }
    }
    let provider = provider();
    let system = Verifier::new_with_extra_roots(authorities.iter().cloned(), provider.clone())
        .map_err(|error| format!("the certificate authorities cannot be used: {error}"))?;
    let verifier = TrustedLeaves {
        system,
        trusted: authorities,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, key) = client_pair(certificate, key.expose())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| unusable_pair(&error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn client_pair(
    certificate: &[u8],
    key: &[u8],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable_pair(&error))?;
    if chain.is_empty() {
        return Err(unusable_pair(&"no certificate in the PEM text"));
    }
    // The decoder's error names what is missing and never quotes the key.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable_pair(&error))?;
    Ok((chain, key))
}

fn unusable_pair(why: &dyn std::fmt::Display) -> String {
    format!("failed to parse TLS certificate and key: {why}")
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Trusts what the system's verifier trusts, and also a server certificate that is itself one of
/// the named authorities. Go does the same, and self-signed registry certificates mostly claim to
/// be authorities, which webpki alone refuses.
#[derive(Debug)]
struct TrustedLeaves {
    system: Verifier,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for TrustedLeaves {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.system.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            // The validity in time is checked before this error can arise.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if format!("{other:?}").contains("CaUsedAsEndEntity")
                    && self.trusted.iter().any(|trusted| trusted == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.system.supported_verify_schemes()
    }
}
