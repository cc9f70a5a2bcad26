// Answer: what POST /api/v1/sql gave, read without losing a digit: numbers stay the text they were.
#pragma once

#include <string_view>

#include "app/table.h"
#include "base/result.h"

namespace leat::app {

struct Answer {
  Table table{{}};
  bool truncated = false;
  double elapsed_ms = 0;
};

/// kInternal when the text is not of that form.
Result<Answer> read_answer(std::string_view json);

}  // namespace leat::app
