#include "codec/text.h"

#include "codec/text_out.h"

namespace leat::codec {

void append_text(const types::Vector& vector, size_t row, std::string& out) {
  if (!vector.valid(row)) return;
  StringOut text(out);
  write_text(text, vector, row);
}

void append_json(const types::Vector& vector, size_t row, std::string& out) {
  StringOut text(out);
  JsonWriter(text, /*strict=*/false).write(vector, row);
}

void append_json_string(std::string_view text, std::string& out) {
  StringOut into(out);
  write_json_string(into, text);
}

void append_json_row(const types::Schema& schema, const types::Batch& batch, size_t row,
                     std::string& out) {
  StringOut text(out);
  JsonWriter writer(text, /*strict=*/false);
  text.put('{');
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    if (i > 0) text.put(',');
    write_json_string(text, schema.fields[i].name);
    text.put(':');
    writer.write(batch.columns[i], row);
  }
  text.put('}');
}

}  // namespace leat::codec
