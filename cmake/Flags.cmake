# How everything of ours is compiled and linked. Included once, before any target.
#   LEAT_SANITIZE  "", "address,undefined", "thread" or "fuzz"
#   LEAT_PCH       one shared precompiled header; off in the lint build, which so proves that every
#                  file includes what it needs
set(LEAT_SANITIZE "" CACHE STRING "address,undefined | thread | fuzz")
option(LEAT_PCH "Use the shared precompiled header" ON)
set(LEAT_UNITY 0 CACHE STRING "Compile so many files of a folder as one; 0: each alone")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")

# Unoptimized, tests compile in some 60 % of the time. The folder they test is compiled as it ships, but for
# what stands in headers; golden, e2e and faults run the program itself.
set(LEAT_TEST_FLAGS $<$<CONFIG:RelWithDebInfo>:-O0> $<$<CONFIG:RelWithDebInfo>:-U_FORTIFY_SOURCE>)

# Rooms where no record passes by: commands, REST, schemas. They are full of JSON templates, and -O1 saves a quarter of
# their time.
set(LEAT_COLD_FLAGS $<$<CONFIG:RelWithDebInfo>:-O1>)

add_compile_options(
  -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Werror
  -fno-omit-frame-pointer -fstack-protector-strong
  # PIE by hand, alike for libraries and programs, so that one precompiled header fits all.
  -fPIE
  # No path of the build machine in the program.
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-pie -Wl,-z,relro,-z,now)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 raises it falsely on "a" + std::string at -O2.
  add_compile_options(-Wno-restrict -fdiagnostics-color=auto)
else()
  # Nested anonymous structs in unions are common to all compilers we use.
  add_compile_options(-Wthread-safety -Wthread-safety-beta -Wno-nested-anon-types -fcolor-diagnostics)
endif()

if(LEAT_SANITIZE STREQUAL "fuzz")
  add_compile_options(-fsanitize=fuzzer-no-link,address)
  add_link_options(-fsanitize=address)
elseif(LEAT_SANITIZE)
  add_compile_options(-fsanitize=${LEAT_SANITIZE})
  add_link_options(-fsanitize=${LEAT_SANITIZE})
  if(LEAT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  elseif(LEAT_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC does not model atomic_thread_fence under TSan; Boost uses it.
    add_compile_options(-Wno-tsan)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

find_program(LEAT_MOLD mold)
if(LEAT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(LEAT_CCACHE ccache)
if(LEAT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What ccache's manual asks for with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${LEAT_CCACHE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()
