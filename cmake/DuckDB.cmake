# duckdb::duckdb: the shared library that scripts/deps brought, and the header of the same release.
set(LEAT_DEPS ${CMAKE_SOURCE_DIR}/.deps CACHE PATH "Where scripts/deps puts downloads")
set(lock ${CMAKE_SOURCE_DIR}/deps/package-lock.json)
set(header ${CMAKE_SOURCE_DIR}/third_party/duckdb/duckdb.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${lock} ${header})

file(SHA256 ${header} hash)
if(NOT hash STREQUAL "e85f70155b5948c8575e59f66e60d43575cec8b252293534c9e8598eb313a293")
  message(FATAL_ERROR "third_party/duckdb/duckdb.h is not the header of the pinned release")
endif()

file(SHA256 ${lock} hash)
string(SUBSTRING ${hash} 0 16 hash)
set(LEAT_DUCKDB_SO
    ${LEAT_DEPS}/npm-${hash}/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so)
if(NOT EXISTS ${LEAT_DUCKDB_SO})
  message(FATAL_ERROR "${LEAT_DUCKDB_SO} is missing. Run: make deps")
endif()

add_library(duckdb::duckdb SHARED IMPORTED GLOBAL)
set_target_properties(duckdb::duckdb PROPERTIES
  IMPORTED_LOCATION ${LEAT_DUCKDB_SO}
  IMPORTED_SONAME libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/third_party/duckdb)
