// Console: the terminal, or what stands in its place. Results go to stdout, questions to stderr.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::app {

/// True when stderr is a terminal that shows colours, and neither --no-color nor NO_COLOR says
/// otherwise.
bool use_color(bool no_color);
bool stdout_is_terminal();
/// Columns of the terminal on stdout; 0: not a terminal, write in full.
int terminal_width();

/// Writes to stdout and flushes. kCancelled: the reader of a pipe has gone; kIo: it cannot be
/// written.
Result<void> print(std::string_view text);

/// Asks "question [y/N]" and reads the answer. `yes`: not asked, true. kInvalidArgument: nobody can
/// be asked.
Result<bool> confirm(std::string_view question, bool yes);

/// The text with control characters (and lone bytes of broken UTF-8) as visible escapes; line ends
/// and tabs stay when `lines`. What a record holds can so never steer the terminal.
std::string printable(std::string_view text, bool lines);

/// Cells that a terminal uses for UTF-8 text: 2 for wide scripts and emoji, 0 for combining marks.
size_t display_width(std::string_view text);
/// The longest prefix of at most `width` cells; with "…" as its last when something was cut.
std::string cut_to_width(std::string_view text, size_t width);

}  // namespace leat::app
