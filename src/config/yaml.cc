// The one file that sees yaml-cpp. Its events build our Node; its exceptions end here.
#include "config/yaml.h"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <sstream>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/strings.h"

namespace leat::config {

namespace {

// The lines of the text, to turn yaml-cpp's byte columns into characters and to look at what was
// written.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (size_t at = 0; at <= text.size();) {
      size_t end = std::min(text.find('\n', at), text.size());
      lines_.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  /// From 0; empty behind the end.
  std::string_view line(int n) const {
    return n < 0 || static_cast<size_t>(n) >= lines_.size() ? std::string_view() : lines_[n];
  }
  std::string_view from(int n, int byte_column) const {
    std::string_view all = line(n);
    return byte_column < 0 || static_cast<size_t>(byte_column) > all.size()
               ? std::string_view()
               : all.substr(byte_column);
  }
  /// Characters before a byte of a line.
  int characters(int n, int byte_column) const {
    std::string_view before = line(n).substr(0, std::max(byte_column, 0));
    int count = 0;
    for (char c : before) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return count;
  }
  int size() const { return static_cast<int>(lines_.size()); }
  /// True when the quoted text that begins there has its closing quote.
  bool closed(int n, int byte_column) const {
    std::string_view rest = from(n, byte_column);
    if (rest.empty()) return true;
    const char quote = rest[0];
    size_t i = 1;
    for (;; rest = line(++n), i = 0) {
      for (; i < rest.size(); ++i) {
        if (quote == '"' && rest[i] == '\\')
          ++i;
        else if (rest[i] == quote)
          return true;
      }
      if (n + 1 >= size()) return false;
    }
  }

 private:
  std::vector<std::string_view> lines_;
};

size_t indent_of(std::string_view line) {
  size_t at = line.find_first_not_of(' ');
  return at == std::string_view::npos ? line.size() : at;
}

// Builds the tree. The first thing refused stops it; the parser's remaining events are ignored.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const Lines& lines, std::shared_ptr<const std::string> file, Diagnostics& diagnostics)
      : lines_(lines), file_(std::move(file)), diagnostics_(diagnostics) {}

  bool failed() const { return failed_; }
  bool any() const { return documents_ > 0; }
  Node take() { return std::move(root_); }

  Mark place(const YAML::Mark& mark) const {
    if (mark.is_null()) return Mark{file_, 0, 0};
    return Mark{file_, mark.line + 1, lines_.characters(mark.line, mark.column) + 1};
  }
  void refuse(const YAML::Mark& mark, std::string message, std::string hint = {}) {
    if (!failed_) diagnostics_.error(place(mark), {}, std::move(message), std::move(hint));
    failed_ = true;
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second YAML document", "one file holds one document");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (failed_ || !plain_node(mark, "?", anchor)) return;
    put(mark, at(mark), "a key that is no text");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "an alias (`*name`) is not allowed", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (failed_ || !plain_node(mark, tag, anchor)) return;
    Node node = at(mark);
    node.kind = Node::Kind::kScalar;
    node.text = value;
    locate_text(mark, tag, node);
    // yaml-cpp takes a text that the file's last line end cuts off.
    if (node.style == Node::Style::kQuoted && !lines_.closed(mark.line, mark.column))
      return refuse(mark, "not YAML: the file ends inside a quoted text");
    put(mark, std::move(node), nullptr);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    std::optional<Entry> entry;  // of a map: the key that waits for its value
    std::unordered_set<std::string> keys;
  };

  Node at(const YAML::Mark& mark) const {
    Node node;
    node.mark = node.text_mark = place(mark);
    return node;
  }

  bool plain_node(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor) {
      refuse(mark, "an anchor (`&name`) is not allowed", "write the value out where it is used");
    } else if (tag != "?" && tag != "!" && !tag.empty()) {
      refuse(mark, fmt::format("the tag `{}` is not allowed", tag),
             "quote a value that must be text");
    }
    return !failed_;
  }

  // Where the text of a scalar lies, and whether its lines are the file's.
  void locate_text(const YAML::Mark& mark, const std::string& tag, Node& node) const {
    std::string_view written = lines_.from(mark.line, mark.column);
    if (tag == "?") {
      node.line_for_line = written.starts_with(node.text);
      return;
    }
    if (written.empty() || (written[0] != '|' && written[0] != '>')) {
      node.style = Node::Style::kQuoted;
      node.line_for_line = !written.empty() && written.substr(1).starts_with(node.text);
      if (node.line_for_line) ++node.text_mark.column;
      return;
    }
    node.style = Node::Style::kBlock;
    node.line_for_line = written[0] == '|';
    int line = mark.line + 1;
    while (line < lines_.size() && indent_of(lines_.line(line)) == lines_.line(line).size()) ++line;
    size_t lead = node.text.find_first_not_of('\n');
    size_t kept =
        lead == std::string::npos ? 0 : indent_of(std::string_view(node.text).substr(lead));
    size_t indent = indent_of(lines_.line(line));
    node.text_mark =
        Mark{file_, mark.line + 2, static_cast<int>(indent - std::min(indent, kept)) + 1};
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    if (failed_ || !plain_node(mark, tag, anchor)) return;
    if (!frames_.empty() && frames_.back().node.is_map() && !frames_.back().entry)
      return refuse(mark, "a key that is no text");
    if (frames_.size() >= limits::kMaxYamlDepth)
      return refuse(mark, fmt::format("more than {} levels", limits::kMaxYamlDepth));
    Frame frame;
    frame.node = at(mark);
    frame.node.kind = kind;
    frames_.push_back(std::move(frame));
  }

  void close() {
    if (failed_) return;
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    put({}, std::move(node), nullptr);
  }

  // Gives a finished node to what is open. `no_key`: why it cannot be a key.
  void put(const YAML::Mark& mark, Node node, const char* no_key) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.is_sequence()) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.entry) {
      frame.entry->value = std::move(node);
      frame.node.entries.push_back(std::move(*frame.entry));
      frame.entry.reset();
    } else if (no_key) {
      refuse(mark, no_key);
    } else if (node.style == Node::Style::kPlain && node.text == "<<") {
      refuse(mark, "a merge key (`<<`) is not allowed", "write the keys out");
    } else if (!frame.keys.insert(node.text).second) {
      int first = 0;
      for (const Entry& entry : frame.node.entries)
        if (entry.key == node.text) first = entry.key_mark.line;
      refuse(
          mark,
          fmt::format("the key `{}` is there twice; the first is in line {}", node.shown(), first),
          "remove one");
    } else {
      frame.entry = Entry{std::move(node.text), std::move(node.mark), {}};
    }
  }

  const Lines& lines_;
  const std::shared_ptr<const std::string> file_;
  Diagnostics& diagnostics_;
  std::vector<Frame> frames_;
  Node root_;
  int documents_ = 0;
  bool failed_ = false;
};

// What yaml-cpp says, and what a person can do about it.
struct Saying {
  const char *theirs, *ours;
};
constexpr std::array kSayings = {
    Saying{
        "illegal map value",
        "a `:` where no value can begin; quote a text that holds `: `, or check the indentation"},
    Saying{"end of map not found", "this line's indentation fits none of the keys above it"},
    Saying{"end of sequence not found", "this line's indentation fits none of the list's items"},
    Saying{"end of map flow not found", "a `{` without its `}`"},
    Saying{"end of sequence flow not found", "a `[` without its `]`"},
    Saying{"illegal block entry", "a `- ` where no list can begin; check the indentation"},
    Saying{"illegal map key", "a key where none can begin; check the indentation"},
    Saying{"illegal EOF in scalar", "the file ends inside a quoted text"},
    Saying{"illegal EOF while parsing", "the file ends too early"},
    Saying{"referenced anchor", "an alias (`*name`) is not allowed; write the value out"},
    Saying{"unknown token", "a character that begins no value; quote the text"},
};

constexpr const char* kTab = "not YAML: a tab in the indentation; use blanks";

std::string explained(const std::string& message) {
  for (const Saying& saying : kSayings)
    if (message.find(saying.theirs) != std::string::npos)
      return fmt::format("not YAML: {}", saying.ours);
  return fmt::format("not YAML: {}", message);
}

// Bytes that no YAML may hold; yaml-cpp would read 0x04 as the end of the file.
std::optional<size_t> control_character(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Node> parse_yaml(std::string_view text, const std::string& file,
                               Diagnostics& diagnostics) {
  auto name = std::make_shared<const std::string>(file);
  if (text.size() > limits::kMaxYamlBytes) {
    diagnostics.error(Mark{name, 0, 0}, {},
                      fmt::format("{} bytes, more than the {} a file may have", text.size(),
                                  limits::kMaxYamlBytes));
    return std::nullopt;
  }
  Lines lines(text);
  auto refuse_at = [&](size_t byte, const char* message) {
    int line = 0;
    size_t start = 0;
    for (size_t i = 0; i < byte; ++i)
      if (text[i] == '\n') ++line, start = i + 1;
    diagnostics.error(
        Mark{name, line + 1, lines.characters(line, static_cast<int>(byte - start)) + 1}, {},
        message, "save the file as UTF-8 text");
  };
  if (!is_utf8(text)) {
    size_t line_start = 0;  // the first line that is no UTF-8
    while (line_start < text.size()) {
      size_t end = std::min(text.find('\n', line_start), text.size());
      if (!is_utf8(text.substr(line_start, end - line_start))) break;
      line_start = end + 1;
    }
    refuse_at(std::min(line_start, text.size()), "this line is not UTF-8");
    return std::nullopt;
  }
  if (auto byte = control_character(text)) {
    refuse_at(*byte, "a control character");
    return std::nullopt;
  }

  Builder builder(lines, name, diagnostics);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    while (!builder.failed() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    std::string_view line = lines.line(e.mark.line);
    size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
    YAML::Mark mark = e.mark;
    if (tab != std::string_view::npos) mark.column = static_cast<int>(tab);
    builder.refuse(mark, tab != std::string_view::npos ? kTab : explained(e.msg));
  } catch (const std::exception& e) {
    builder.refuse(YAML::Mark::null_mark(), fmt::format("not YAML: {}", e.what()));
  }
  if (builder.failed()) return std::nullopt;
  if (!builder.any()) {
    Node empty;
    empty.mark = empty.text_mark = Mark{name, 1, 1};
    return empty;
  }
  return builder.take();
}

}  // namespace leat::config
