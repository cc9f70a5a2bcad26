//! A JSON document as serde_json's Value, exactly: numbers keep their digits, and what only looks like serde_json's
//! inner form of a number (an object whose key is "$serde_json::private::Number") stays an object.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub enum Fault {
    NotJson(String),
    TooDeep(u32),
}

/// Parses `json`, at most `max_depth` arrays and objects inside each other.
pub fn parse(json: &[u8], max_depth: u32) -> Result<Value, Fault> {
    let deep = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let place = Place { left: max_depth, deep: &deep };
    let parsed = place.deserialize(&mut deserializer).and_then(|v| deserializer.end().map(|()| v));
    parsed.map_err(|e| {
        if deep.get() { Fault::TooDeep(max_depth) } else { Fault::NotJson(e.to_string()) }
    })
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    left: u32, // containers that may still open
    deep: &'a Cell<bool>,
}

impl Place<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Place { left, ..self }),
            None => {
                self.deep.set(true);
                Err(E::custom("nested too deeply"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut next = entries.next_key_seed(Key)?;
        if let Some(Name::OfNumber) = next {
            return entries
                .next_value::<String>()
                .map(|n| Value::Number(Number::from_string_unchecked(n)));
        }
        let inside = self.inside()?;
        while let Some(Name::OfField(name)) = next {
            map.insert(name, entries.next_value_seed(inside)?);
            next = entries.next_key_seed(Key)?;
        }
        Ok(Value::Object(map))
    }
}

/// serde_json gives a number as a map of one key. That key comes as text even when an option is asked for; a key of the
/// document comes as one.
struct Key;
enum Name {
    OfNumber,
    OfField(String),
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Name;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Name;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, _: &str) -> Result<Name, E> {
        Ok(Name::OfNumber)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        String::deserialize(deserializer).map(Name::OfField)
    }
}
