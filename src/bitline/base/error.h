// The one error type of the library: what went wrong, where, what was expected, and a hint.
//
// Library code throws Error and never prints or exits; the command line turns it into one line
//   file:line:column: message (hint)
// and into the exit code of its ErrorCode. BITLINE_CHECK is for internal invariants, never for user input.
#pragma once

#include <exception>
#include <string>

namespace bitline {

enum class ErrorCode {
  kFailure = 1,       // the system failed us: disk full, permission denied
  kUsage = 2,         // wrong command line
  kBadInput = 3,      // a file or value from outside is wrong
  kUnsupported = 4,   // well-formed, but not something we can do
  kVerification = 5,  // two results that must be equal are not
  kInternal = 70,     // a defect of this program
  kCancelled = 130,   // the user asked us to stop
};

// A place in the user's input. Line and column count from 1; 0 means unknown. `node` names a graph node.
struct Where {
  std::string file;
  int line = 0;
  int column = 0;
  std::string node;

  std::string text() const;  // "file:line:column: node 'n'", only the known parts
};

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, Where where = {}, std::string hint = {});

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const Where& where() const { return where_; }
  const std::string& hint() const { return hint_; }
  const char* what() const noexcept override {
    return line_.c_str();
  }  // the one line, place and hint included

 private:
  ErrorCode code_;
  std::string message_;
  Where where_;
  std::string hint_;
  std::string line_;
};

[[noreturn]] void bad_input(const std::string& message, Where where = {}, std::string hint = {});
[[noreturn]] void unsupported(const std::string& message, Where where = {}, std::string hint = {});
[[noreturn]] void internal_failure(const char* condition, const char* file, int line);

}  // namespace bitline

#define BITLINE_CHECK(condition) \
  ((condition) ? void(0) : ::bitline::internal_failure(#condition, __FILE__, __LINE__))
