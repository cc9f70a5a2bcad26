#include <sys/resource.h>

#include <cstdlib>

#include "app/cli.h"

namespace {

/// A core file would hold the secrets and records that are in memory. LEAT_CORE_DUMPS=1 lets the
/// system's own limit stand.
void forbid_core_dumps() {
  const char* wanted = std::getenv("LEAT_CORE_DUMPS");
  if (wanted != nullptr && *wanted == '1') return;
  rlimit limit{};
  if (getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  setrlimit(RLIMIT_CORE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  forbid_core_dumps();
  leat::app::Cli cli;
  leat::app::add_all_commands(cli);
  return cli.run(argc, argv);
}
