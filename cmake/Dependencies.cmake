# Vendors' libraries, each as an imported target (their headers are so SYSTEM headers).
# Adding one: its package in apt-packages.txt, a line here, its name in the table of src/CMakeLists.txt.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)                # fmt::fmt
find_package(spdlog REQUIRED)             # spdlog::spdlog (compiled, with Debian's fmt)
find_package(yaml-cpp REQUIRED)           # yaml-cpp
find_package(nlohmann_json REQUIRED)      # nlohmann_json::nlohmann_json
find_package(OpenSSL REQUIRED)            # OpenSSL::SSL, OpenSSL::Crypto
find_package(CURL REQUIRED)               # CURL::libcurl
find_package(ZLIB REQUIRED)               # ZLIB::ZLIB
find_package(Boost 1.81 REQUIRED)         # Boost::headers
find_package(RocksDB REQUIRED)            # RocksDB::rocksdb-shared
find_package(simdjson REQUIRED)           # simdjson::simdjson
find_package(date REQUIRED)               # date::date, date::date-tz
find_package(CLI11 REQUIRED)              # CLI11::CLI11
find_package(PostgreSQL REQUIRED)         # PostgreSQL::PostgreSQL (libpq)
find_package(Protobuf REQUIRED)           # protobuf::libprotobuf
# A prefix of our own: RocksDB's configuration looks for lz4_INCLUDE_DIRS and finds ours otherwise.
pkg_check_modules(pc_zstd REQUIRED IMPORTED_TARGET GLOBAL libzstd)  # PkgConfig::pc_zstd
pkg_check_modules(pc_lz4 REQUIRED IMPORTED_TARGET GLOBAL liblz4)    # PkgConfig::pc_lz4
pkg_check_modules(pc_edit REQUIRED IMPORTED_TARGET GLOBAL libedit)  # PkgConfig::pc_edit
include(DuckDB)                           # duckdb::duckdb
include(Librdkafka)                       # rdkafka::rdkafka
include(Native)                           # leat::native

# For tests and benchmarks only.
find_package(GTest REQUIRED)              # GTest::gtest_main, GTest::gmock
find_package(rapidcheck REQUIRED)         # rapidcheck
find_package(benchmark REQUIRED)          # benchmark::benchmark
pkg_check_modules(pc_avro REQUIRED IMPORTED_TARGET GLOBAL avro-c)   # PkgConfig::pc_avro: what Avro codecs are compared with

