#include "io/random.h"

namespace leat::io {

uint64_t entropy() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

}  // namespace leat::io
