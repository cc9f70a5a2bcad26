#include "app/cli.h"

int main(int argc, char** argv) {
  leat::app::Cli cli;
  leat::app::add_all_commands(cli);
  return cli.run(argc, argv);
}
