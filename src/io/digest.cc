#include "io/digest.h"

#include <openssl/evp.h>

#include "base/check.h"
#include "base/strings.h"

namespace leat::io {

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  return hex({reinterpret_cast<const char*>(digest), size});
}

}  // namespace leat::io
