#include "io/certificate.h"

#include <openssl/x509_vfy.h>

namespace leat::io {

std::string certificate_error(int number) { return X509_verify_cert_error_string(number); }

}  // namespace leat::io
