//! How often a validator may look at one value of a document. Definitions that refer to each other multiply it: `allOf`
//! of two references to what is `allOf` of two references is four looks, and forty such lines take years.
//!
//! The crate remembers its verdicts on definitions that refer back to themselves, so these do not multiply; when it looks
//! for the place of an error it does not, so then they do with each level of the document.

use std::collections::{HashMap, HashSet};

use jsonschema::uri;
use referencing::{Draft, Registry, ResourceRef, Resolver};
use serde_json::{Map, Value};

/// Looks at one value.
pub const MAX_LOOKS: u64 = 1_000_000;

/// Schemas by number; the first is the root.
#[derive(Default)]
struct Graph {
    /// Of each, those that judge the same value.
    beside: Vec<Vec<usize>>,
    /// Of each, those that judge a value inside, by keyword: one of each list judges a value.
    inside: Vec<Vec<Vec<usize>>>,
    /// Those that ask, once all others have judged, what these have looked at: `unevaluatedProperties`, `...Items`.
    asks: Vec<bool>,
}

impl Graph {
    /// Looks at one value for a verdict of the root, when those `inside` are known. Whoever asks what was looked at
    /// has the schemas beside it judge again, and each of them ask in turn.
    fn looks(&self, walk: &Walk, inside: impl Fn(&[u64], usize) -> u64) -> Vec<u64> {
        let (mut looks, mut answers) =
            (vec![0_u64; self.beside.len()], vec![0_u64; self.beside.len()]);
        for &at in &walk.order {
            let of =
                |all: &[u64], to: usize| if walk.back.contains(&(at, to)) { 1 } else { all[to] };
            let (mut look, mut answer) = (inside(&looks, at).saturating_add(1), 1_u64);
            for &to in &self.beside[at] {
                look = look.saturating_add(of(&looks, to));
                answer = answer.saturating_add(of(&looks, to)).saturating_add(of(&answers, to));
            }
            looks[at] = if self.asks[at] { look.saturating_add(answer) } else { look };
            answers[at] = answer;
        }
        looks
    }
}

struct Builder<'r> {
    graph: Graph,
    numbers: HashMap<*const Value, usize>,
    left: Vec<(usize, &'r Value, Resolver<'r>, Draft)>,
}

impl<'r> Builder<'r> {
    fn number(&mut self, schema: &'r Value, from: &Resolver<'r>, draft: Draft) -> usize {
        let next = self.numbers.len();
        let number = *self.numbers.entry(std::ptr::from_ref(schema)).or_insert(next);
        if number == next {
            self.graph.beside.push(Vec::new());
            self.graph.inside.push(Vec::new());
            self.graph.asks.push(false);
            let resolver = from.in_subresource(ResourceRef::new(schema, draft));
            self.left.push((number, schema, resolver.unwrap_or_else(|_| from.clone()), draft));
        }
        number
    }

    /// The schemas among the values of an array or object, or the value itself.
    fn numbers_of(&mut self, value: &'r Value, from: &Resolver<'r>, draft: Draft) -> Vec<usize> {
        match value {
            Value::Array(all) => all.iter().map(|each| self.number(each, from, draft)).collect(),
            _ => vec![self.number(value, from, draft)],
        }
    }

    fn numbers_in(&mut self, map: &'r Value, from: &Resolver<'r>, draft: Draft) -> Vec<usize> {
        let values = map.as_object().into_iter().flat_map(Map::values);
        let schemas = values.filter(|each| each.is_object());
        schemas.map(|each| self.number(each, from, draft)).collect()
    }

    fn add(
        &mut self,
        number: usize,
        map: &'r Map<String, Value>,
        from: &Resolver<'r>,
        draft: Draft,
    ) {
        let (mut beside, mut inside) = (Vec::new(), Vec::new());
        for (keyword, value) in map {
            match keyword.as_str() {
                "$ref" | "$dynamicRef" | "$recursiveRef" => {
                    // What cannot be found is told by the compiler.
                    if let Some(Ok(found)) = value.as_str().map(|uri| from.lookup(uri)) {
                        let (schema, resolver, draft) = found.into_inner();
                        beside.push(self.number(schema, &resolver, draft));
                    }
                }
                "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" => {
                    beside.extend(self.numbers_of(value, from, draft));
                }
                "dependencies" | "dependentSchemas" => {
                    beside.extend(self.numbers_in(value, from, draft));
                }
                "properties" => inside.push(self.numbers_in(value, from, draft)),
                "patternProperties" => {
                    let all = self.numbers_in(value, from, draft);
                    inside.extend(all.into_iter().map(|each| vec![each]));
                }
                "unevaluatedProperties" | "unevaluatedItems" => {
                    self.graph.asks[number] = true;
                    inside.push(self.numbers_of(value, from, draft));
                }
                "additionalProperties"
                | "propertyNames"
                | "items"
                | "prefixItems"
                | "additionalItems"
                | "contains" => {
                    inside.push(self.numbers_of(value, from, draft));
                }
                _ => {}
            }
        }
        self.graph.beside[number] = beside;
        self.graph.inside[number] = inside;
    }
}

/// A walk over a graph, deep first: what is reached from a schema stands before it, but for the edges back.
struct Walk {
    order: Vec<usize>,
    back: HashSet<(usize, usize)>,
}

fn walk(edges: &[Vec<usize>]) -> Walk {
    let mut found = Walk { order: Vec::with_capacity(edges.len()), back: HashSet::new() };
    let (mut entered, mut left) = (vec![false; edges.len()], vec![false; edges.len()]);
    for root in 0..edges.len() {
        let mut path = vec![(root, 0)];
        while let Some((at, next)) = path.pop() {
            if next == 0 && std::mem::replace(&mut entered[at], true) {
                continue;
            }
            let Some(&to) = edges[at].get(next) else {
                left[at] = true;
                found.order.push(at);
                continue;
            };
            path.push((at, next + 1));
            if !entered[to] {
                path.push((to, 0));
            } else if !left[to] {
                found.back.insert((at, to));
            }
        }
    }
    found
}

pub struct Cost {
    graph: Graph,
    all: Walk,
}

impl Cost {
    pub fn of(registry: &Registry, root: &str, draft: Draft) -> Option<Cost> {
        let resolver = registry.resolver(uri::from_str(root).ok()?);
        let found = resolver.lookup("#").ok()?;
        let mut builder =
            Builder { graph: Graph::default(), numbers: HashMap::new(), left: Vec::new() };
        builder.number(found.contents(), found.resolver(), draft);
        while let Some((number, schema, resolver, draft)) = builder.left.pop() {
            if let Value::Object(map) = schema {
                builder.add(number, map, &resolver, draft);
            }
        }
        let graph = builder.graph;
        let flat = |i: usize| graph.inside[i].iter().flatten().chain(&graph.beside[i]).copied();
        let edges: Vec<Vec<usize>> = (0..graph.beside.len()).map(|i| flat(i).collect()).collect();
        let all = walk(&edges);
        Some(Cost { graph, all })
    }

    /// Looks at one value for a verdict, at most.
    pub fn looks(&self) -> u64 {
        self.graph.looks(&self.all, |looks, at| {
            let of = |to: &usize| if self.all.back.contains(&(at, *to)) { 1 } else { looks[*to] };
            most_of_each(&self.graph.inside[at], of)
        })[0]
    }

    /// How deep a document may be, `most` at most, so that MAX_LOOKS tell the place of its error.
    pub fn tellable_depth(&self, most: u32) -> u32 {
        if self.all.back.is_empty() {
            return most;
        }
        let here = walk(&self.graph.beside);
        let mut below = vec![0_u64; self.graph.beside.len()];
        for depth in 0..most {
            let inside =
                |_: &[u64], at: usize| most_of_each(&self.graph.inside[at], |&to| below[to]);
            let looks = self.graph.looks(&here, inside);
            if looks[0] > MAX_LOOKS {
                return depth;
            }
            below = looks;
        }
        most
    }
}

fn most_of_each(lists: &[Vec<usize>], looks: impl Fn(&usize) -> u64) -> u64 {
    let most = lists.iter().map(|list| list.iter().map(&looks).max().unwrap_or(0));
    most.fold(0, u64::saturating_add)
}

/// Arrays and objects inside each other.
pub fn depth_of(document: &Value) -> u32 {
    match document {
        Value::Array(all) => 1 + all.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}
