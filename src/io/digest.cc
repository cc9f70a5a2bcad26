#include "io/digest.h"

#include <openssl/evp.h>

#include <cstring>

#include "base/check.h"
#include "base/strings.h"

namespace leat::io {

namespace {

struct Sha256 {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  explicit Sha256(std::string_view text) {
    CHECK(EVP_Digest(text.data(), text.size(), bytes, &size, EVP_sha256(), nullptr) == 1);
  }
};

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest(bytes);
  return hex({reinterpret_cast<const char*>(digest.bytes), digest.size});
}

std::array<uint8_t, 16> digest128(std::string_view bytes) {
  Sha256 digest(bytes);
  std::array<uint8_t, 16> cut;
  std::memcpy(cut.data(), digest.bytes, cut.size());
  return cut;
}

}  // namespace leat::io
