//! Opening a session: login, TLS with a check of whom it reaches, the local data centre.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foreign_types_shared::ForeignTypeRef;
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslFiletype, SslMethod, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509StoreContextRef, X509VerifyResult};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::cluster::Node;
use scylla::cluster::metadata::Peer;
use scylla::policies::host_filter::HostFilter;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;
use tokio::runtime::Runtime;

use crate::error::{CONNECT, Error, OTHER};
use crate::write::Limit;

/// A node's own bound for TRUNCATE is 60 s.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(70);

#[repr(C)]
pub struct Options {
    contact_points: *const c_char,
    user: *const c_char,
    password: *const c_char,
    datacenter: *const c_char,
    loopback_only: i32,
    tls: i32,
    tls_ca_file: *const c_char,
    tls_certificate_file: *const c_char,
    tls_key_file: *const c_char,
    tls_names: *const c_char,
    connect_ms: u32,
    request_ms: u32,
    consistency: u16,
}

pub struct Client {
    runtime: Option<Runtime>,
    pub cql: Session,
    pub limit: Limit,
    pub timeout: Duration,
}

pub unsafe fn text<'a>(p: *const c_char) -> Result<Option<&'a str>, Error> {
    if p.is_null() {
        return Ok(None);
    }
    unsafe { CStr::from_ptr(p) }.to_str().map(Some).map_err(Error::argument)
}

fn list(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or("").split(',').map(str::trim).filter(|p| !p.is_empty())
}

impl Client {
    pub unsafe fn open(o: &Options) -> Result<Client, Error> {
        let timeout = Duration::from_millis(o.request_ms.into());
        let mut policy = DefaultPolicy::builder().token_aware(true);
        let datacenter = unsafe { text(o.datacenter)? };
        if let Some(name) = datacenter {
            policy = policy.prefer_datacenter(name.to_owned());
        }
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::try_from(o.consistency).map_err(Error::argument)?)
            .request_timeout(Some(timeout))
            .load_balancing_policy(policy.build())
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(list(unsafe { text(o.contact_points)? }))
            .connection_timeout(Duration::from_millis(o.connect_ms.into()))
            .metadata_request_clientside_timeout(timeout)
            .schema_agreement_timeout(timeout)
            .default_execution_profile_handle(profile.into_handle());
        if let Some(user) = unsafe { text(o.user)? } {
            builder = builder.user(user, unsafe { text(o.password)? }.unwrap_or(""));
        }
        if o.loopback_only != 0 {
            builder = builder.host_filter(Arc::new(LoopbackOnly));
        }
        let doubt = Doubt::default();
        if o.tls != 0 {
            builder = builder.tls_context(Some(unsafe { tls(o, doubt.clone())? }));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("leat-cql")
            .enable_all()
            .build()
            .map_err(|e| Error::new(OTHER, false, e))?;
        // A server that takes the connection and says nothing is not the driver's concern for a minute.
        let limit = timeout + Duration::from_millis(o.connect_ms.into());
        let built = runtime.block_on(async { tokio::time::timeout(limit, builder.build()).await });
        let cql = match built {
            Ok(Ok(cql)) => cql,
            failed => {
                runtime.shutdown_background(); // a name may still be looked up
                return Err(match failed {
                    Ok(Err(e)) => doubt.explain(e.into()),
                    _ => Error::new(
                        CONNECT,
                        true,
                        format!("no answer within {} ms", limit.as_millis()),
                    ),
                });
            }
        };
        let client = Client { runtime: Some(runtime), cql, limit: Limit::new(), timeout };
        client.check_datacenter(datacenter)?;
        Ok(client)
    }

    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("an open client has a runtime")
    }

    pub fn nodes(&self) -> usize {
        self.cql.get_cluster_state().get_nodes_info().len()
    }

    /// LOCAL_QUORUM means the data centre of whichever node is asked, so it must be said which.
    fn check_datacenter(&self, wanted: Option<&str>) -> Result<(), Error> {
        let state = self.cql.get_cluster_state();
        let mut all: Vec<&str> =
            state.get_nodes_info().iter().filter_map(|n| n.datacenter.as_deref()).collect();
        all.sort();
        all.dedup();
        match wanted {
            Some(name) if !all.contains(&name) => Err(Error::argument(format!(
                "the cluster has no data centre {name}; there are: {}",
                all.join(", ")
            ))),
            None if all.len() > 1 => Err(Error::argument(format!(
                "the cluster has several data centres, and `datacenter` does not say which is near: {}",
                all.join(", ")
            ))),
            _ => Ok(()),
        }
    }

    /// Runs a change of the schema at the first connected node in the order of their ids.
    pub async fn change(&self, cql: &str) -> Result<(), Error> {
        let state = self.cql.get_cluster_state();
        let node: Option<&Arc<Node>> =
            state.get_nodes_info().iter().filter(|n| n.is_connected()).min_by_key(|n| n.host_id);
        let node = node.ok_or_else(|| Error::new(CONNECT, true, "no node is connected"))?;
        let mut statement = Statement::new(cql);
        statement.set_request_timeout(Some(self.timeout.max(CHANGE_TIMEOUT)));
        statement.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(
            NodeIdentifier::Node(node.clone()),
            None,
        )));
        self.cql.query_unpaged(statement, ()).await?;
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

/// Where a login without TLS may go.
struct LoopbackOnly;

impl HostFilter for LoopbackOnly {
    fn accept(&self, peer: &Peer) -> bool {
        peer.address.ip().is_loopback()
    }
}

/// Why the last certificate was refused; the driver's error does not say it.
#[derive(Clone, Default)]
struct Doubt(Arc<Mutex<Option<&'static str>>>);

impl Doubt {
    fn tell(&self, why: &'static str) {
        *self.0.lock().unwrap() = Some(why);
    }

    fn explain(&self, error: Error) -> Error {
        match *self.0.lock().unwrap() {
            Some(why) => Error { message: format!("certificate verify failed: {why}"), ..error },
            None => error,
        }
    }
}

/// The driver has the certificate checked against the node's address. Where it has names only, one of `tls_names` does.
unsafe fn tls(o: &Options, doubt: Doubt) -> Result<SslConnectorBuilder, Error> {
    let mut tls = SslConnector::builder(SslMethod::tls_client()).map_err(Error::argument)?;
    let file = |what: &str, name: &str, e: openssl::error::ErrorStack| {
        Error::argument(format!("{what} {name}: {e}"))
    };
    if let Some(name) = unsafe { text(o.tls_ca_file)? } {
        // Instead of the host's authorities, which the connector begins with.
        tls.set_cert_store(X509StoreBuilder::new().map_err(Error::argument)?.build());
        tls.set_ca_file(name).map_err(|e| file("authorities", name, e))?;
    }
    if let Some(name) = unsafe { text(o.tls_certificate_file)? } {
        tls.set_certificate_chain_file(name).map_err(|e| file("certificate", name, e))?;
    }
    if let Some(name) = unsafe { text(o.tls_key_file)? } {
        tls.set_private_key_file(name, SslFiletype::PEM).map_err(|e| file("key", name, e))?;
    }
    let names = list(unsafe { text(o.tls_names)? })
        .map(CString::new)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::argument)?;
    tls.set_verify_callback(SslVerifyMode::PEER, move |ok, context| {
        let mismatch = openssl_sys::X509_V_ERR_IP_ADDRESS_MISMATCH;
        let ok = ok || (context.error().as_raw() == mismatch && has_name(context, &names));
        if !ok {
            doubt.tell(context.error().error_string());
        }
        ok
    });
    Ok(tls)
}

fn has_name(context: &mut X509StoreContextRef, names: &[CString]) -> bool {
    let Some(certificate) = context.current_cert() else { return false };
    let found = names.iter().any(|name| {
        let length = name.as_bytes().len();
        let certificate = certificate.as_ptr();
        // SAFETY: both live through the call; the name's length is given.
        let matches: c_int = unsafe {
            openssl_sys::X509_check_host(
                certificate,
                name.as_ptr(),
                length,
                0,
                std::ptr::null_mut(),
            )
        };
        matches == 1
    });
    if found {
        context.set_error(X509VerifyResult::OK);
    }
    found
}
