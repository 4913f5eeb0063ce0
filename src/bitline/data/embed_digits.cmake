# Writes OUTPUT, a C++ source that holds the bytes of INPUT.
file(READ ${INPUT} digits HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," digits "${digits}")
file(WRITE ${OUTPUT} "#include \"bitline/data/impl/digits_bytes.h\"

namespace bitline::data {

namespace {

constexpr unsigned char kBytes[] = {${digits}};

}  // namespace

std::span<const unsigned char> digits_bytes() {
  return kBytes;
}

}  // namespace bitline::data
")
