// Logical types of Avro: what "logicalType" of a node means, if its rules hold. Called by the parser only.
#pragma once

#include "schema/avro_schema.h"

namespace leat::schema::avro {

/// Sets logical, precision and scale of `node` from its attributes. A logical type that is unknown, or whose rules the
/// node breaks, is ignored, as the specification asks ("Logical Types").
void read_logical(Node& node);

}  // namespace leat::schema::avro
