// The list of components: a declaration and a call each.
#include "components/all.h"

namespace leat::components {

void register_all(stream::Registry&) {}

}  // namespace leat::components
