# Options and the compile settings every bitline target shares, carried by bitline::settings.
option(BITLINE_TESTS "build the tests" ON)
option(BITLINE_BENCH "build the benchmarks" OFF)
option(BITLINE_FUZZ "build the fuzz targets (clang)" OFF)
option(BITLINE_TRAIN "build the LibTorch training library" ON)
option(BITLINE_WERROR "treat warnings as errors" ON)
set(BITLINE_SANITIZE "" CACHE STRING "sanitizers, as given to -fsanitize=")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Loops that gain from -O3 ask for it in their own files.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_BUILD_RPATH "$ORIGIN;$ORIGIN/lib;$ORIGIN/../lib")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# A LibTorch translation unit takes over 1 GB: at most two at a time.
set_property(GLOBAL PROPERTY JOB_POOLS torch=2)

add_library(bitline_settings INTERFACE)
add_library(bitline::settings ALIAS bitline_settings)
target_include_directories(bitline_settings INTERFACE ${PROJECT_SOURCE_DIR}/src)
# Fused multiply-add would make instruction sets differ in the last bit.
target_compile_options(bitline_settings INTERFACE -ffp-contract=off
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  # g++ 12 sees overlaps and overruns in inlined standard containers that are not there.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  $<$<BOOL:${BITLINE_WERROR}>:-Werror>)
if(BITLINE_SANITIZE)
  target_compile_options(bitline_settings INTERFACE -fsanitize=${BITLINE_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(bitline_settings INTERFACE -fsanitize=${BITLINE_SANITIZE})
endif()
