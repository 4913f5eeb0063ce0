#include "bitline/base/error.h"

#include <utility>

namespace bitline {

namespace {

std::string compose(const std::string& message, const Where& where, const std::string& hint) {
  std::string line = where.text();
  if (!line.empty()) line += ": ";
  line += message;
  if (!hint.empty()) line += " (" + hint + ")";
  return line;
}

}  // namespace

std::string Where::text() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line);
  if (line > 0 && column > 0) out += ":" + std::to_string(column);
  if (!node.empty()) out += (out.empty() ? "" : ": ") + ("node '" + node + "'");
  return out;
}

Error::Error(ErrorCode code, std::string message, Where where, std::string hint)
    : code_(code),
      message_(std::move(message)),
      where_(std::move(where)),
      hint_(std::move(hint)),
      line_(compose(message_, where_, hint_)) {}

void bad_input(const std::string& message, Where where, std::string hint) {
  throw Error(ErrorCode::kBadInput, message, std::move(where), std::move(hint));
}

void unsupported(const std::string& message, Where where, std::string hint) {
  throw Error(ErrorCode::kUnsupported, message, std::move(where), std::move(hint));
}

void internal_failure(const char* condition, const char* file, int line) {
  throw Error(ErrorCode::kInternal, std::string("internal check failed: ") + condition,
              Where{file, line, 0, {}});
}

}  // namespace bitline
