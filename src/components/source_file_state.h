// FileState: a file that source_file.cc reads or has read, and the cursor that holds all of them. KnownBytes: by what
// a file is known again, whatever its name and inode say. Used on the read thread.
//
// Cursor, JSON: {"v":1,"files":[{"path","dev","ino","at","line","skip","done","head","n","tail","m"}]}: `at` counts bytes of the
// decompressed content (records, with `records:`), `line` those of its lines that end before it (absent: not known),
// `skip` says where in a record that is too long that is (Framer::skipping), `head` is the digest of the first n bytes of the file as it lies,
// `tail` of the m bytes before `at`. No tail: compressed, with `records:`, or written before there was one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/framing.h"
#include "components/source_file_stream.h"
#include "io/file.h"

namespace leat::components::file {

/// What the cursor keeps of the bytes.
struct Fingerprint {
  std::string head, tail;  // digests, 16 hexadecimal digits
  size_t head_bytes = 0, tail_bytes = 0;
};

/// The bytes themselves, while the file is open: at most limits::kFileHeadBytes and kFileTailBytes of those that were
/// read.
class KnownBytes {
 public:
  /// Of the first `at` bytes of `file`; fewer when it is shorter.
  static Result<KnownBytes> load(io::FileReader& file, int64_t at);
  /// `bytes` were read behind those before.
  void take(std::string_view bytes);
  /// Whether they, and `pending` behind them, still lie before byte `at` + pending.size() of the file. Asked after a
  /// read, a yes holds for what was read: who rewrites a file begins at its start.
  Result<bool> still_in(io::FileReader& file, int64_t at, std::string_view pending) const;

  Fingerprint fingerprint() const;
  bool fit(const Fingerprint& print) const;

 private:
  std::string head_, tail_;
};

/// A file that is, or was, read.
struct FileState {
  std::string name;  // relative to the project, as found
  uint64_t device = 0, inode = 0;
  int64_t at = 0;
  int64_t lines = 0;  // that end before `at`; -1: not known
  std::string skip;   // not empty: within a record that is too long, and was given as such
  bool done = false;
  Fingerprint print;

  // Of this process only, while the file is open.
  std::string path;  // where it lies now
  std::unique_ptr<ByteStream> stream;
  std::unique_ptr<codec::Framer> framer;
  std::shared_ptr<const std::string> whole;  // with `records:`: the file, and its records
  std::vector<std::string_view> whole_records;
  KnownBytes known;           // of a plain file: what was framed
  std::string carry;          // read behind that, not yet framed
  bool unframed = false;      // and the framer has not seen all of it
  bool after_return = false;  // the last byte before `at` is a CR, perhaps of CR LF
  bool rotated = false;       // another file has its name, or none: it ends where it ends

  void close();
  /// `bytes` were framed.
  void take(std::string_view bytes);
  /// For people: "NAME, line N (byte B)" of the byte that lies `ahead` of `at`.
  std::string place(std::string_view ahead = {}) const;
  /// What was read of it is not in it any more.
  void begin_again();
};

/// kCorrupt: not a cursor of this source.
Result<std::vector<FileState>> parse_cursor(std::string_view cursor);
std::string cursor_of(const std::vector<FileState>& files);

}  // namespace leat::components::file
