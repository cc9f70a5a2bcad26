//! Rows of values in CQL's own encoding, as the driver takes them: no value is looked at, each is copied once.

use scylla::errors::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;

use crate::error::{ENCODING, Error};

/// The values of one row, each an int32 length (-1: NULL) and its bytes.
#[derive(Clone, Copy)]
pub struct Row<'a>(pub &'a [u8]);

impl<'a> Iterator for Row<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        let (value, rest) = rest.split_at(usize::try_from(length).unwrap_or(0));
        self.0 = rest;
        Some((length >= 0).then_some(value))
    }
}

impl Row<'_> {
    /// Whether the bytes are `width` whole values; so no statement is sent that the caller did not mean.
    pub fn check(&self, width: usize) -> Result<(), Error> {
        let (mut rest, mut found) = (self.0, 0);
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            let Some(after) = after.get(length..) else { break };
            (rest, found) = (after, found + 1);
        }
        if rest.is_empty() && found == width {
            return Ok(());
        }
        Err(Error::new(ENCODING, false, format!("a row of {found} values, expected {width}")))
    }
}

impl SerializeRow for Row<'_> {
    fn serialize(
        &self,
        _: &RowSerializationContext<'_>,
        writer: &mut RowWriter,
    ) -> Result<(), SerializationError> {
        for value in *self {
            let cell = writer.make_cell_writer();
            match value {
                Some(bytes) => cell.set_value(bytes).map_err(SerializationError::new)?,
                None => cell.set_null(),
            };
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
