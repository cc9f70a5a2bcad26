// Any text as a step, as a rule and as a query on a store: each is admitted or refused, nothing
// crashes, and what is admitted compiles to a query over exactly the columns it announces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "sql/engine.h"
#include "sql/guard.h"

namespace {

using namespace leat;  // NOLINT

types::Schema schema() {
  types::Schema made;
  for (const auto& [name, type] :
       {std::pair{"id", "INTEGER"}, std::pair{"name", "STRUCT(first VARCHAR, last VARCHAR)"},
        std::pair{"email", "VARCHAR"}, std::pair{"l", "INTEGER[]"}}) {
    types::Field field;
    field.name = name;
    field.type = types::parse_type(type).value();
    made.fields.push_back(std::move(field));
  }
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // An engine keeps something of every compiled query: a new one now and then.
  static std::unique_ptr<sql::Engine> engine;
  static int uses = 0;
  if (!engine || ++uses % 1000 == 0) engine = std::move(sql::Engine::open({})).value();
  static const sql::Database store = std::move(sql::Database::open("", {})).value();
  static sql::Connection reader = std::move(sql::Connection::open(store)).value();

  const std::string text(reinterpret_cast<const char*>(data), size);
  auto step = engine->compile({schema(), {{text}}, {}, {}});
  if (step && step->query && !step->errors.empty()) std::abort();
  if (step && step->query && step->query->output().fields.empty()) std::abort();
  auto rule = engine->compile({schema(), {}, {{"r", text}}, {}});
  if (rule && rule->query && rule->query->output() != schema()) std::abort();
  (void)sql::admit_select(reader, text).has_value();
  return 0;
}
