// Default values of Avro fields as Avro binary: what a decoder reads in place of a field that the writer lacks, and an
// encoder writes in place of a column that is not there. Private to codec/; called when a plan is made.
#pragma once

#include <string>

#include "base/result.h"
#include "schema/avro_schema.h"

namespace leat::codec {

/// The default of `field` as binary of the field's type. It must have one; the parser has checked that its type takes
/// it. A union's value is of the first branch that takes it, as the parser has it.
/// kLimit for one that is beyond limits::kSchemaPairs, kSchemaTotalBytes or kSchemaDepth.
Result<std::string> avro_default_bytes(const schema::avro::Field& field);

}  // namespace leat::codec
