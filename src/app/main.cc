#include <fmt/core.h>

#include <cstdio>
#include <string_view>

#include "base/version.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    fmt::print("leat {}\n", leat::version());
    return 0;
  }
  fmt::print(stderr, "usage: leat --version\n");
  return 2;
}
