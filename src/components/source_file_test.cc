#include "components/source_file.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "config/yaml.h"
#include "testing/temp_dir.h"

namespace leat::components {
namespace {

using Strings = std::vector<std::string>;

void write(const std::string& path, const std::string& text, bool append = false) {
  std::ofstream out(path, append ? std::ios::binary | std::ios::app : std::ios::binary);
  out << text;
  ASSERT_TRUE(out.flush().good());
}

std::string gzip(const std::string& text) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

class FileSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<stream::Source> make(const std::string& yaml, const std::string& cursor = "") {
    stream::Registry registry;
    register_source_file(registry);
    config::Diagnostics diagnostics;
    auto node = config::parse_yaml(yaml, "f", diagnostics);
    EXPECT_TRUE(node) << diagnostics.to_string();
    stream::SourceContext context;
    context.project_dir = dir_.path();
    context.page_records = page_records_;
    context.page_bytes = page_bytes_;
    auto source = registry.source("file")->make(*node, context);
    EXPECT_TRUE(source) << source.error().to_string();
    auto opened = (*source)->open(cursor);
    EXPECT_TRUE(opened);
    return std::move(*source);
  }

  /// Reads until exhausted; the cursor behind it all is in cursor_.
  Strings all(stream::Source& source) {
    Strings out;
    for (int pages = 0; pages < 10'000; ++pages) {
      auto page = source.read({});
      if (!page) {
        error_ = page.error().to_string();
        return out;
      }
      for (const auto& refused : page->refused)
        refused_.push_back(fmt::format("{}: {}: {}", out.size() + refused.record,
                                       stream::to_string(refused.reason), refused.message));
      for (const auto& record : page->records) out.emplace_back(*record.value);
      cursor_ = page->cursor;
      if (page->exhausted) return out;
    }
    ADD_FAILURE() << "never exhausted";
    return out;
  }
  Strings all(const std::string& yaml, const std::string& cursor = "") {
    return all(*make(yaml, cursor));
  }

  leat::testing::TempDir dir_;
  /// The same, with a source made anew at each page, as after a crash.
  Strings piece_by_piece(const std::string& yaml) {
    Strings out;
    std::string cursor;
    for (int pages = 0; pages < 10'000; ++pages) {
      auto page = make(yaml, cursor)->read({});
      if (!page) {
        error_ = page.error().to_string();
        return out;
      }
      for (const auto& refused : page->refused)
        refused_.push_back(fmt::format("{}: {}: {}", out.size() + refused.record,
                                       stream::to_string(refused.reason), refused.message));
      for (const auto& record : page->records) out.emplace_back(*record.value);
      cursor = page->cursor;
      if (page->exhausted) return out;
      largest_page_ = std::max(largest_page_, page->records.size());
    }
    ADD_FAILURE() << "never exhausted";
    return out;
  }

  std::string cursor_, error_;
  Strings refused_;
  std::optional<size_t> page_records_, page_bytes_;
  size_t largest_page_ = 0;
};

TEST_F(FileSourceTest, ReadsNdjsonInTheOrderOfNames) {
  write(dir_ / "b.ndjson", "{\"n\":3}\r\n\n{\"n\":4}");
  write(dir_ / "a.ndjson", "\xEF\xBB\xBF{\"n\":1}\n{\"n\":2}\n");
  std::filesystem::create_directory(dir_ / "c.ndjson");
  EXPECT_EQ(all("path: '*.ndjson'"), (Strings{"{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}"}));
  EXPECT_TRUE(make("path: '*.ndjson'")->bounded());
  EXPECT_TRUE(make("path: '*.ndjson'")->rereadable());
}

TEST_F(FileSourceTest, ResumesAtEveryPageWithoutLossOrDoubles) {
  std::string text;
  Strings expected;
  for (int i = 0; i < 25'000; ++i) {
    expected.push_back("{\"n\":" + std::to_string(i) + ",\"pad\":\"" +
                       std::string(static_cast<size_t>(i % 90), 'x') + "\"}");
    text += expected.back() + "\n";
  }
  write(dir_ / "p.ndjson", text);
  write(dir_ / "g.ndjson.gz", gzip(text));
  write(dir_ / "z.ndjson.zst", zstd(text));
  std::string csv = "n,pad\n";
  for (int i = 0; i < 25'000; ++i) csv += std::to_string(i) + ",\"a\nb\"\n";
  write(dir_ / "c.csv", csv);
  std::string array = "[";
  for (size_t i = 0; i < expected.size(); ++i) array += (i ? ",\n" : "") + expected[i];
  write(dir_ / "j.json", array + "]");
  write(dir_ / "r.json", "{\"a\":{\"list\":" + array + "]}}");
  for (std::string name :
       {"p.ndjson", "g.ndjson.gz", "z.ndjson.zst", "c.csv", "j.json", "r.json"}) {
    SCOPED_TRACE(name);
    std::string yaml = "path: " + name + (name == "r.json" ? "\nrecords: /a/list" : "");
    Strings whole = all(yaml), pieces;
    ASSERT_EQ(error_, "");
    ASSERT_EQ(whole.size(), expected.size());
    if (name != "c.csv")
      EXPECT_EQ(whole, expected);
    else
      EXPECT_EQ(whole[7], R"({"n":"7","pad":"a\nb"})");
    std::string cursor;
    int pages = 0;
    for (bool exhausted = false; !exhausted && pages < 1000; ++pages) {
      auto page = make(yaml, cursor)->read({});  // as after a crash at each page
      ASSERT_TRUE(page) << page.error().to_string();
      for (const auto& record : page->records) pieces.emplace_back(*record.value);
      cursor = page->cursor;
      exhausted = page->exhausted;
    }
    EXPECT_GE(pages, 3);
    EXPECT_EQ(pieces, whole);
  }
}

TEST_F(FileSourceTest, NewFilesAndGrownOnesAreReadLater) {
  write(dir_ / "a.ndjson", "1\n");
  EXPECT_EQ(all("path: '*.ndjson'"), Strings{"1"});
  EXPECT_EQ(all("path: '*.ndjson'", cursor_), Strings{});
  write(dir_ / "b.ndjson", "2\n");
  write(dir_ / "a.ndjson", "3\n", true);
  EXPECT_EQ(all("path: '*.ndjson'", cursor_), (Strings{"3", "2"}));
  // Another content under the same name is another file; a copy with the same bytes is not.
  write(dir_ / "b.ndjson", "other\n");
  std::filesystem::copy_file(dir_ / "a.ndjson", dir_ / "copy");
  std::filesystem::rename(dir_ / "copy", dir_ / "a.ndjson");
  EXPECT_EQ(all("path: '*.ndjson'", cursor_), Strings{"other"});
  // A file that was away (a share, a restored folder) is not read again.
  std::filesystem::rename(dir_ / "a.ndjson", dir_ / "away");
  EXPECT_EQ(all("path: '*.ndjson'", cursor_), Strings{});
  std::filesystem::rename(dir_ / "away", dir_ / "a.ndjson");
  EXPECT_EQ(all("path: '*.ndjson'", cursor_), Strings{});
  // A pipe is not read: it would wait.
  ASSERT_EQ(mkfifo((dir_ / "pipe.ndjson").c_str(), 0600), 0);
  EXPECT_EQ(all("path: '*.ndjson'", cursor_), Strings{});
}

TEST_F(FileSourceTest, CutAndBrokenFilesNameThePlace) {
  std::string packed = gzip("1\n2\n");
  write(dir_ / "cut.ndjson.gz", packed.substr(0, packed.size() - 6));
  EXPECT_EQ(all("path: cut.ndjson.gz"), Strings{});
  EXPECT_NE(error_.find("cut.ndjson.gz: not a whole gzip file: it ends too early"),
            std::string::npos)
      << error_;
  write(dir_ / "no.ndjson.zst", "not zstd at all");
  all("path: no.ndjson.zst");
  EXPECT_NE(error_.find("not zstd"), std::string::npos) << error_;
  packed = zstd("1\n2\n");
  write(dir_ / "cut.ndjson.zst", packed.substr(0, packed.size() - 2));
  all("path: cut.ndjson.zst");
  EXPECT_NE(error_.find("it ends too early"), std::string::npos) << error_;
  write(dir_ / "bad.json", "{\"no\": \"array\"}");
  all("path: bad.json");
  EXPECT_NE(error_.find("bad.json"), std::string::npos) << error_;
  all("path: none-*.json");
  EXPECT_NE(error_.find("no file matches"), std::string::npos) << error_;
}

TEST_F(FileSourceTest, GzipMembersAndEmptyFilesAreFine) {
  write(dir_ / "a.gz", gzip("1\n") + gzip("2\n"));
  write(dir_ / "b.gz", "");
  write(dir_ / "c.gz", gzip(""));
  EXPECT_EQ(all("path: '*.gz'"), (Strings{"1", "2"}));
}

TEST_F(FileSourceTest, AnEndlessLineIsOneRecordThatIsTooLarge) {
  write(dir_ / "a.ndjson", "1\n" + std::string(limits::kMaxRecordBytes * 2, 'x') + "\n2\n" +
                               std::string(limits::kMaxRecordBytes + 5, 'y'));
  Strings records = all("path: a.ndjson");
  EXPECT_EQ(error_, "");
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0], "1");
  EXPECT_EQ(records[1].size(), limits::kMaxRecordBytes + 1);
  EXPECT_EQ(records[2], "2");
  EXPECT_EQ(records[3][0], 'y');
  EXPECT_EQ(all("path: a.ndjson", cursor_), Strings{});
}

/// A file of each format with a record of `large` bytes or so between small ones.
struct Sample {
  std::string name, text, place;
  Strings before, behind;
};

std::vector<Sample> with_a_large_record(size_t large) {
  const std::string pad(large, 'x');
  return {
      {"a.ndjson", "1\n\n{\"pad\":\"" + pad + "\"}\n3\n4", "line 3 (byte 3)", {"1"}, {"3", "4"}},
      {"a.json",
       "[1,\n {\"a\": [\"]\\\"\", {}], \"pad\": \"" + pad + "\\\\\"}\n,3 , 4\n]\n",
       "line 2 (byte 5)",
       {"1"},
       {"3", "4"}},
      {"a.csv",
       "n,pad\r\n1,\r\n2,\"a\"\"b\n,\r\n" + pad + "\"\r\n3,\r\n4,",
       "line 3 (byte 11)",
       {R"({"n":"1","pad":null})"},
       {R"({"n":"3","pad":null})", R"({"n":"4","pad":null})"}}};
}

TEST_F(FileSourceTest, ARecordThatIsTooLongIsSetAsideAndTheRestGoesOn) {
  // So long that its end is, or is not, in what is read with its front.
  for (size_t large : {limits::kMaxRecordBytes, 3 * limits::kMaxRecordBytes}) {
    for (const Sample& sample : with_a_large_record(large)) {
      for (bool packed : {false, true}) {
        if (packed && sample.name != "a.csv") continue;
        SCOPED_TRACE(fmt::format("{} {} {}", sample.name, large, packed));
        const std::string name = sample.name + (packed ? ".gz" : "");
        write(dir_ / name, packed ? gzip(sample.text) : sample.text);
        const std::string yaml = "path: " + name;
        for (bool pieces : {false, true}) {
          refused_.clear();
          page_records_ = pieces ? std::optional<size_t>(1) : std::nullopt;
          const Strings found = pieces ? piece_by_piece(yaml) : all(yaml);
          EXPECT_EQ(error_, "");
          ASSERT_EQ(found.size(), 4u);
          EXPECT_EQ(found[0], sample.before[0]);
          EXPECT_GT(found[1].size(), limits::kMaxRecordBytes);
          EXPECT_EQ(sample.text.find(found[1].substr(0, 100'000)),
                    sample.text.find(found[1].substr(0, 9)));
          EXPECT_EQ(Strings(found.begin() + 2, found.end()), sample.behind);
          EXPECT_EQ(refused_,
                    Strings{fmt::format(
                        "1: too_large: the record that begins at {}, {} has more than {} bytes{}",
                        name, sample.place, limits::kMaxRecordBytes,
                        name.starts_with("a.csv") ? "; a quote may not be closed" : "")});
        }
        std::filesystem::remove(dir_ / name);
      }
    }
  }
}

TEST_F(FileSourceTest, TheRecordBeforeOneThatIsTooLongIsGiven) {
  const std::string most(limits::kMaxRecordBytes, '7');
  write(dir_ / "a.ndjson", most + "\n" + most + most + "\n8\n");
  const Strings found = all("path: a.ndjson");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], most);
  EXPECT_EQ(found[2], "8");
  EXPECT_EQ(refused_.size(), 1u);
}

TEST_F(FileSourceTest, AnArrayCutWithinARecordThatIsTooLongIsNotWhole) {
  write(dir_ / "a.json", "[1,[\"" + std::string(2 * limits::kMaxRecordBytes, 'x'));
  for (bool pieces : {false, true}) {
    EXPECT_EQ((pieces ? piece_by_piece("path: a.json") : all("path: a.json")).size(), 2u);
    EXPECT_NE(error_.find("the JSON array is broken"), std::string::npos) << error_;
    error_.clear();
  }
}

TEST_F(FileSourceTest, FollowedALineThatIsTooLongIsOneRecordWhenItsEndComesLater) {
  write(dir_ / "a.log", "1\n" + std::string(limits::kMaxRecordBytes + 9, 'x'));
  Strings found = all("{path: a.log, follow: true}");
  ASSERT_EQ(found.size(), 2u);
  write(dir_ / "a.log", "xxx", true);
  EXPECT_EQ(all("{path: a.log, follow: true}", cursor_), Strings{});
  write(dir_ / "a.log", "xxx\n2\n", true);
  EXPECT_EQ(all("{path: a.log, follow: true}", cursor_), Strings{"2"});
  EXPECT_EQ(refused_.size(), 1u);
}

TEST_F(FileSourceTest, AnUnclosedQuoteNamesFileAndLine) {
  write(dir_ / "a.csv", "n,t\r\n1,\"a\nb\"\r\n2,\"open\r\n3,c\r\n");
  for (bool pieces : {false, true}) {
    refused_.clear();
    page_records_ = pieces ? std::optional<size_t>(1) : std::nullopt;
    const Strings found = pieces ? piece_by_piece("path: a.csv") : all("path: a.csv");
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(refused_,
              Strings{"1: malformed: a quote is not closed; the record begins at a.csv, line 4 "
                      "(byte 14)"});
  }
}

TEST_F(FileSourceTest, APageKeepsToTheBatch) {
  std::string text = "\"" + std::string(4 * limits::kMiB, 'x') + "\"\n";
  Strings expected = {text.substr(0, text.size() - 1)};
  for (int i = 0; i < 30'000; ++i)
    text += fmt::format("{}\n", i), expected.push_back(std::to_string(i));
  write(dir_ / "a.ndjson", text);
  EXPECT_EQ(piece_by_piece("path: a.ndjson"), expected);
  EXPECT_EQ(largest_page_, 10'000u) << "however much was read at once";
  largest_page_ = 0, page_records_ = 700;
  EXPECT_EQ(piece_by_piece("path: a.ndjson"), expected);
  EXPECT_EQ(largest_page_, 700u);
  largest_page_ = 0, page_records_.reset(), page_bytes_ = 2 * limits::kKiB;
  write(dir_ / "a.ndjson", text.substr(text.find('\n') + 1));
  EXPECT_EQ(piece_by_piece("path: a.ndjson").size(), 30'000u);
  EXPECT_LT(largest_page_, 1'100u);
  EXPECT_GT(largest_page_, 300u);
}

TEST_F(FileSourceTest, FollowedTheLastLineWaitsForItsNewline) {
  write(dir_ / "a.log", "1\n2");
  auto source = make("{path: '*.log', follow: true, every: 3s}");
  EXPECT_FALSE(source->bounded());
  EXPECT_EQ(all(*source), Strings{"1"});
  auto page = source->read({});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_poll_ms, 3000);
  write(dir_ / "a.log", "3\n4\n", true);
  write(dir_ / "b.log", "9\n");
  EXPECT_EQ(all(*source), (Strings{"9", "23", "4"}));  // files take turns
}

TEST_F(FileSourceTest, FollowedARotatedFileIsFinishedFirst) {
  write(dir_ / "a.log", "1\n");
  auto source = make("{path: a.log, follow: true}");
  EXPECT_EQ(all(*source), Strings{"1"});
  write(dir_ / "a.log", "2\n3", true);
  std::filesystem::rename(dir_ / "a.log", dir_ / "a.log.1");
  write(dir_ / "a.log", "4\n");
  EXPECT_EQ(all(*source), (Strings{"2", "3", "4"}));
  write(dir_ / "a.log", "5\n", true);
  EXPECT_EQ(all(*source), Strings{"5"});
}

TEST_F(FileSourceTest, FollowedARotationWhileStoppedIsSeenByInode) {
  write(dir_ / "a.log", "1\n");
  EXPECT_EQ(all("{path: 'a.log*', follow: true}"), Strings{"1"});
  write(dir_ / "a.log", "2\n", true);
  std::filesystem::rename(dir_ / "a.log", dir_ / "a.log.1");
  write(dir_ / "a.log", "3\n");
  EXPECT_EQ(all("{path: 'a.log*', follow: true}", cursor_), (Strings{"2", "3"}));
  EXPECT_EQ(all("{path: 'a.log*', follow: true}", cursor_), Strings{});
  // The rotated name is outside of the pattern: found beside.
  write(dir_ / "b.log", "1\n");
  EXPECT_EQ(all("{path: b.log, follow: true}"), Strings{"1"});
  write(dir_ / "b.log", "2\n", true);
  std::filesystem::rename(dir_ / "b.log", dir_ / "old");
  write(dir_ / "b.log", "3\n");
  EXPECT_EQ(all("{path: b.log, follow: true}", cursor_), (Strings{"2", "3"}));
}

TEST_F(FileSourceTest, FollowedATruncatedFileBeginsAgain) {
  write(dir_ / "a.log", "1\n2\n");
  auto source = make("{path: a.log, follow: true}");
  EXPECT_EQ(all(*source), (Strings{"1", "2"}));
  write(dir_ / "a.log", "3\n");
  EXPECT_EQ(all(*source), Strings{"3"});
}

std::string lines(char of, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += fmt::format("{}{:05}\n", of, i);
  return out;
}

TEST_F(FileSourceTest, FollowedAFileWrittenAnewBeginsAgainWhateverItsSize) {
  // As `> a.log` and then longer content, between two looks: nothing but the bytes tells.
  for (int count : {2, 3, 1000}) {
    SCOPED_TRACE(count);
    write(dir_ / "a.log", lines('a', 2));
    auto source = make("{path: a.log, follow: true}");
    EXPECT_EQ(all(*source).size(), 2u);
    write(dir_ / "a.log", lines('b', count));
    Strings got = all(*source);
    ASSERT_EQ(got.size(), static_cast<size_t>(count));
    EXPECT_EQ(got[0], "b00000");
    write(dir_ / "a.log", "b99999\n", true);
    EXPECT_EQ(all(*source), Strings{"b99999"});
    std::filesystem::remove(dir_ / "a.log");
  }
  // A line that waits for its newline is part of what was there.
  write(dir_ / "a.log", "1\n2");
  auto source = make("{path: a.log, follow: true}");
  EXPECT_EQ(all(*source), Strings{"1"});
  write(dir_ / "a.log", "1\n345\n");
  EXPECT_EQ(all(*source), (Strings{"1", "345"}));
}

TEST_F(FileSourceTest, AFileWrittenAnewBetweenTwoStartsBeginsAgain) {
  // Two thousand bytes that stay in front: what differs lies before the position.
  const std::string front = lines('a', 400);
  for (const char* yaml : {"{path: a.log, follow: true}", "path: a.log"}) {
    SCOPED_TRACE(yaml);
    write(dir_ / "a.log", front + "x1\n");
    EXPECT_EQ(all(yaml).size(), 401u);
    write(dir_ / "a.log", front + "y1\ny2\n");
    EXPECT_EQ(all(yaml, cursor_).size(), 402u);
    write(dir_ / "a.log", front + "y1\n");  // shorter
    EXPECT_EQ(all(yaml, cursor_).size(), 401u);
    write(dir_ / "a.log", "y2\n", true);
    EXPECT_EQ(all(yaml, cursor_), Strings{"y2"}) << "grown, not another";
  }
}

TEST_F(FileSourceTest, ACursorWithoutTailGoesOn) {
  write(dir_ / "a.log", "1\n2\n3\n");
  struct stat st {};
  ASSERT_EQ(::stat((dir_ / "a.log").c_str(), &st), 0);
  const std::string place =
      fmt::format("\"path\":\"a.log\",\"dev\":{},\"ino\":{},\"at\":4", st.st_dev, st.st_ino);
  for (const char* yaml : {"{path: a.log, follow: true}", "path: a.log"}) {
    EXPECT_EQ(all(yaml, "{\"v\":1,\"files\":[{" + place + "}]}"), Strings{"3"});
    EXPECT_NE(cursor_.find("\"tail\":"), std::string::npos) << cursor_;
    EXPECT_EQ(all(yaml, cursor_), Strings{});
  }
}

TEST_F(FileSourceTest, AFileMayAppearWhenFollowed) {
  auto source = make("{path: later.log, follow: true}");
  EXPECT_EQ(all(*source), Strings{});
  write(dir_ / "later.log", "1\n");
  EXPECT_EQ(all(*source), Strings{"1"});
}

TEST_F(FileSourceTest, WrongKeysAreRefused) {
  stream::Registry registry;
  register_source_file(registry);
  auto said = [&](const char* yaml) {
    config::Diagnostics diagnostics;
    auto node = config::parse_yaml(yaml, "f", diagnostics);
    registry.source("file")->spec->check(*node, diagnostics);
    return diagnostics.to_string();
  };
  EXPECT_EQ(said(registry.source("file")->example_yaml.c_str()), "");
  EXPECT_EQ(said("path: a.json\nfollow: true"),
            "f:2:1: a JSON array cannot be followed; write one record a line, or CSV\n");
  EXPECT_EQ(
      said("path: a.log.gz\nfollow: true"),
      "f:2:1: a compressed file cannot be followed; follow the file before it is compressed\n");
  EXPECT_EQ(said("path: a.csv\ncsv: {delimiter: ab}"),
            "f:2:18: csv.delimiter: expected one character, found `ab`\n");
  EXPECT_FALSE(make("path: x")->open("{}"));
  EXPECT_FALSE(make("path: x")->open("{\"v\":1,\"files\":[{\"path\":1}]}"));
}

}  // namespace
}  // namespace leat::components
