// What is wrong with a certificate, in words. Called by clients whose library only gives OpenSSL's number. Any thread.
#pragma once

#include <string>

namespace leat::io {

/// Of an X509_V_ERR number: "certificate has expired".
std::string certificate_error(int number);

}  // namespace leat::io
