// The one table of kinds: storage size and DuckDB's spelling. parse_type is a recursive-descent parser of
//   type    = base { "[]" }
//   base    = name [ "(" number { "," number } ")" ] | STRUCT "(" field { "," field } ")"
//           | MAP "(" type "," type ")"
//   field   = ( identifier | quoted ) type
#include "types/type.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/strings.h"

namespace leat::types {
namespace {

struct KindInfo {
  Kind kind;
  std::string_view sql;
  uint8_t size;  // 0: none, or by width
};
constexpr std::array kKinds = {
    KindInfo{Kind::kBoolean, "BOOLEAN", 1},
    KindInfo{Kind::kInt8, "TINYINT", 1},
    KindInfo{Kind::kInt16, "SMALLINT", 2},
    KindInfo{Kind::kInt32, "INTEGER", 4},
    KindInfo{Kind::kInt64, "BIGINT", 8},
    KindInfo{Kind::kUint8, "UTINYINT", 1},
    KindInfo{Kind::kUint16, "USMALLINT", 2},
    KindInfo{Kind::kUint32, "UINTEGER", 4},
    KindInfo{Kind::kUint64, "UBIGINT", 8},
    KindInfo{Kind::kInt128, "HUGEINT", 16},
    KindInfo{Kind::kFloat, "FLOAT", 4},
    KindInfo{Kind::kDouble, "DOUBLE", 8},
    KindInfo{Kind::kDecimal, "DECIMAL", 0},
    KindInfo{Kind::kVarchar, "VARCHAR", 16},
    KindInfo{Kind::kJson, "JSON", 16},
    KindInfo{Kind::kBlob, "BLOB", 16},
    KindInfo{Kind::kUuid, "UUID", 16},
    KindInfo{Kind::kDate, "DATE", 4},
    KindInfo{Kind::kTime, "TIME", 8},
    KindInfo{Kind::kTimestamp, "TIMESTAMP", 8},
    KindInfo{Kind::kTimestampTz, "TIMESTAMP WITH TIME ZONE", 8},
    KindInfo{Kind::kInterval, "INTERVAL", 16},
    KindInfo{Kind::kList, "LIST", 16},
    KindInfo{Kind::kStruct, "STRUCT", 0},
    KindInfo{Kind::kMap, "MAP", 16},
    KindInfo{Kind::kSqlNull, "\"NULL\"", 4},
};
constexpr bool in_order() {
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i].kind != static_cast<Kind>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "kKinds is indexed by Kind");

constexpr std::array<std::pair<std::string_view, Kind>, 41> kAliases = {{
    {"BOOL", Kind::kBoolean},
    {"LOGICAL", Kind::kBoolean},
    {"INT1", Kind::kInt8},
    {"SHORT", Kind::kInt16},
    {"INT2", Kind::kInt16},
    {"INT", Kind::kInt32},
    {"SIGNED", Kind::kInt32},
    {"INT4", Kind::kInt32},
    {"LONG", Kind::kInt64},
    {"INT8", Kind::kInt64},
    {"INT16", Kind::kInt16},
    {"INT32", Kind::kInt32},
    {"INT64", Kind::kInt64},
    {"UINT8", Kind::kUint8},
    {"UINT16", Kind::kUint16},
    {"UINT32", Kind::kUint32},
    {"UINT64", Kind::kUint64},
    {"INT128", Kind::kInt128},
    {"REAL", Kind::kFloat},
    {"FLOAT4", Kind::kFloat},
    {"FLOAT8", Kind::kDouble},
    {"DOUBLE PRECISION", Kind::kDouble},
    {"NUMERIC", Kind::kDecimal},
    {"DEC", Kind::kDecimal},
    {"TEXT", Kind::kVarchar},
    {"STRING", Kind::kVarchar},
    {"CHAR", Kind::kVarchar},
    {"BPCHAR", Kind::kVarchar},
    {"CHARACTER VARYING", Kind::kVarchar},
    {"BYTEA", Kind::kBlob},
    {"BINARY", Kind::kBlob},
    {"VARBINARY", Kind::kBlob},
    {"GUID", Kind::kUuid},
    {"DATETIME", Kind::kTimestamp},
    {"TIMESTAMPTZ", Kind::kTimestampTz},
    {"TIMESTAMP WITHOUT TIME ZONE", Kind::kTimestamp},
    {"TIME WITHOUT TIME ZONE", Kind::kTime},
    {"TIMESTAMP_US", Kind::kTimestamp},
    {"NULL", Kind::kSqlNull},
    {"INTEGRAL", Kind::kInt32},
    {"NVARCHAR", Kind::kVarchar},
}};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text) {}

  Result<Type> parse() {
    ASSIGN(Type type, parse_type(0));
    skip_space();
    if (at_ < text_.size()) return fail("the end");
    return type;
  }

 private:
  Error fail(std::string_view expected) const {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format(
                     "cannot read the type '{}': at character {} expected {}, found {}", text_,
                     at_ + 1, expected,
                     at_ < text_.size() ? fmt::format("'{}'", text_.substr(at_, 20)) : "the end"))
        .with_hint(
            "use DuckDB's spelling, such as BIGINT, DECIMAL(18, 3), VARCHAR[] or STRUCT(\"a\" "
            "INTEGER)");
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view word() {
    skip_space();
    size_t start = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
    return text_.substr(start, at_ - start);
  }
  Result<std::string> identifier() {
    skip_space();
    if (at_ == text_.size() || text_[at_] != '"') {
      std::string_view name = word();
      if (name.empty()) return fail("a field's name");
      return std::string(name);
    }
    std::string name;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        if (at_ == text_.size() || text_[at_] != '"') return name;
      }
      name += text_[at_];
    }
    return fail("a closing '\"'");
  }
  Result<unsigned> number() {
    std::string_view digits = word();
    if (digits.empty() || digits.size() > 4 ||
        !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) {
      at_ -= digits.size();
      return fail("a number");
    }
    unsigned value = 0;
    for (char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
    return value;
  }
  Result<Type> parse_struct(size_t depth) {
    if (!take('(')) return fail("'('");
    std::vector<Field> fields;
    do {
      ASSIGN(std::string name, identifier());
      ASSIGN(Type type, parse_type(depth + 1));
      fields.push_back({.name = std::move(name), .type = std::move(type)});
    } while (take(','));
    if (!take(')')) return fail("',' or ')'");
    return Type::structure(std::move(fields));
  }
  Result<Type> parse_map(size_t depth) {
    if (!take('(')) return fail("'('");
    ASSIGN(Type key, parse_type(depth + 1));
    if (!take(',')) return fail("','");
    ASSIGN(Type value, parse_type(depth + 1));
    if (!take(')')) return fail("')'");
    return Type::map(std::move(key), std::move(value));
  }
  Result<Type> parse_decimal() {
    unsigned width = 18, scale = 3;
    if (take('(')) {
      size_t start = at_;
      ASSIGN(width, number());
      scale = 0;
      if (take(',')) {
        ASSIGN(scale, number());
      }
      if (!take(')')) return fail("')'");
      if (width < 1 || width > 38 || scale > width) {
        at_ = start;
        return fail("a width of 1 to 38 and a scale of at most the width");
      }
    }
    return Type::decimal(static_cast<uint8_t>(width), static_cast<uint8_t>(scale));
  }
  /// The longest run of words that names a type: TIMESTAMP WITH TIME ZONE before TIMESTAMP.
  std::optional<Kind> parse_kind() {
    std::optional<Kind> found;
    size_t end = at_;
    std::string name;
    for (int words = 0; words < 4; ++words) {
      std::string_view next = word();
      if (next.empty()) break;
      if (!name.empty()) name += ' ';
      name += upper(next);
      for (const KindInfo& info : kKinds) {
        if (info.sql == name && info.kind != Kind::kList) found = info.kind, end = at_;
      }
      for (const auto& [alias, kind] : kAliases) {
        if (alias == name) found = kind, end = at_;
      }
    }
    at_ = end;
    return found;
  }
  Result<Type> parse_type(size_t depth) {
    if (depth > limits::kMaxJsonDepth)
      return fail(fmt::format("at most {} levels", limits::kMaxJsonDepth));
    skip_space();
    Type type;
    if (text_.substr(at_).starts_with("\"NULL\"")) {
      at_ += 6;
    } else {
      std::optional<Kind> kind = parse_kind();
      if (!kind) return fail("a type that leat knows");
      if (*kind == Kind::kStruct) {
        ASSIGN(type, parse_struct(depth));
      } else if (*kind == Kind::kMap) {
        ASSIGN(type, parse_map(depth));
      } else if (*kind == Kind::kDecimal) {
        ASSIGN(type, parse_decimal());
      } else {
        type = *kind;
        if (*kind == Kind::kVarchar && take('(')) {  // VARCHAR(20): DuckDB ignores the length
          TRY(ignored_number());
        }
      }
    }
    for (size_t lists = depth; take('['); ++lists) {
      if (!take(']')) return fail("']' (arrays of a fixed length are not supported; use a list)");
      if (lists > limits::kMaxJsonDepth) return fail("fewer levels");
      type = Type::list(std::move(type));
    }
    return type;
  }
  Result<void> ignored_number() {
    auto ignored = number();
    if (!ignored) return std::move(ignored).error();
    if (!take(')')) return fail("')'");
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Type Type::decimal(uint8_t width, uint8_t scale) {
  CHECK(width >= 1 && width <= 38 && scale <= width, "DECIMAL({}, {})", width, scale);
  Type type(Kind::kDecimal);
  type.width_ = width;
  type.scale_ = scale;
  return type;
}

Type Type::list(Type element) {
  Type type(Kind::kList);
  type.fields_ = std::make_shared<const std::vector<Field>>(
      std::vector<Field>{{.name = "element", .type = std::move(element)}});
  return type;
}

Type Type::structure(std::vector<Field> fields) {
  Type type(Kind::kStruct);
  type.fields_ = std::make_shared<const std::vector<Field>>(std::move(fields));
  return type;
}

Type Type::map(Type key, Type value) {
  Type type(Kind::kMap);
  type.fields_ = std::make_shared<const std::vector<Field>>(
      std::vector<Field>{{.name = "key", .type = std::move(key), .required = true},
                         {.name = "value", .type = std::move(value)}});
  return type;
}

Type Type::varchar_of(uint8_t scalars) {
  Type type(Kind::kVarchar);
  type.width_ = scalars == kScalarString ? uint8_t{0} : scalars;
  return type;
}

const std::vector<Field>& Type::fields() const {
  static const std::vector<Field> none;
  return fields_ ? *fields_ : none;
}

const Type& Type::element() const {
  CHECK(kind_ == Kind::kList, "element() of {}", to_sql());
  return (*fields_)[0].type;
}

size_t Type::value_size() const {
  if (kind_ == Kind::kDecimal) return width_ <= 4 ? 2 : width_ <= 9 ? 4 : width_ <= 18 ? 8 : 16;
  return kKinds[static_cast<size_t>(kind_)].size;
}

std::string Type::to_sql() const {
  switch (kind_) {
    case Kind::kDecimal:
      return fmt::format("DECIMAL({},{})", width_, scale_);
    case Kind::kList:
      return element().to_sql() + "[]";
    case Kind::kMap:
      return fmt::format("MAP({}, {})", fields()[0].type.to_sql(), fields()[1].type.to_sql());
    case Kind::kStruct: {
      std::string sql = "STRUCT(";
      for (const Field& field : fields()) {
        if (&field != fields().data()) sql += ", ";
        sql += quote_identifier(field.name) + " " + field.type.to_sql();
      }
      return sql + ")";
    }
    default:
      return std::string(kKinds[static_cast<size_t>(kind_)].sql);
  }
}

bool Type::operator==(const Type& other) const {
  if (kind_ != other.kind_) return false;
  if (kind_ == Kind::kDecimal) return width_ == other.width_ && scale_ == other.scale_;
  return fields_ == other.fields_ || fields() == other.fields();
}

std::optional<size_t> Schema::find(std::string_view name) const {
  auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  for (size_t i = 0; i < fields.size(); ++i) {
    if (std::ranges::equal(fields[i].name, name, same)) return i;
  }
  return std::nullopt;
}

Result<Type> parse_type(std::string_view text) { return TypeParser(text).parse(); }

}  // namespace leat::types
