// leat completion bash|zsh|fish: a script made from the tree of commands, so it is never behind it.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/cli.h"
#include "app/commands.h"
#include "app/console.h"

namespace leat::app {
namespace {

/// One command: the words that lead to it, its subcommands and options.
struct Node {
  std::string path;                                        // "topics show"; empty: leat itself
  std::vector<std::pair<std::string, std::string>> words;  // name, description
};

void collect(const CLI::App& app, const std::string& path, std::vector<Node>& nodes) {
  Node node;
  node.path = path;
  for (const CLI::App* sub : app.get_subcommands({}))
    node.words.emplace_back(sub->get_name(), sub->get_description());
  for (const CLI::App* each = &app; each; each = each->get_parent()) {
    if (each != &app && each->get_parent()) continue;  // a group's own options: none but --help
    for (const CLI::Option* option : each->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string word = "--" + name;
        const bool there = std::any_of(node.words.begin(), node.words.end(),
                                       [&](auto& w) { return w.first == word; });
        if (!there) node.words.emplace_back(word, option->get_description());
      }
    }
  }
  nodes.push_back(std::move(node));
  for (const CLI::App* sub : app.get_subcommands({})) {
    collect(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), nodes);
  }
}

/// Text within single quotes of a shell.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Words that are no options lead down the tree as far as they match it.
constexpr std::string_view kWalk = R"(
    for word in "${words[@]:1:$((at - 1))}"; do
        case "$word" in -*) continue ;; esac
        next="${path:+$path }$word"
        case "$next" in
            @PATHS@) path="$next" ;;
        esac
    done
    case "$path" in
@CASES@    esac
)";

void replace(std::string& text, std::string_view what, const std::string& with) {
  size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

std::string walk(const std::vector<Node>& nodes,
                 const std::function<std::string(const Node&)>& give) {
  std::string paths, cases, text(kWalk);
  for (const Node& node : nodes) {
    if (!node.path.empty()) paths += (paths.empty() ? "" : " | ") + shell_quoted(node.path);
    cases += fmt::format("        {}) {} ;;\n", shell_quoted(node.path), give(node));
  }
  replace(text, "@PATHS@", paths);
  replace(text, "@CASES@", cases);
  return text;
}

std::string bash(const std::vector<Node>& nodes) {
  std::string body = walk(nodes, [](const Node& node) {
    std::string words;
    for (const auto& [name, what] : node.words) words += (words.empty() ? "" : " ") + name;
    return "found=" + shell_quoted(words);
  });
  return "# bash completion of leat; load it with: source <(leat completion bash)\n"
         "_leat() {\n"
         "    local word next path='' found='' at=$COMP_CWORD\n"
         "    local -a words=(\"${COMP_WORDS[@]}\")" +
         body +
         "    COMPREPLY=($(compgen -W \"$found\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "    if [ ${#COMPREPLY[@]} -eq 0 ]; then\n"
         "        COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "    fi\n"
         "}\n"
         "complete -F _leat leat\n";
}

std::string zsh(const std::vector<Node>& nodes) {
  std::string body = walk(nodes, [](const Node& node) {
    std::string words;
    for (const auto& [name, what] : node.words) {
      std::string escaped;
      for (char c : what) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
      words += " " + shell_quoted(name + ":" + escaped);
    }
    return "found=(" + words + " )";
  });
  // zsh counts words from 1, with the command as the first.
  return "#compdef leat\n"
         "# zsh completion of leat; load it with: source <(leat completion zsh)\n"
         "_leat() {\n"
         "    local word next path_='' at=$((CURRENT - 1))\n"
         "    local -a found" +
         [&] {
           std::string text = body;
           for (const auto& [from, to] : std::initializer_list<std::pair<std::string, std::string>>{
                    {"${path:+$path }", "${path_:+$path_ }"},
                    {"path=\"$next\"", "path_=\"$next\""},
                    {"case \"$path\" in", "case \"$path_\" in"}}) {
             replace(text, from, to);  // `path` is zsh's PATH
           }
           return text;
         }() +
         "    _describe -t commands leat found || _files\n"
         "}\n"
         "compdef _leat leat\n";
}

std::string fish(const std::vector<Node>& nodes) {
  std::string out = "# fish completion of leat; load it with: leat completion fish | source\n";
  for (const Node& node : nodes) {
    std::string condition;
    if (node.path.empty()) {
      condition = "__fish_use_subcommand";
    } else {
      for (size_t at = 0; at < node.path.size();) {
        size_t end = std::min(node.path.find(' ', at), node.path.size());
        condition += (condition.empty() ? "" : "; and ") +
                     ("__fish_seen_subcommand_from " + node.path.substr(at, end - at));
        at = end + 1;
      }
    }
    for (const auto& [name, what] : node.words) {
      if (name.starts_with("--")) {
        out += fmt::format("complete -c leat -n {} -l {} -d {}\n", shell_quoted(condition),
                           name.substr(2), shell_quoted(what));
      } else {
        out += fmt::format("complete -c leat -f -n {} -a {} -d {}\n", shell_quoted(condition), name,
                           shell_quoted(what));
      }
    }
  }
  return out;
}

}  // namespace

void add_completion(Cli& cli) {
  auto shell = std::make_shared<std::string>();
  cli.add("completion", "Print the completion script of a shell",
          "source <(leat completion bash)\nleat completion fish | source",
          [&cli, shell]() -> Result<int> {
            std::vector<Node> nodes;
            collect(cli.root(), "", nodes);
            TRY(print(*shell == "bash" ? bash(nodes) : *shell == "zsh" ? zsh(nodes) : fish(nodes)));
            return 0;
          })
      .add_option("shell", *shell, "bash, zsh or fish")
      .type_name("SHELL")
      .required()
      .one_of({"bash", "zsh", "fish"});
}

}  // namespace leat::app
