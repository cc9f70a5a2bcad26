# leat_folder(NAME [LEAT folder...] [LIBS target...] [PCH target] [TEST_PCH target]
#             [TEST_LIBS target...] [COLD] [ALONE file...])
#   leat_NAME   all of src/NAME/*.cc, but for tests and benchmarks; links what is named
#   test_NAME   all of src/NAME/*_test.cc as one program, run from the root of the project
# PCH, TEST_PCH: the precompiled headers, by default leat_pch and leat_test_pch. COLD: with LEAT_COLD_FLAGS, like its PCH.
# ALONE: files that are not compiled together with others, see leat_unity.
# A folder may be empty or missing: then leat_NAME carries only its links, and there is no test.
function(leat_folder name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "COLD" "PCH;TEST_PCH" "LEAT;LIBS;TEST_LIBS;ALONE")
  if(NOT arg_PCH)
    set(arg_PCH leat_pch)
  endif()
  if(NOT arg_TEST_PCH)
    set(arg_TEST_PCH leat_test_pch)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|/app/main)\\.cc$")
  list(TRANSFORM arg_LEAT PREPEND leat_)
  list(TRANSFORM arg_ALONE PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/${name}/)
  set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

  if(sources)
    add_library(leat_${name} STATIC ${sources})
    target_link_libraries(leat_${name} PUBLIC leat_all ${arg_LEAT} ${arg_LIBS})
    leat_pch(leat_${name} ${arg_PCH})
    leat_unity(leat_${name})
    if(arg_COLD)
      target_compile_options(leat_${name} PRIVATE ${LEAT_COLD_FLAGS})
    endif()
  else()
    add_library(leat_${name} INTERFACE)
    target_link_libraries(leat_${name} INTERFACE leat_all ${arg_LEAT} ${arg_LIBS})
  endif()

  if(tests)
    add_executable(test_${name} ${tests})
    set_target_properties(test_${name} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    # leat_testing is an archive that links nothing itself: a test takes from it what its level allows.
    target_link_libraries(test_${name} PRIVATE
      leat_testing leat_${name} ${arg_TEST_LIBS} GTest::gtest_main GTest::gmock rapidcheck)
    target_compile_options(test_${name} PRIVATE ${LEAT_TEST_FLAGS})
    leat_pch(test_${name} ${arg_TEST_PCH})
    leat_unity(test_${name})
    gtest_discover_tests(test_${name}
      TEST_PREFIX ${name}.
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 120)
    add_dependencies(tests test_${name})
  endif()
endfunction()

# leat_pch(TARGET PCH): shares the precompiled header of PCH.
function(leat_pch target pch)
  if(LEAT_PCH)
    target_precompile_headers(${target} REUSE_FROM ${pch})
  endif()
endfunction()

# leat_unity(TARGET): its files are compiled some at a time, as one. What stands in an anonymous namespace needs a name
# that is the folder's only one, or an inner namespace.
function(leat_unity target)
  if(LEAT_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${LEAT_UNITY})
    # A header's class with a member from an anonymous namespace: true of no unit, since these are source files.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# leat_make_pch(NAME HEADER [TESTS | COLD] LIBS target...)
# TESTS: as tests are compiled. COLD: as cold folders are.
function(leat_make_pch name header)
  cmake_parse_arguments(PARSE_ARGV 2 arg "TESTS;COLD" "" "LIBS")
  if(LEAT_PCH)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc.new "// empty\n")
    file(COPY_FILE ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc.new
         ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc ONLY_IF_DIFFERENT)
    add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
    target_link_libraries(${name} PRIVATE ${arg_LIBS})
    if(arg_TESTS)
      target_compile_options(${name} PRIVATE ${LEAT_TEST_FLAGS})
    elseif(arg_COLD)
      target_compile_options(${name} PRIVATE ${LEAT_COLD_FLAGS})
    endif()
    target_precompile_headers(${name} PRIVATE ${header})
  endif()
endfunction()
