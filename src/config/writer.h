// json_schema, markdown: a Spec as a JSON Schema (2020-12, for editors) and as a page of the
// manual.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/describe.h"

namespace leat::config {

/// Keys that components add to a Spec which takes any: by Spec, name and the component's Spec.
using Extras = std::map<const SpecBase*, std::vector<std::pair<std::string, const SpecBase*>>>;

/// A JSON Schema of the map (and shorthand) that `spec` reads, indented by two blanks. `id` becomes
/// "$id". With extras, a Spec with free keys allows just those.
std::string json_schema(const SpecBase& spec, const std::string& id, const Extras& extras = {});

/// A table of the keys, then one for each nested map, under headings of `level` (2 = "##").
/// Deterministic.
std::string markdown(const SpecBase& spec, int level = 2);

}  // namespace leat::config
