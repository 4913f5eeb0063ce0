# Writes OUTPUT, a C++ source that holds the bytes of FILES, a list of paths separated by "|".
string(REPLACE "|" ";" paths "${FILES}")
set(arrays "")
set(entries "")
set(index 0)
foreach(path IN LISTS paths)
  get_filename_component(name ${path} NAME)
  file(READ ${path} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char kFile${index}[] = {${bytes}};\n")
  string(APPEND entries "    {\"${name}\", {kFile${index}, sizeof(kFile${index})}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include <array>

#include \"bitline/hardware/impl/shipped_files.h\"

namespace bitline::hardware {

namespace {

${arrays}
constexpr std::array<ShippedFile, ${index}> kFiles = {{
${entries}}};

}  // namespace

std::span<const ShippedFile> shipped_files() {
  return kFiles;
}

}  // namespace bitline::hardware
")
