//! Many rows at once: requests in flight up to what the server bears, refused rows told apart.
//!
//! The limit follows TCP's rule, additive increase and multiplicative decrease: a request that the server was too busy
//! for halves it, each one that went well raises it by a fraction of itself.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use scylla::client::session::Session;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;

use crate::error::{Error, INVALID, TIMEOUT};
use crate::rows::Row;

const ATTEMPTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Requests that may be in flight, shared by all who write through a session.
pub struct Limit(Mutex<f64>);

impl Limit {
    pub fn new() -> Self {
        Limit(Mutex::new(256.0))
    }

    fn now(&self, most: usize) -> usize {
        (self.0.lock().unwrap().max(1.0) as usize).min(most)
    }

    fn went_well(&self, most: usize) {
        let mut limit = self.0.lock().unwrap();
        // A call with a lower bound of its own leaves what others have reached.
        if *limit < most as f64 {
            *limit += 1.0 / *limit;
        }
    }

    fn too_much(&self) {
        let mut limit = self.0.lock().unwrap();
        *limit = (*limit / 2.0).max(1.0);
    }
}

pub struct Rows<'a> {
    pub bytes: &'a [u8],
    pub ends: &'a [u64],
}

impl<'a> Rows<'a> {
    fn row(&self, index: usize) -> Row<'a> {
        let from = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        Row(&self.bytes[from..self.ends[index] as usize])
    }

    pub fn check(&self, width: usize) -> Result<(), Error> {
        (0..self.ends.len()).try_for_each(|index| self.row(index).check(width))
    }
}

/// A request: its rows, and how often it was tried.
struct Request {
    rows: Range<usize>,
    tried: u32,
}

pub struct Writer<'a> {
    pub cql: &'a Session,
    pub statement: &'a Arc<PreparedStatement>,
    pub rows: Rows<'a>,
    pub limit: &'a Limit,
    pub most: usize,
    pub retry_until: Instant,
}

impl Writer<'_> {
    /// After the first error that is not a row's, no new request starts, and those in flight are waited for.
    pub async fn run(
        &self,
        groups: &[u64],
        mut refused: impl FnMut(usize, &str),
    ) -> Result<(), Error> {
        let mut first = 0;
        let mut fresh = groups.iter().map(|&end| {
            let rows = first..end as usize;
            first = rows.end;
            Request { rows, tried: 0 }
        });
        let mut again = VecDeque::new();
        let mut in_flight = FuturesUnordered::new();
        let mut error = None::<Error>;
        loop {
            while error.is_none() && in_flight.len() < self.limit.now(self.most) {
                let Some(request) = again.pop_front().or_else(|| fresh.next()) else { break };
                in_flight.push(self.send(request));
            }
            let Some((mut request, result)) = in_flight.next().await else { break };
            let Err(e) = result else {
                self.limit.went_well(self.most);
                continue;
            };
            if e.code == INVALID && request.rows.len() == 1 {
                refused(request.rows.start, &e.message);
            } else if e.code == INVALID {
                again.extend(request.rows.map(|row| Request { rows: row..row + 1, tried: 0 }));
            } else if is_load(&e)
                && request.tried + 1 < ATTEMPTS
                && Instant::now() < self.retry_until
            {
                self.limit.too_much();
                request.tried += 1;
                again.push_back(request);
            } else {
                error = error.or(Some(e));
            }
        }
        error.map_or(Ok(()), Err)
    }

    async fn send(&self, request: Request) -> (Request, Result<(), Error>) {
        if request.tried > 0 {
            tokio::time::sleep(FIRST_WAIT * (1 << (request.tried - 1))).await;
        }
        let rows = request.rows.clone();
        let result = if rows.len() == 1 {
            let row = self.rows.row(rows.start);
            self.cql.execute_unpaged(self.statement, row).await
        } else {
            let statements = vec![(**self.statement).clone().into(); rows.len()];
            let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements);
            batch.set_is_idempotent(true);
            self.cql.batch(&batch, rows.map(|row| self.rows.row(row)).collect::<Vec<_>>()).await
        };
        (request, result.map(|_| ()).map_err(Error::from))
    }
}

/// Whether fewer requests at once may help: overloaded, a write or the whole request was late.
fn is_load(e: &Error) -> bool {
    matches!(e.code, 0x1001 | 0x1100 | TIMEOUT)
}
