// The one visible list of commands, in the order of `leat --help`.
#include "app/commands.h"

#include "app/cli.h"

namespace leat::app {

void add_all_commands(Cli& cli) {
  add_init(cli);
  add_run(cli);
  add_lint(cli);
  add_explain(cli);
  add_test(cli);
  add_status(cli);
  add_sql(cli);
  add_tap(cli);
  add_topics(cli);
  add_dlq(cli);
  add_pause(cli);
  add_reset(cli);
  add_schema(cli);
  add_registry(cli);
  add_api(cli);
  add_export(cli);
  add_backup(cli);
  add_docs(cli);
  add_completion(cli);
}

}  // namespace leat::app
