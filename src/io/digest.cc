#include "io/digest.h"

#include <openssl/evp.h>

#include <cstring>

#include "base/check.h"
#include "base/strings.h"

namespace leat::io {

namespace {

struct Digest {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  Digest(std::string_view text, const EVP_MD* kind) {
    CHECK(EVP_Digest(text.data(), text.size(), bytes, &size, kind, nullptr) == 1);
  }
  std::string to_hex() const { return hex({reinterpret_cast<const char*>(bytes), size}); }
};

}  // namespace

std::string sha256_hex(std::string_view bytes) { return Digest(bytes, EVP_sha256()).to_hex(); }

std::array<uint8_t, 16> digest128(std::string_view bytes) {
  const Digest digest(bytes, EVP_sha256());
  std::array<uint8_t, 16> cut;
  std::memcpy(cut.data(), digest.bytes, cut.size());
  return cut;
}

std::string md5_hex(std::string_view bytes) { return Digest(bytes, EVP_md5()).to_hex(); }

}  // namespace leat::io
