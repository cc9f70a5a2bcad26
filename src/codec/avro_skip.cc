#include "codec/avro_skip.h"

#include <algorithm>

#include "base/limits.h"

namespace leat::codec {
namespace {

namespace avro = schema::avro;
using avro::Node;
using Op = AvroSkip::Op;

Op op_of(const Node& node) {
  switch (node.kind) {
    case avro::Kind::kInt:
    case avro::Kind::kLong:
    case avro::Kind::kEnum:
      return Op::kLong;
    case avro::Kind::kBytes:
    case avro::Kind::kString:
      return Op::kBytes;
    case avro::Kind::kArray:
      return Op::kArray;
    case avro::Kind::kMap:
      return Op::kMap;
    case avro::Kind::kUnion:
      return Op::kUnion;
    case avro::Kind::kRecord:
      return Op::kRecord;
    default:
      return Op::kFixed;
  }
}

uint64_t size_of(const Node& node) {
  switch (node.kind) {
    case avro::Kind::kBoolean:
      return 1;
    case avro::Kind::kFloat:
      return 4;
    case avro::Kind::kDouble:
      return 8;
    case avro::Kind::kFixed:
      return std::min<uint64_t>(static_cast<uint64_t>(node.size), limits::kMaxRecordBytes + 1);
    default:
      return 0;
  }
}

size_t part_count(const Node& node) {
  return node.kind == avro::Kind::kRecord ? node.fields.size() : node.inner.size();
}
const Node& part(const Node& node, size_t i) {
  return node.kind == avro::Kind::kRecord ? *node.fields[i].type : *node.inner[i];
}

}  // namespace

const AvroSkip& AvroSkips::of(const Node& root) {
  // Parts before wholes, without recursion: names make types deep.
  std::vector<std::pair<const Node*, size_t>> open;
  auto enter = [&](const Node& node) {
    if (by_node_.contains(&node)) return;
    AvroSkip& made = made_.emplace_back();
    made.op = op_of(node), made.size = size_of(node);
    by_node_.emplace(&node, &made);
    open.emplace_back(&node, 0);
  };
  enter(root);
  while (!open.empty()) {
    auto& [node, next] = open.back();
    if (next < part_count(*node)) {
      enter(part(*node, next++));
      continue;
    }
    finish(*node, *by_node_[node]);
    open.pop_back();
  }
  return *by_node_[&root];
}

void AvroSkips::finish(const Node& node, AvroSkip& made) {
  // A part that is not finished contains this one: it stays what op_of() says, and is not fixed.
  for (size_t i = 0; i < part_count(node); ++i) made.parts.push_back(by_node_[&part(node, i)]);
  if (made.op != Op::kRecord) return;
  std::erase_if(made.parts, [](const AvroSkip* one) { return one->is_empty(); });
  uint64_t sum = 0;
  for (const AvroSkip* one : made.parts) {
    if (one->op != Op::kFixed) return;
    sum = std::min<uint64_t>(sum + one->size, limits::kMaxRecordBytes + 1);
  }
  made.op = Op::kFixed, made.size = sum;
  made.parts.clear();
}

}  // namespace leat::codec
