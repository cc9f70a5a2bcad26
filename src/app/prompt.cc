#include "app/prompt.h"

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>

namespace leat::app {
namespace {

constexpr int kHistorySize = 1000;
constexpr size_t kMaxLine = 256 * 1024;

struct EditDeleter {
  void operator()(EditLine* edit) const { ::el_end(edit); }
};
struct HistoryDeleter {
  void operator()(History* history) const { ::history_end(history); }
};

}  // namespace

struct Prompt::State {
  std::unique_ptr<History, HistoryDeleter> history;  // outlives edit
  std::unique_ptr<EditLine, EditDeleter> edit;       // null: not a terminal
  std::string history_file, prompt;
  bool abandoned = false;

  static char* show_prompt(EditLine* edit) {
    State* self = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &self);
    return self->prompt.data();
  }
  static unsigned char abandon(EditLine* edit, int) {
    State* self = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &self);
    self->abandoned = true;
    return CC_NEWLINE;
  }
};

Prompt::Prompt(std::string history_file) : state_(std::make_unique<State>()) {
  state_->history_file = std::move(history_file);
  if (!::isatty(STDIN_FILENO)) return;
  std::setlocale(LC_CTYPE, "");  // libedit reads characters, not bytes
  state_->history.reset(::history_init());
  state_->edit.reset(::el_init("leat", stdin, stdout, stderr));
  EditLine* edit = state_->edit.get();
  if (!edit || !state_->history) return;
  HistEvent event;
  ::history(state_->history.get(), &event, H_SETSIZE, kHistorySize);
  ::history(state_->history.get(), &event, H_SETUNIQUE, 1);
  if (!state_->history_file.empty()) {
    ::history(state_->history.get(), &event, H_LOAD, state_->history_file.c_str());
  }
  ::el_set(edit, EL_CLIENTDATA, state_.get());
  ::el_set(edit, EL_PROMPT, &State::show_prompt);
  ::el_set(edit, EL_EDITOR, "emacs");
  ::el_set(edit, EL_HIST, ::history, state_->history.get());
  // While a line is typed Ctrl-C is a key like others; while a query runs it is the signal again.
  ::el_set(edit, EL_SETTY, "-d", "-isig", nullptr);
  ::el_set(edit, EL_ADDFN, "leat-abandon", "Forget what was typed", &State::abandon);
  ::el_set(edit, EL_BIND, "^C", "leat-abandon", nullptr);
  ::el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
}

Prompt::~Prompt() {
  if (!state_->history || state_->history_file.empty()) return;
  HistEvent event;
  const mode_t before = ::umask(0077);  // queries may hold what the data holds
  ::history(state_->history.get(), &event, H_SAVE, state_->history_file.c_str());
  ::umask(before);
}

std::optional<Prompt::Line> Prompt::read(const std::string& prompt) {
  Line line;
  if (state_->edit) {
    state_->prompt = prompt;
    state_->abandoned = false;
    int count = 0;
    const char* text = ::el_gets(state_->edit.get(), &count);
    if (!text || count <= 0) return std::nullopt;
    line.text.assign(text, static_cast<size_t>(count));
    line.abandoned = state_->abandoned;
    if (line.abandoned) std::fputs("^C\n", stdout);
  } else {
    int c = EOF;
    while ((c = std::getchar()) != EOF && c != '\n') {
      if (line.text.size() < kMaxLine) line.text += static_cast<char>(c);
    }
    if (c == EOF && line.text.empty()) return std::nullopt;
  }
  while (!line.text.empty() && (line.text.back() == '\n' || line.text.back() == '\r'))
    line.text.pop_back();
  return line;
}

void Prompt::remember(const std::string& statement) {
  if (!state_->history) return;
  // One line: libedit shows an entry in one.
  std::string flat = statement;
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  HistEvent event;
  ::history(state_->history.get(), &event, H_ENTER, flat.c_str());
}

}  // namespace leat::app
