//! The C ABI of include/leat_json_schema.h over the crate `jsonschema`.

use std::ffi::{c_char, c_int};
use std::fmt::{self, Write};
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Registry, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

use crate::json_cost::{Cost, MAX_LOOKS, depth_of};
use crate::json_document::{Fault, parse};
use crate::quietly;
use crate::slice;
use crate::stack::Stack;

const VIOLATION: i32 = 1;
const NOT_JSON: i32 = 2;
const TOO_DEEP: i32 = 3;
const SCHEMA: i32 = 4;
const FAILED: i32 = 5;

/// Of a schema and all it refers to.
const MAX_SCHEMA_BYTES: usize = 8 << 20;
const MAX_SCHEMA_DEPTH: u32 = 120;
const MAX_DOCUMENT_DEPTH: u32 = 100;
/// Keywords that apply a schema to the same value once more, of all schemas together.
const MAX_APPLICATORS: usize = 10_000;
/// Regular expressions, and what they may take compiled: each, and all together.
const MAX_PATTERNS: usize = 4096;
const PATTERN_BYTES: usize = 10 << 20;
const LEAST_PATTERN_BYTES: usize = 64 << 10;
const ALL_PATTERN_BYTES: usize = 64 << 20;
/// Steps back that a pattern with look-around or back-references may take on one text; others take linear time.
const MAX_BACKTRACKS: usize = 100_000;

/// What the crate's recursion takes at most of the stack for one applicator and one level of a document.
const FRAME_BYTES: usize = 2 << 10;
const BASE_STACK_BYTES: usize = 4 << 20;
/// What the crate's own schemas of drafts apply when they are referred to.
const BASE_APPLICATORS: usize = 64;
const DEEP_RUN: usize = 64; // applicators from which a run may leave many pages behind

const UNTOLD: &str = "it is not what the schema asks for (where is not looked for: the schema refers to itself in too \
                      many ways for a value that deep)";

const TEXT_BYTES: usize = 1000;
/// The base of a schema without `$id`.
const ROOT: &str = "json-schema:///";

pub struct JsonValidator {
    compiled: Option<Validator>, // dropped on the stack, too
    stack: Stack,
    max_depth: u32,
    tellable_depth: u32, // of a document whose error's place is looked for
    deep: bool,
}

#[repr(C)]
pub struct CError {
    code: i32,
    path_size: u32,
    keyword_size: u32,
    message_size: u32,
    path: [u8; TEXT_BYTES],
    keyword: [u8; TEXT_BYTES],
    message: [u8; TEXT_BYTES],
}

struct Failure {
    code: i32,
    path: String,
    keyword: String,
    message: String,
}

impl Failure {
    fn new(code: i32, message: impl ToString) -> Self {
        let (path, keyword) = (String::new(), String::new());
        Failure { code, path, keyword, message: message.to_string() }
    }

    fn of(code: i32, error: &ValidationError) -> Self {
        Failure {
            code,
            path: error.instance_path().as_str().to_owned(),
            keyword: error.schema_path().as_str().to_owned(),
            message: message_of(error),
        }
    }
}

/// Text up to TEXT_BYTES; writing more fails.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > TEXT_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// With the value, unless it is too long to tell.
fn message_of(error: &ValidationError) -> String {
    let mut text = Bounded(String::new());
    if write!(text, "{error}").is_err() {
        text.0.clear();
        let _ = write!(text, "{}", error.masked_with("the value"));
    }
    text.0
}

fn copy(text: &str, into: &mut [u8; TEXT_BYTES]) -> u32 {
    let mut n = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(n) {
        n -= 1;
    }
    into[..n].copy_from_slice(&text.as_bytes()[..n]);
    n as u32
}

unsafe fn finish(result: Result<(), Failure>, error: *mut CError) -> c_int {
    let Err(failure) = result else { return 0 };
    if let Some(error) = unsafe { error.as_mut() } {
        error.code = failure.code;
        error.path_size = copy(&failure.path, &mut error.path);
        error.keyword_size = copy(&failure.keyword, &mut error.keyword);
        error.message_size = copy(&failure.message, &mut error.message);
    }
    failure.code
}

/// What a schema refers to: the only documents there are.
#[derive(Clone)]
struct References(Arc<Vec<Reference>>);

struct Reference {
    name: String,
    text: Value,
}

impl Reference {
    /// How well it fits a URI; 0: not at all.
    fn fits(&self, uri: &str) -> usize {
        let id = self.text.get("$id").or_else(|| self.text.get("id")).and_then(Value::as_str);
        if self.name == uri || id.is_some_and(|id| id.trim_end_matches('#') == uri) {
            return usize::MAX;
        }
        // The schema's $id, or json-schema:/// without one, stands before a relative name.
        let relative = self.name.trim_start_matches("./").trim_start_matches('/');
        match uri.strip_suffix(relative) {
            Some(before) if !relative.is_empty() && before.ends_with('/') => relative.len(),
            _ => 0,
        }
    }
}

impl References {
    fn find(&self, uri: &str) -> Option<&Value> {
        let uri = uri.trim_end_matches('#');
        let best = self.0.iter().rev().max_by_key(|each| each.fits(uri))?;
        (best.fits(uri) > 0).then_some(&best.text)
    }
}

impl Retrieve for References {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.find(uri.as_str())
            .cloned()
            .ok_or_else(|| format!("'{uri}' is not among the schema's references").into())
    }
}

/// What bounds the cost of a schema.
#[derive(Default)]
struct Weight {
    applicators: usize,
    multipliers: usize, // of them: what makes it look at a value more often than it has lines
    patterns: usize,
}

impl Weight {
    /// Counts too much rather than too little: names of fields count like keywords.
    fn add(&mut self, schema: &Value) {
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    match key.as_str() {
                        "$ref" | "$dynamicRef" | "$recursiveRef" => {
                            self.applicators += 1;
                            self.multipliers += 1;
                        }
                        "unevaluatedProperties" | "unevaluatedItems" => {
                            self.applicators += 1;
                            self.multipliers += 1;
                        }
                        "not"
                        | "if"
                        | "then"
                        | "else" => {
                            self.applicators += 1;
                        }
                        "allOf" | "anyOf" | "oneOf" => {
                            self.applicators += value.as_array().map_or(1, Vec::len);
                        }
                        "dependencies" | "dependentSchemas" => {
                            self.applicators += value.as_object().map_or(1, |all| all.len());
                        }
                        "pattern" => self.patterns += 1,
                        "patternProperties" => {
                            self.patterns += value.as_object().map_or(1, |all| all.len());
                        }
                        _ => {}
                    }
                    self.add(value);
                }
            }
            Value::Array(values) => values.iter().for_each(|each| self.add(each)),
            _ => {}
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let beyond = |count, what, most| {
            Failure::new(SCHEMA, format!("{count} {what}, with all it refers to: more than {most}"))
        };
        if self.applicators > MAX_APPLICATORS {
            return Err(beyond(self.applicators, "$ref, allOf and the like", MAX_APPLICATORS));
        }
        if self.patterns > MAX_PATTERNS {
            return Err(beyond(self.patterns, "regular expressions", MAX_PATTERNS));
        }
        Ok(())
    }

    fn pattern_bytes(&self) -> usize {
        (ALL_PATTERN_BYTES / self.patterns.max(1)).clamp(LEAST_PATTERN_BYTES, PATTERN_BYTES)
    }

    fn stack_bytes(&self, max_depth: u32) -> usize {
        let levels = (max_depth as usize).max(1);
        BASE_STACK_BYTES + levels * FRAME_BYTES * (self.applicators + BASE_APPLICATORS)
    }
}

/// None: `$schema` says it.
fn draft_of(schema: &Value, references: &References, default: Draft) -> Option<Draft> {
    let named = schema.get("$schema").and_then(Value::as_str);
    match named.map(|name| (name, Draft::from_schema_uri(name))) {
        Some((name, Draft::Unknown)) if references.find(name).is_none() => Some(default),
        Some(_) => None,
        None => Some(default),
    }
}

fn compile(
    schema: &Value,
    references: &References,
    draft: Draft,
    weight: &Weight,
) -> Result<Validator, Failure> {
    let failed = |e: &ValidationError| Failure::of(SCHEMA, e);
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(MAX_BACKTRACKS)
        .size_limit(weight.pattern_bytes())
        .dfa_size_limit(weight.pattern_bytes());
    let mut options =
        jsonschema::options().with_retriever(references.clone()).with_pattern_options(patterns);
    let registry;
    match draft_of(schema, references, draft) {
        Some(draft) => options = options.with_draft(draft),
        None if Draft::Draft202012.detect(schema) == Draft::Unknown => {
            // A meta-schema among the references: the registry follows it.
            let id = schema.get("$id").and_then(Value::as_str).unwrap_or(ROOT);
            registry = Registry::new()
                .retriever(references.clone())
                .draft(draft)
                .add(id, schema)
                .and_then(|builder| builder.prepare())
                .map_err(|e| Failure::new(SCHEMA, e))?;
            options = options.with_registry(&registry);
        }
        None => {}
    }
    options.build(schema).map_err(|e| failed(&e))
}

/// How deep a document may be so that the place of its error is looked for; a schema that looks at values too often fails.
fn tellable_depth(
    schema: &Value,
    references: &References,
    draft: Draft,
    most: u32,
) -> Result<u32, Failure> {
    let draft = draft_of(schema, references, draft).unwrap_or_else(|| draft.detect(schema));
    let registry = Registry::new().retriever(references.clone()).draft(draft);
    let registry = registry.add(ROOT, schema).and_then(|builder| builder.prepare());
    let registry = registry.map_err(|e| Failure::new(SCHEMA, e))?;
    let cost = Cost::of(&registry, ROOT, draft)
        .ok_or_else(|| Failure::new(SCHEMA, "its references cannot be followed"))?;
    let looks = cost.looks();
    if looks > MAX_LOOKS {
        let told = format!(
            "its definitions multiply: it may look at one value {looks} times, more than {MAX_LOOKS}; let allOf, anyOf \
             and the like refer less often to definitions that do the same"
        );
        return Err(Failure::new(SCHEMA, told));
    }
    Ok(cost.tellable_depth(most))
}

#[repr(C)]
pub struct CReference {
    name: *const c_char,
    text: *const c_char,
    name_size: usize,
    text_size: usize,
}

#[repr(C)]
pub struct COptions {
    schema: *const c_char,
    schema_size: usize,
    references: *const CReference,
    n_references: usize,
    default_draft: u32,
    max_depth: u32,
}

fn schema_from(text: &[u8], called: &str) -> Result<Value, Failure> {
    parse(text, MAX_SCHEMA_DEPTH).map_err(|fault| match fault {
        Fault::NotJson(why) => Failure::new(SCHEMA, format!("{called} is not JSON: {why}")),
        Fault::TooDeep(most) => {
            Failure::new(SCHEMA, format!("{called} is nested deeper than {most}"))
        }
    })
}

unsafe fn open(c: &COptions) -> Result<JsonValidator, Failure> {
    let text = unsafe { slice(c.schema.cast::<u8>(), c.schema_size) };
    let given = unsafe { slice(c.references, c.n_references) };
    let bytes = given.iter().fold(text.len(), |sum, each| sum.saturating_add(each.text_size));
    if bytes > MAX_SCHEMA_BYTES {
        let told = format!("{bytes} bytes, with all it refers to: more than {MAX_SCHEMA_BYTES}");
        return Err(Failure::new(SCHEMA, told));
    }
    let draft = match c.default_draft {
        4 => Draft::Draft4,
        6 => Draft::Draft6,
        7 => Draft::Draft7,
        2019 => Draft::Draft201909,
        2020 => Draft::Draft202012,
        other => return Err(Failure::new(SCHEMA, format!("there is no draft {other}"))),
    };
    let schema = schema_from(text, "the schema")?;
    let mut weight = Weight::default();
    weight.add(&schema);
    let mut references = Vec::new();
    for each in given {
        let name = unsafe { slice(each.name.cast::<u8>(), each.name_size) };
        let name = String::from_utf8_lossy(name).trim_end_matches('#').to_owned();
        let text = unsafe { slice(each.text.cast::<u8>(), each.text_size) };
        let text = schema_from(text, &format!("the reference '{name}'"))?;
        weight.add(&text);
        references.push(Reference { name, text });
    }
    weight.check()?;
    let references = References(Arc::new(references));
    let max_depth = c.max_depth.min(MAX_DOCUMENT_DEPTH);
    let mut stack = Stack::new(weight.stack_bytes(max_depth))
        .ok_or_else(|| Failure::new(FAILED, "no memory for the validator's stack"))?;
    let deep = weight.applicators > DEEP_RUN;
    let made = quietly(|| {
        stack.run(move || {
            let compiled = compile(&schema, &references, draft, &weight)?;
            let tellable = match weight.multipliers {
                0 => max_depth,
                _ => tellable_depth(&schema, &references, draft, max_depth)?,
            };
            Ok((compiled, tellable))
        })
    })
    .map_err(|_| Failure::new(SCHEMA, "the schema made its compiler fail"))??;
    let (compiled, tellable_depth) = made;
    stack.shrink();
    Ok(JsonValidator { compiled: Some(compiled), stack, max_depth, tellable_depth, deep })
}

impl JsonValidator {
    fn check(&mut self, json: &[u8]) -> Result<(), Failure> {
        let Some(compiled) = &self.compiled else { return Ok(()) };
        let (max_depth, tellable_depth) = (self.max_depth, self.tellable_depth);
        let judged = quietly(|| {
            self.stack.run(|| match parse(json, max_depth) {
                Ok(document) if compiled.is_valid(&document) => Ok(()),
                Ok(document) if depth_of(&document) > tellable_depth => {
                    Err(Failure::new(VIOLATION, UNTOLD))
                }
                Ok(document) => {
                    compiled.validate(&document).map_err(|e| Failure::of(VIOLATION, &e))
                }
                Err(Fault::NotJson(why)) => Err(Failure::new(NOT_JSON, why)),
                Err(Fault::TooDeep(most)) => {
                    Err(Failure::new(TOO_DEEP, format!("nested deeper than {most}")))
                }
            })
        });
        if self.deep {
            self.stack.shrink();
        }
        judged.unwrap_or_else(|_| Err(Failure::new(FAILED, "the validator failed on the document")))
    }
}

impl Drop for JsonValidator {
    fn drop(&mut self) {
        let compiled = self.compiled.take();
        let _ = quietly(|| self.stack.run(move || drop(compiled)));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ljs_open(
    options: *const COptions,
    out: *mut *mut JsonValidator,
    error: *mut CError,
) -> c_int {
    let result = unsafe { open(&*options) };
    let result = result.map(|made| unsafe { out.write(Box::into_raw(Box::new(made))) });
    unsafe { finish(result, error) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ljs_close(validator: *mut JsonValidator) {
    if !validator.is_null() {
        drop(unsafe { Box::from_raw(validator) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ljs_check(
    validator: *mut JsonValidator,
    json: *const u8,
    size: usize,
    error: *mut CError,
) -> c_int {
    let result = unsafe { (*validator).check(slice(json, size)) };
    unsafe { finish(result, error) }
}
