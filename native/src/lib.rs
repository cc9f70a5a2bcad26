//! The C ABI of include/leat_cql.h over the `scylla` driver; that of leat_json_schema.h is in json_schema.rs.
#![allow(clippy::missing_safety_doc)] // the header says what each pointer must be

mod error;
mod json_cost;
mod json_document;
mod json_schema;
mod rows;
mod session;
mod stack;
mod write;

use std::cell::Cell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::{Arc, Once};

use scylla::deserialize::row::ColumnIterator;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::prepared::PreparedStatement;

use error::{CError, Error, OTHER, STOPPED, finish};
use rows::Row;
use session::{Client, Options, text};
use write::{Rows, Writer};

pub struct Prepared(Arc<PreparedStatement>);

impl Prepared {
    fn width(&self) -> usize {
        self.0.get_variable_col_specs().len()
    }
}

unsafe fn required<'a>(p: *const c_char) -> Result<&'a str, Error> {
    unsafe { text(p)? }.ok_or_else(|| Error::argument("the statement is missing"))
}

/// Memory of C's; an empty one may be at null.
unsafe fn slice<'a, T>(data: *const T, length: usize) -> &'a [T] {
    if length == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, length) } }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// A panic outside of quietly() ends the process, whichever thread it is on: what it left half done is not gone on with.
fn stop_at_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                tell(panic);
                std::process::abort();
            }
        }));
    });
}

/// Runs what catches its panics: they are not told on stderr.
fn quietly<R>(work: impl FnOnce() -> R) -> R {
    stop_at_panics();
    let before = QUIET.replace(true);
    let result = work();
    QUIET.set(before);
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_open(
    options: *const Options,
    out: *mut *mut Client,
    error: *mut CError,
) -> c_int {
    stop_at_panics();
    let result = unsafe { Client::open(&*options) };
    let result = result.map(|client| unsafe { out.write(Box::into_raw(Box::new(client))) });
    unsafe { finish(result, error) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_close(client: *mut Client) {
    if !client.is_null() {
        drop(unsafe { Box::from_raw(client) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_nodes(client: *const Client) -> u32 {
    unsafe { &*client }.nodes() as u32
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_change(
    client: *mut Client,
    cql: *const c_char,
    error: *mut CError,
) -> c_int {
    let client = unsafe { &*client };
    let result =
        unsafe { required(cql) }.and_then(|cql| client.runtime().block_on(client.change(cql)));
    unsafe { finish(result, error) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_settle(client: *mut Client, error: *mut CError) -> c_int {
    let client = unsafe { &*client };
    let settled = client.runtime().block_on(client.cql.await_schema_agreement());
    let result = settled.map(|_| ()).map_err(|e| Error::new(error::TIMEOUT, true, e));
    unsafe { finish(result, error) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_use(
    client: *mut Client,
    keyspace: *const c_char,
    error: *mut CError,
) -> c_int {
    let client = unsafe { &*client };
    let result = unsafe { required(keyspace) }.and_then(|keyspace| {
        let used = client.runtime().block_on(client.cql.use_keyspace(keyspace, true));
        used.map_err(|e| Error::new(error::INVALID, false, e))
    });
    unsafe { finish(result, error) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_prepare(
    client: *mut Client,
    cql: *const c_char,
    out: *mut *mut Prepared,
    error: *mut CError,
) -> c_int {
    let prepare = || -> Result<(), Error> {
        let client = unsafe { &*client };
        let cql = unsafe { required(cql)? };
        let mut statement = client.runtime().block_on(client.cql.prepare(cql))?;
        statement.set_is_idempotent(true);
        unsafe { out.write(Box::into_raw(Box::new(Prepared(Arc::new(statement))))) };
        Ok(())
    };
    unsafe { finish(prepare(), error) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_statement_free(statement: *mut Prepared) {
    if !statement.is_null() {
        drop(unsafe { Box::from_raw(statement) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_parameters(statement: *const Prepared) -> u32 {
    unsafe { &*statement }.width() as u32
}

#[repr(C)]
pub struct Value {
    bytes: *const u8,
    size: u32,
}

type OnRow = unsafe extern "C" fn(*mut c_void, *const Value, u32) -> c_int;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_select(
    client: *mut Client,
    statement: *const Prepared,
    parameters: *const u8,
    size: usize,
    page_rows: u32,
    on_row: OnRow,
    user: *mut c_void,
    error: *mut CError,
) -> c_int {
    let (client, statement) = unsafe { (&*client, &*statement) };
    let row = Row(unsafe { slice(parameters, size) });
    let give = |values: &[Value]| unsafe { on_row(user, values.as_ptr(), values.len() as u32) };
    let result = row.check(statement.width()).and_then(|()| {
        let mut statement = (*statement.0).clone();
        statement.set_page_size(page_rows.clamp(1, 1_000_000) as i32);
        client.runtime().block_on(select(client, &statement, row, give))
    });
    unsafe { finish(result, error) }
}

async fn select(
    client: &Client,
    statement: &PreparedStatement,
    parameters: Row<'_>,
    give: impl Fn(&[Value]) -> c_int,
) -> Result<(), Error> {
    let other = |e: &dyn std::fmt::Display| Error::new(OTHER, false, e);
    let mut state = PagingState::start();
    let mut values = Vec::new();
    loop {
        let (result, paging) = client.cql.execute_single_page(statement, parameters, state).await?;
        let result = result.into_rows_result().map_err(|e| other(&e))?;
        for row in result.rows::<ColumnIterator>().map_err(|e| other(&e))? {
            values.clear();
            for cell in row.map_err(|e| other(&e))? {
                let slice = cell.map_err(|e| other(&e))?.slice;
                values.push(slice.map_or(Value { bytes: std::ptr::null(), size: 0 }, |s| Value {
                    bytes: s.as_slice().as_ptr(),
                    size: s.as_slice().len() as u32,
                }));
            }
            if give(&values) != 0 {
                return Err(Error::new(STOPPED, false, "stopped by the caller"));
            }
        }
        match paging {
            PagingStateResponse::HasMorePages { state: next } => state = next,
            PagingStateResponse::NoMorePages => return Ok(()),
        }
    }
}

#[repr(C)]
pub struct CRows {
    bytes: *const u8,
    ends: *const u64,
    rows: u64,
    groups: *const u64,
    n_groups: u64,
    concurrency: u32,
}

type OnRefused = unsafe extern "C" fn(*mut c_void, u64, *const c_char);

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcql_write(
    client: *mut Client,
    statement: *const Prepared,
    rows: *const CRows,
    on_refused: OnRefused,
    user: *mut c_void,
    error: *mut CError,
) -> c_int {
    let (client, statement, c) = unsafe { (&*client, &*statement, &*rows) };
    let ends = unsafe { slice(c.ends, c.rows as usize) };
    let bytes = unsafe { slice(c.bytes, ends.last().map_or(0, |&end| end as usize)) };
    let groups = unsafe { slice(c.groups, c.n_groups as usize) };
    let writer = Writer {
        cql: &client.cql,
        statement: &statement.0,
        rows: Rows { bytes, ends },
        limit: &client.limit,
        most: c.concurrency.max(1) as usize,
        retry_until: std::time::Instant::now() + client.timeout,
    };
    let refused = |row: usize, message: &str| {
        let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
        unsafe { on_refused(user, row as u64, message.as_ptr()) };
    };
    let result = writer
        .rows
        .check(statement.width())
        .and_then(|()| client.runtime().block_on(writer.run(groups, refused)));
    unsafe { finish(result, error) }
}
