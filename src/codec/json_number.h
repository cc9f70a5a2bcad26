// JSON numbers as values of a numeric type, exactly or not at all. Any thread.
#pragma once

#include <string_view>

#include "types/batch.h"
#include "types/type.h"

namespace leat::codec {

enum class NumberFit {
  kFits,
  kOutOfRange,  // a number, too large for the type, or with digits that a decimal cannot hold
  kNotInteger,  // a number with a fraction or an exponent, for an integer type
  kNoNumber,    // not of JSON's grammar (RFC 8259, section 6)
};

/// Appends the number `text` (at least one byte) to `column`, whose type is `type`: integers and
/// decimals exactly, FLOAT and DOUBLE rounded to the nearest. Appends nothing unless it fits.
NumberFit append_number(const types::Type& type, std::string_view text,
                        types::VectorBuffer& column);

}  // namespace leat::codec
