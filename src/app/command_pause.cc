// leat pause, leat resume: hold a pipeline or one sink of it. Kept in the data directory over
// restarts.
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"

namespace leat::app {
namespace {

Result<int> steer(const GlobalOptions& options, const std::string& name, bool on) {
  const size_t slash = name.find('/');
  const std::string pipeline = name.substr(0, slash);
  Json body = Json::object();
  if (slash != std::string::npos) body["sink"] = name.substr(slash + 1);
  // Not for writing: without a run only paused.json changes.
  ASSIGN(Session session, open_session(options, false));
  ASSIGN(Json done, session.api.post(fmt::format("/api/v1/pipelines/{}/{}", segment(pipeline),
                                                 on ? "pause" : "resume"),
                                     body));
  TRY(print(fmt::format(
      "{} {}{}\n", name, on ? "paused" : "resumed",
      done.value("running", false) ? "" : "; nothing runs: it holds from the next `leat run`")));
  return 0;
}

void add(Cli& cli, const char* command, const char* summary, const char* examples, bool on) {
  auto name = std::make_shared<std::string>();
  cli.add(command, summary, examples, [&cli, name, on] { return steer(cli.options(), *name, on); })
      .add_option("pipeline", *name,
                  "A pipeline, or one sink of it: PIPELINE/TOPIC, PIPELINE/STORE.TABLE")
      .type_name("PIPELINE[/SINK]")
      .required();
}

}  // namespace

void add_pause(Cli& cli) {
  add(cli, "pause", "Hold a pipeline, or one sink of it, over restarts too",
      "leat pause users_store\nleat pause users_store/serving.created_users", true);
  add(cli, "resume", "Let a paused pipeline go on", "leat resume users_store", false);
}

}  // namespace leat::app
