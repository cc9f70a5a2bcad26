// leat init NAME: a small project that runs at once, without network or server: a file of orders through a topic
// into a table, with a rule, a test and a broken record to look at.
#include <algorithm>
#include <cctype>

#include "app/commands.h"
#include "app/console.h"
#include "app/project_env.h"
#include "components/all.h"
#include "config/project.h"
#include "io/file.h"

namespace leat::app {
namespace {

constexpr std::string_view kProject = R"(# yaml-language-server: $schema=.schema/leat.json
# Where things are: one profile per environment. What happens is in pipelines/.
project: @NAME@
profiles:
  local: {}                  # embedded log and store under .leat/local/: no server to start
topics:
  orders: {partitions: 2, retention: 30d}
)";

constexpr std::string_view kCapture = R"(# yaml-language-server: $schema=../.schema/pipeline.json
# File -> topic. Another source is another name here: http, file, generate.
pipeline: orders_capture
source:
  file: {path: data/orders.ndjson}
transform:
  - sql: |
      SELECT id, customer.name AS customer, customer.country AS country, item,
             quantity::INTEGER AS quantity, price::DECIMAL(10, 2) AS price,
             ordered_at::TIMESTAMPTZ AS ordered_at
      FROM input
quality:                     # fail | quarantine | drop | warn
  - {rule: some_quantity, expect: "quantity > 0",        on_fail: quarantine}
  - {rule: has_country,   expect: "country IS NOT NULL", on_fail: warn}
sinks:
  - {topic: orders, key: id}
)";

constexpr std::string_view kStore = R"(# yaml-language-server: $schema=../.schema/pipeline.json
# Topic -> table. With a key the newest version of an order wins; without one rows are appended.
pipeline: orders_store
source: {topic: orders}
sinks:
  - {store: shop, table: orders, key: [id]}
)";

constexpr std::string_view kTests = R"(# Run by `leat test`: records in, rows and rejects out.
pipeline: orders_capture
cases:
  - name: a good order
    input:
      - {id: 1, customer: {name: Ada, country: GB}, item: lamp, quantity: "2", price: "19.90", ordered_at: "2024-05-01T09:30:00Z"}
    expect:
      - {id: 1, customer: Ada, country: GB, item: lamp, quantity: 2, price: 19.90, ordered_at: "2024-05-01T09:30:00.000000Z"}
  - name: bad orders do not stop good ones
    input:
      - {id: 1, customer: {name: Ada, country: GB}, item: lamp, quantity: "0", price: "19.90", ordered_at: "2024-05-01T09:30:00Z"}
      - {id: 2, customer: {name: Bo, country: SE}, item: desk, quantity: two, price: "120", ordered_at: "2024-05-01T09:30:00Z"}
      - {id: 3, customer: {name: Chi}, item: chair, quantity: "4", price: "45", ordered_at: "2024-05-02T10:00:00Z"}
    expect:
      - {id: 3, customer: Chi, country: null, item: chair, quantity: 4, price: 45.00, ordered_at: "2024-05-02T10:00:00.000000Z"}
    rejects:
      - {index: 0, stage: quality, rule: some_quantity, code: rule_failed}
      - {index: 1, stage: transform, code: expression_failed}
)";

// The seventh is there to be found with `leat dlq ls`.
constexpr std::string_view kOrders =
    R"({"id": 1, "customer": {"name": "Ada", "country": "GB"}, "item": "lamp", "quantity": "2", "price": "19.90", "ordered_at": "2024-05-01T09:30:00Z"}
{"id": 2, "customer": {"name": "Bo", "country": "SE"}, "item": "desk", "quantity": "1", "price": "120.00", "ordered_at": "2024-05-01T10:05:00Z"}
{"id": 3, "customer": {"name": "Chi", "country": "VN"}, "item": "chair", "quantity": "4", "price": "45.00", "ordered_at": "2024-05-01T11:45:00Z"}
{"id": 4, "customer": {"name": "Ada", "country": "GB"}, "item": "chair", "quantity": "2", "price": "45.00", "ordered_at": "2024-05-02T08:15:00Z"}
{"id": 5, "customer": {"name": "Dee", "country": "US"}, "item": "shelf", "quantity": "3", "price": "32.50", "ordered_at": "2024-05-02T16:20:00Z"}
{"id": 6, "customer": {"name": "Bo", "country": "SE"}, "item": "lamp", "quantity": "1", "price": "19.90", "ordered_at": "2024-05-03T07:00:00Z"}
{"id": 7, "customer": {"name": "Eve", "country": "FR"}, "item": "lamp", "quantity": "many", "price": "19.90", "ordered_at": "2024-05-03T07:30:00Z"}
{"id": 8, "customer": {"name": "Fay", "country": "IE"}, "item": "rug", "quantity": "1", "price": "88.00", "ordered_at": "2024-05-03T12:00:00Z"}
)";

constexpr std::string_view kReadme = R"(# @NAME@

Orders of `data/orders.ndjson` go through the topic `orders` into the table `shop.orders`.

    leat run --drain         # read what is there, deliver it, end; again: nothing changes
    leat sql "SELECT country, sum(quantity * price) AS total FROM orders GROUP BY ALL ORDER BY total DESC"
    leat dlq ls              # order 7 is wrong: it waits in the dead letter
    leat test                # the cases of tests/
    leat explain             # what the pipelines compile to

`leat.yaml` says where things are, `pipelines/` what happens. `.schema/` serves editors; data is kept in `.leat/`.
)";

std::string filled(std::string_view text, const std::string& name) {
  constexpr std::string_view kName = "@NAME@";
  std::string out(text);
  for (size_t at; (at = out.find(kName)) != std::string::npos;) out.replace(at, kName.size(), name);
  return out;
}

/// The folder's own name as a project's: "My-Shop" is my_shop.
Result<std::string> project_name(const std::string& directory) {
  std::string path = io::absolute_path(directory);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::string name;
  for (char c : path.substr(path.rfind('/') + 1)) {
    const auto byte = static_cast<unsigned char>(c);
    name += std::isalnum(byte) && byte < 0x80 ? static_cast<char>(std::tolower(byte)) : '_';
  }
  if (name.empty() || name[0] < 'a' || name[0] > 'z' || name.size() > limits::kMaxIdentifier) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("`{}` cannot name a project", printable(directory, false)))
        .with_hint(
            fmt::format("a project's name is a letter, then letters, digits and _, at most {}",
                        limits::kMaxIdentifier));
  }
  return name;
}

Result<int> init(const std::string& directory) {
  ASSIGN(std::string name, project_name(directory));
  if (io::exists(directory)) {
    if (!io::is_directory(directory))
      return Error(ErrorCode::kAlreadyExists, fmt::format("{} is a file", directory));
    ASSIGN(auto names, io::list_directory(directory));
    if (!names.empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("{} is not empty: `{}` is there", directory, names.front()))
          .with_hint("name a folder that does not exist yet");
    }
  }
  stream::Registry components;
  components::register_all(components, std::make_shared<components::DuckdbHub>());
  const config::Components described = components.components();
  for (const char* folder : {"pipelines", "tests", "data", ".schema"})
    TRY(io::make_directories(directory + "/" + folder));
  const std::pair<const char*, std::string> files[] = {
      {"leat.yaml", filled(kProject, name)},
      {"pipelines/orders_capture.yaml", std::string(kCapture)},
      {"pipelines/orders_store.yaml", std::string(kStore)},
      {"tests/orders_capture.yaml", std::string(kTests)},
      {"data/orders.ndjson", std::string(kOrders)},
      {".schema/leat.json", config::project_json_schema(described)},
      {".schema/pipeline.json", config::pipeline_json_schema(described)},
      {".gitignore", ".leat/\n"},
      {"README.md", filled(kReadme, name)},
  };
  for (const auto& [file, content] : files)
    TRY(io::write_file_atomic(directory + "/" + file, content));
  TRY(
      print(fmt::format("project {} is in {}. Now:\n\n  cd {}\n  leat run --drain\n  leat sql "
                        "\"SELECT * FROM orders\"\n",
                        name, directory, directory)));
  return 0;
}

}  // namespace

void add_init(Cli& cli) {
  auto directory = std::make_shared<std::string>();
  cli.add("init", "Write a small project that runs at once", "leat init shop",
          [directory] { return init(*directory); })
      .add_option("name", *directory, "Folder to make; its last part names the project")
      .type_name("NAME")
      .required();
}

}  // namespace leat::app
