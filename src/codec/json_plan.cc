#include "codec/json_plan.h"

#include <fmt/core.h>

#include <algorithm>

namespace leat::codec {
namespace {

using types::Field;
using types::Kind;
using types::Type;

Result<void> fill(PlanNode& node, const Type* whole);

/// Children of an object: `narrow`'s, as its columns, and what only `whole` has.
Result<void> add_fields(PlanNode& node, const std::vector<Field>& narrow,
                        const std::vector<Field>* whole) {
  for (size_t i = 0; i < narrow.size(); ++i) {
    const Field* full = nullptr;
    if (whole) {
      auto found = std::ranges::find(*whole, narrow[i].name, &Field::name);
      if (found == whole->end() || found->type.kind() != narrow[i].type.kind()) {
        return Error(ErrorCode::kInvalidArgument,
                     fmt::format("the column '{}' {} is not in the schema to validate",
                                 narrow[i].name, narrow[i].type.to_sql()));
      }
      full = &*found;
    }
    PlanNode child;
    child.name = narrow[i].name;
    child.type = narrow[i].type;
    child.required = narrow[i].required || (full && full->required);
    child.column = static_cast<int>(i);
    TRY(fill(child, full ? &full->type : nullptr));
    node.children.push_back(std::move(child));
  }
  if (!whole) return {};
  for (const Field& field : *whole) {
    if (std::ranges::find(narrow, field.name, &Field::name) != narrow.end()) continue;
    PlanNode child;
    child.name = field.name;
    child.type = field.type;
    child.required = field.required;
    child.scratch = std::make_unique<types::VectorBuffer>(field.type);
    TRY(fill(child, nullptr));
    node.children.push_back(std::move(child));
  }
  return {};
}

Result<void> fill(PlanNode& node, const Type* whole) {
  node.kind = node.type.kind();
  if (node.kind == Kind::kStruct) {
    TRY(add_fields(node, node.type.fields(), whole ? &whole->fields() : nullptr));
    if (node.children.size() > 64) node.seen.resize((node.children.size() + 63) / 64);
  } else if (node.kind == Kind::kList || node.kind == Kind::kMap) {
    const std::vector<Field>& parts = node.type.fields();
    if (node.kind == Kind::kMap &&
        (parts[0].type.is_nested() || parts[0].type.kind() == Kind::kJson)) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("JSON cannot hold {}: its keys are text, not {}", node.type.to_sql(),
                               parts[0].type.to_sql()))
          .at(node.name);
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      PlanNode child;
      child.type = parts[i].type;
      child.column = static_cast<int>(i);
      // Elements and values may be null, whatever `required` says: it is about presence.
      const Type* full = whole && whole->kind() == node.kind ? &whole->fields()[i].type : nullptr;
      TRY(fill(child, full));
      node.children.push_back(std::move(child));
    }
  }
  return {};
}

}  // namespace

Result<PlanNode> make_plan(const types::Schema& narrow, const types::Schema* whole) {
  PlanNode root;
  root.kind = Kind::kStruct;
  TRY(add_fields(root, narrow.fields, whole ? &whole->fields : nullptr));
  if (root.children.size() > 64) root.seen.resize((root.children.size() + 63) / 64);
  return root;
}

}  // namespace leat::codec
