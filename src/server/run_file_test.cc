#include "server/run_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/file.h"
#include "server/paused.h"
#include "testing/temp_dir.h"

namespace leat::server {
namespace {

TEST(RunFile, ReadsWhatItWrote) {
  testing::TempDir dir;
  EXPECT_FALSE(read_run_file(dir.path()).value().has_value());
  ASSERT_TRUE(write_run_file(
      dir.path(), {42, 1000, "http://127.0.0.1:8680", "/x/leat.sock", "secret", "once"}));
  struct stat status {};
  ASSERT_EQ(::stat(run_file_path(dir.path()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  auto run = read_run_file(dir.path()).value();
  ASSERT_TRUE(run);
  EXPECT_EQ(run->pid, 42);
  EXPECT_EQ(run->started_ms, 1000);
  EXPECT_EQ(run->api, "http://127.0.0.1:8680");
  EXPECT_EQ(run->socket, "/x/leat.sock");
  EXPECT_EQ(run->token, "secret");
  EXPECT_EQ(run->run_id, "once");
}

TEST(RunFile, IsRemovedByItsOwnerOnly) {
  testing::TempDir dir;
  ASSERT_TRUE(write_run_file(dir.path(), {42, 1000, "", "/x/leat.sock", "secret", "once"}));
  ASSERT_TRUE(remove_run_file(dir.path(), 43));
  EXPECT_TRUE(io::exists(run_file_path(dir.path())));
  ASSERT_TRUE(remove_run_file(dir.path(), 42));
  EXPECT_FALSE(io::exists(run_file_path(dir.path())));
  ASSERT_TRUE(remove_run_file(dir.path(), 42));
}

TEST(RunFile, OtherContentIsNamed) {
  testing::TempDir dir;
  for (const char* text :
       {"", "{", "[]", "{\"pid\":\"x\"}", "{\"pid\":-1,\"socket\":\"/x\"}", "{\"pid\":1}"}) {
    ASSERT_TRUE(io::write_file_atomic(run_file_path(dir.path()), text));
    auto run = read_run_file(dir.path());
    ASSERT_FALSE(run) << text;
    EXPECT_EQ(run.error().code(), ErrorCode::kCorrupt);
  }
}

TEST(RunFile, TokensDiffer) {
  EXPECT_EQ(new_token().size(), 64u);
  EXPECT_NE(new_token(), new_token());
}

TEST(Paused, NamesAPipelineWhenAllItsLanesAre) {
  const std::vector<std::string> lanes = {"a", "b"};
  using Names = std::vector<std::string>;
  Names names = change_paused({"other"}, "p", "b", lanes, true);
  EXPECT_EQ(names, (Names{"other", "p/b"}));
  EXPECT_TRUE(is_paused(names, "p", "b"));
  EXPECT_FALSE(is_paused(names, "p", "a"));
  names = change_paused(names, "p", "a", lanes, true);
  EXPECT_EQ(names, (Names{"other", "p"}));
  names = change_paused(names, "p", "b", lanes, false);
  EXPECT_EQ(names, (Names{"other", "p/a"}));
  EXPECT_EQ(change_paused({"px/a", "p/a"}, "p", "", lanes, false), Names{"px/a"})
      << "a prefix is no pipeline";
}

}  // namespace
}  // namespace leat::server
