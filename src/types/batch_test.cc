#include "types/batch.h"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"

namespace leat::types {
namespace {

TEST(StringRef, InlinesUpToTwelveBytes) {
  for (size_t length : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 300}) {
    std::string text(length, 'x');
    if (length > 0) text[0] = 'a', text.back() = 'z';
    StringRef ref{std::string_view(text)};
    EXPECT_EQ(ref.view(), text);
    bool inlined = ref.view().data() != text.data();
    EXPECT_EQ(inlined, length <= StringRef::kInline) << length;
    // DuckDB compares the 4 bytes behind the length first: zero-padded inline, a prefix otherwise.
    char bytes[16];
    std::memcpy(bytes, &ref, 16);
    EXPECT_EQ(std::string(bytes + 4, std::min<size_t>(length, 4)), text.substr(0, 4));
    std::string longer = text + "behind the text";
    StringRef readable =
        StringRef::of_readable(std::string_view(longer).substr(0, length), longer.data());
    EXPECT_EQ(readable.view(), text);
    if (length <= StringRef::kInline) {
      EXPECT_EQ(std::memcmp(&readable, &ref, 16), 0) << length;
    }
    if (length < 12) {
      EXPECT_EQ(bytes[15], '\0');
    }
  }
}

TEST(Arena, ViewsStayWhileItGrowsAndBlocksAreReused) {
  Arena arena;
  std::vector<std::string_view> views;
  for (int i = 0; i < 5000; ++i)
    views.push_back(arena.copy(std::string(static_cast<size_t>(i) % 97, char('a' + i % 26))));
  std::string_view big = arena.copy(std::string(3 * limits::kArenaBlockBytes, 'B'));
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(views[static_cast<size_t>(i)],
              std::string(static_cast<size_t>(i) % 97, char('a' + i % 26)));
  }
  EXPECT_EQ(big, std::string(3 * limits::kArenaBlockBytes, 'B'));
  size_t held = arena.bytes();
  for (int round = 0; round < 3; ++round) {
    arena.reset();
    for (int i = 0; i < 5000; ++i) arena.copy(std::string(static_cast<size_t>(i) % 97, 'y'));
  }
  EXPECT_LE(arena.bytes(), held) << "a smaller batch took new memory";
}

TEST(Arena, GivesBack) {
  Arena arena;
  char* first = arena.allocate(100);
  arena.give_back(60);
  EXPECT_EQ(arena.allocate(10), first + 40);
}

TEST(Arena, DropsWhatIsTooMuchToKeep) {
  Arena arena;
  arena.copy("small");
  arena.allocate(limits::kArenaKeepBytes + 1);
  EXPECT_GT(arena.bytes(), limits::kArenaKeepBytes);
  arena.reset();
  EXPECT_LE(arena.bytes(), limits::kArenaBlockBytes);
  EXPECT_EQ(arena.copy("again"), "again");
}

TEST(VectorBuffer, ValidityAppearsWithTheFirstNull) {
  VectorBuffer column(Kind::kInt32);
  for (int32_t i = 0; i < 130; ++i) column.append(i);
  EXPECT_EQ(column.view().validity, nullptr);
  column.append_null();
  for (int32_t i = 131; i < 700; ++i) {
    if (i % 3 == 0)
      column.append_null();
    else
      column.append(i);
  }
  Vector view = column.view();
  ASSERT_EQ(view.size, 700u);
  for (size_t i = 0; i < 700; ++i) {
    bool valid = i < 130 || (i > 130 && i % 3 != 0);
    ASSERT_EQ(view.valid(i), valid) << i;
    if (valid) {
      ASSERT_EQ(view.at<int32_t>(i), static_cast<int32_t>(i));
    }
  }
  // Stale bits of dropped rows must not show.
  column.truncate(1);
  column.append(int32_t{7});
  for (int i = 0; i < 200; ++i) column.append(int32_t{8});
  for (size_t i = 0; i < column.size(); ++i) ASSERT_TRUE(column.view().valid(i)) << i;
  column.reset();
  column.append(int32_t{1});
  EXPECT_EQ(column.view().validity, nullptr);
}

TEST(VectorBuffer, NullStructNullsItsChildren) {
  VectorBuffer column(Type::structure(
      {{.name = "a", .type = Kind::kInt64}, {.name = "l", .type = Type::list(Kind::kInt8)}}));
  column.child(0).append(int64_t{1});
  column.child(1).child(0).append(int8_t{5});
  column.child(1).append_list(0);
  column.append_struct();
  column.append_null();
  Vector view = column.view();
  EXPECT_TRUE(view.valid(0));
  EXPECT_FALSE(view.valid(1));
  EXPECT_FALSE(view.children[0].valid(1));
  EXPECT_FALSE(view.children[1].valid(1));
  EXPECT_EQ(view.children[1].at<ListEntry>(1).offset, 1u);
  EXPECT_EQ(view.children[1].at<ListEntry>(1).length, 0u);
}

TEST(VectorBuffer, TruncateDropsHalfMadeRowsAtAnyDepth) {
  VectorBuffer column(Type::list(Type::structure(
      {{.name = "a", .type = Kind::kInt64}, {.name = "s", .type = Type::list(Kind::kInt16)}})));
  auto element = [&](int64_t a) {
    VectorBuffer& row = column.child(0);
    row.child(0).append(a);
    size_t start = row.child(1).child(0).size();
    row.child(1).child(0).append(static_cast<int16_t>(a));
    row.child(1).append_list(start);
    row.append_struct();
  };
  element(1), element(2);
  column.append_list(0);
  // The second row breaks off inside its second element.
  element(3);
  column.child(0).child(0).append(int64_t{4});
  column.child(0).child(1).child(0).append(int16_t{4});
  column.truncate(1);
  EXPECT_EQ(column.child(0).size(), 2u);
  EXPECT_EQ(column.child(0).child(0).size(), 2u);
  EXPECT_EQ(column.child(0).child(1).size(), 2u);
  EXPECT_EQ(column.child(0).child(1).child(0).size(), 2u);
  element(5);
  column.append_list(2);
  EXPECT_EQ(column.view().children[0].children[0].at<int64_t>(2), 5);
  column.truncate(0);
  EXPECT_EQ(column.child(0).child(1).child(0).size(), 0u);
}

TEST(BatchBuffer, RollsBackTheColumnsThatARejectReached) {
  BatchBuffer batch(
      Schema{{{.name = "a", .type = Kind::kInt64}, {.name = "b", .type = Kind::kVarchar}}});
  batch.column(0).append(int64_t{1});
  batch.column(1).append(StringRef("one"));
  batch.column(1).append(StringRef("half"));
  batch.truncate(1);
  EXPECT_EQ(batch.rows(), 1u);
  EXPECT_EQ(batch.view().columns[1].size, 1u);
  batch.reset();
  EXPECT_EQ(batch.rows(), 0u);
}

TEST(VectorBufferDeathTest, RefusesAValueOfAnotherWidth) {
  VectorBuffer column(Kind::kInt32);
  EXPECT_DEATH(column.append(int64_t{1}), "8 bytes appended to a column of INTEGER");
}

}  // namespace
}  // namespace leat::types
