# bitline_module(NAME SOURCES a.cpp... [DEPENDS bitline::x...] [PRIVATE libs...])
#   A room of the house: shared library bitline_NAME with the alias bitline::NAME. What it DEPENDS on is
#   what its headers may include; PRIVATE third-party libraries stay behind its sources.
function(bitline_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(bitline_${name} SHARED ${ARG_SOURCES})
  add_library(bitline::${name} ALIAS bitline_${name})
  target_link_libraries(bitline_${name} PUBLIC bitline::settings ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE})
endfunction()

# bitline_tests(NAME SOURCES a_test.cpp... DEPENDS bitline::x... [LABELS l...] [TIMEOUT s])
#   One Google Test program; every case becomes a ctest case.
function(bitline_tests name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS fast)
  endif()
  add_executable(${name}_tests ${ARG_SOURCES})
  target_link_libraries(${name}_tests PRIVATE bitline::settings ${ARG_DEPENDS} GTest::gtest_main GTest::gmock)
  target_compile_definitions(${name}_tests PRIVATE BITLINE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    BITLINE_BINARY_DIR="${PROJECT_BINARY_DIR}")
  set_target_properties(${name}_tests PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name}_tests TEST_PREFIX "${name}/" DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
