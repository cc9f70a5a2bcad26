//! Errors of the driver as codes of leat_cql.h, and whether the same call may succeed later.

use std::ffi::c_int;

use scylla::errors::{
    BadQuery, ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError,
    ExecutionError, MetadataError, NewSessionError, PrepareError, RequestAttemptError,
};

pub const ARGUMENT: i32 = 0x10001;
pub const CONNECT: i32 = 0x10002;
pub const TIMEOUT: i32 = 0x10003;
pub const ENCODING: i32 = 0x10004;
pub const STOPPED: i32 = 0x10005;
pub const OTHER: i32 = 0x1FFFF;

pub const OVERLOADED: i32 = 0x1001;
pub const INVALID: i32 = 0x2200;

#[repr(C)]
pub struct CError {
    code: i32,
    retryable: i32,
    message: [u8; 1000],
}

#[derive(Clone)]
pub struct Error {
    pub code: i32,
    pub retryable: bool,
    pub message: String,
}

impl Error {
    pub fn new(code: i32, retryable: bool, message: impl ToString) -> Self {
        Error { code, retryable, message: message.to_string() }
    }

    pub fn argument(message: impl ToString) -> Self {
        Self::new(ARGUMENT, false, message)
    }

    fn to_c(&self) -> CError {
        let mut message = [0u8; 1000];
        let mut n = self.message.len().min(message.len() - 1);
        while !self.message.is_char_boundary(n) {
            n -= 1;
        }
        message[..n].copy_from_slice(&self.message.as_bytes()[..n]);
        CError { code: self.code, retryable: self.retryable as i32, message }
    }
}

/// Hands a result to C. `error` may be null.
pub unsafe fn finish(result: Result<(), Error>, error: *mut CError) -> c_int {
    match result {
        Ok(()) => 0,
        Err(e) => {
            if !error.is_null() {
                unsafe { error.write(e.to_c()) };
            }
            e.code
        }
    }
}

fn db_error(e: &DbError) -> (i32, bool) {
    match e {
        DbError::ServerError => (0x0000_FFFF, true),
        DbError::ProtocolError => (0x000A, false),
        DbError::AuthenticationError => (0x0100, false),
        DbError::Unavailable { .. } => (0x1000, true),
        DbError::Overloaded => (OVERLOADED, true),
        DbError::IsBootstrapping => (0x1002, true),
        DbError::TruncateError => (0x1003, true),
        DbError::WriteTimeout { .. } => (0x1100, true),
        DbError::ReadTimeout { .. } => (0x1200, true),
        DbError::ReadFailure { .. } => (0x1300, true),
        DbError::FunctionFailure { .. } => (0x1400, false),
        DbError::WriteFailure { .. } => (0x1500, true),
        DbError::SyntaxError => (0x2000, false),
        DbError::Unauthorized => (0x2100, false),
        DbError::Invalid => (INVALID, false),
        DbError::ConfigError => (0x2300, false),
        DbError::AlreadyExists { .. } => (0x2400, false),
        DbError::Unprepared { .. } => (0x2500, true),
        DbError::Other(code) => (*code, true),
        _ => (OTHER, true),
    }
}

fn attempt_error(e: &RequestAttemptError) -> Error {
    let (code, retryable) = match e {
        // The server's own words are enough.
        RequestAttemptError::DbError(e, message) => {
            let (code, retryable) = db_error(e);
            let text = if message.is_empty() { e.to_string() } else { message.clone() };
            // A guardrail of the cluster's, which no row is to blame for.
            if code == INVALID && text.contains("disk usage") {
                return Error::new(OTHER, true, text);
            }
            // Of the store's `ttl`, which is the same for all rows.
            if code == INVALID && text.contains("maximum supported expiration date") {
                return Error::new(ARGUMENT, false, text);
            }
            return Error::new(code, retryable, text);
        }
        RequestAttemptError::SerializationError(_)
        | RequestAttemptError::CqlRequestSerialization(_) => (ENCODING, false),
        // The last two pass when the statement is prepared anew.
        RequestAttemptError::BrokenConnectionError(_)
        | RequestAttemptError::UnableToAllocStreamId
        | RequestAttemptError::RepreparedIdChanged { .. }
        | RequestAttemptError::RepreparedIdMissingInBatch => (CONNECT, true),
        _ => (OTHER, false),
    };
    Error::new(code, retryable, e)
}

/// A wrong password or certificate is found while connecting, deep in the pool's error.
fn pool_error(e: &ConnectionPoolError) -> Error {
    let ConnectionPoolError::Broken { last_connection_error, .. } = e else {
        return Error::new(CONNECT, true, e);
    };
    if let ConnectionError::ConnectionSetupRequestError(setup) = last_connection_error
        && let ConnectionSetupRequestErrorKind::DbError(e, message) = &setup.error
    {
        let (code, retryable) = db_error(e);
        return Error::new(code, retryable, message);
    }
    Error::new(CONNECT, true, last_connection_error)
}

fn metadata_error(e: &MetadataError) -> Error {
    match e {
        MetadataError::ConnectionPoolError(e) => pool_error(e),
        _ => Error::new(CONNECT, true, e),
    }
}

impl From<ExecutionError> for Error {
    fn from(e: ExecutionError) -> Self {
        let (code, retryable) = match &e {
            ExecutionError::BadQuery(BadQuery::SerializationError(_)) => (ENCODING, false),
            ExecutionError::BadQuery(BadQuery::ValuesTooLongForKey(..)) => (INVALID, false),
            ExecutionError::BadQuery(_) => (ARGUMENT, false),
            ExecutionError::LastAttemptError(e) => return attempt_error(e),
            ExecutionError::ConnectionPoolError(e) => return pool_error(e),
            ExecutionError::EmptyPlan => (CONNECT, true),
            ExecutionError::RequestTimeout(_) => (TIMEOUT, true),
            ExecutionError::PrepareError(e) => return prepare_error(e),
            ExecutionError::SchemaAgreementError(_) => (TIMEOUT, true),
            ExecutionError::MetadataError(e) => return metadata_error(e),
            _ => (OTHER, false),
        };
        Error::new(code, retryable, e)
    }
}

fn prepare_error(e: &PrepareError) -> Error {
    match e {
        PrepareError::ConnectionPoolError(e) => pool_error(e),
        PrepareError::AllAttemptsFailed { first_attempt } => attempt_error(first_attempt),
        _ => Error::new(OTHER, false, e),
    }
}

impl From<PrepareError> for Error {
    fn from(e: PrepareError) -> Self {
        prepare_error(&e)
    }
}

impl From<NewSessionError> for Error {
    fn from(e: NewSessionError) -> Self {
        match &e {
            NewSessionError::MetadataError(e) => metadata_error(e),
            NewSessionError::FailedToResolveAnyHostname(_) => Error::new(CONNECT, true, e),
            _ => Error::argument(e),
        }
    }
}
