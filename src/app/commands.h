// The commands of leat, one file each: command_NAME.cc. commands.cc lists them in the order of `leat --help`.
#pragma once

namespace leat::app {

class Cli;
class Command;

void add_init(Cli& cli);
void add_run(Cli& cli);
void add_lint(Cli& cli);
void add_explain(Cli& cli);
void add_test(Cli& cli);
void add_api(Cli& cli);  // record, serve
void add_docs(Cli& cli);
void add_status(Cli& cli);
void add_topics(Cli& cli);
void add_tap(Cli& cli);
void add_dlq(Cli& cli);
void add_sql(Cli& cli);
void add_pause(Cli& cli);  // and resume
void add_reset(Cli& cli);
void add_schema(Cli& cli);
void add_schema_registry(Cli& cli, Command group);  // ls, show, register, compat of `schema`
void add_schema_check(Cli& cli, Command group);     // check of `schema`
void add_schema_diff(Cli& cli, Command group);      // diff of `schema`
void add_registry(Cli& cli);
void add_export(Cli& cli);
void add_backup(Cli& cli);
void add_completion(Cli& cli);

}  // namespace leat::app
