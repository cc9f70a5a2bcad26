# rdkafka::rdkafka: librdkafka's own CMake build, of the source that scripts/deps brought in a crate.
set(crates ${CMAKE_SOURCE_DIR}/deps/crates.txt)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${crates})
file(STRINGS ${crates} line REGEX "^rdkafka-sys ")
string(REGEX REPLACE "^.* " "" hash ${line})
set(LEAT_LIBRDKAFKA ${LEAT_DEPS}/crate-rdkafka-sys-${hash}/librdkafka)
if(NOT EXISTS ${LEAT_LIBRDKAFKA}/CMakeLists.txt)
  message(FATAL_ERROR "${LEAT_LIBRDKAFKA} is missing. Run: make deps")
endif()
add_subdirectory(${CMAKE_SOURCE_DIR}/third_party/librdkafka ${CMAKE_BINARY_DIR}/librdkafka EXCLUDE_FROM_ALL)

# The installed layout, so that sources say <librdkafka/rdkafka.h> with any librdkafka.
file(COPY ${LEAT_LIBRDKAFKA}/src/rdkafka.h ${LEAT_LIBRDKAFKA}/src/rdkafka_mock.h
  DESTINATION ${CMAKE_BINARY_DIR}/include/librdkafka)
add_library(rdkafka::rdkafka INTERFACE IMPORTED GLOBAL)
target_include_directories(rdkafka::rdkafka SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/include)
target_link_libraries(rdkafka::rdkafka INTERFACE $<LINK_ONLY:rdkafka>)
