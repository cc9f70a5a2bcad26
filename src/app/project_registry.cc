#include "app/project_registry.h"

namespace leat::app {
namespace {

/// Of a directory in which nothing has run yet.
class NoSchemas final : public schema::SchemaStore {
 public:
  Result<std::vector<schema::Row>> scan() override { return std::vector<schema::Row>(); }
  Result<void> write(std::span<const schema::Row>) override {
    return Error(ErrorCode::kUnavailable, "the data directory was opened for reading");
  }
};

}  // namespace

Result<clients::SchemaRegistryOptions> registry_options(const config::RegistryDecl& declared) {
  clients::SchemaRegistryOptions options;
  for (const std::string& text : declared.urls) {
    auto url = net::Url::parse(text);
    if (!url)
      return std::move(url)
          .error()
          .with_blame(Blame::kUser)
          .at(fmt::format("{}: registry.url", declared.mark.to_string()));
    options.urls.push_back(std::move(*url));
  }
  options.username = declared.username;
  options.password = declared.password;
  options.allow_plaintext = declared.allow_plaintext;
  options.ca_file = declared.ca_file;
  options.timeout_ms = declared.timeout_ms;
  return options;
}

Result<std::unique_ptr<ProjectRegistry>> ProjectRegistry::open(
    const std::optional<config::RegistryDecl>& declared, stream::Log* embedded,
    const std::string& data_dir) {
  std::unique_ptr<ProjectRegistry> out(new ProjectRegistry());
  if (declared && !declared->urls.empty()) {
    ASSIGN(clients::SchemaRegistryOptions options, registry_options(*declared));
    auto client = std::make_unique<clients::SchemaRegistry>(std::move(options));
    out->client_ = client.get();
    out->catalog_ = std::move(client);
    return out;
  }
  if (embedded)
    out->store_ = std::make_unique<log::LogSchemaStore>(*embedded);
  else
    out->store_ = std::make_unique<NoSchemas>();
  ASSIGN(out->registry_, schema::Registry::open(*out->store_, schema::parse));
  out->catalog_ = std::make_unique<schema::RegistryCatalog>(*out->registry_,
                                                            "the embedded registry in " + data_dir);
  return out;
}

}  // namespace leat::app
