#include <array>

#include "bitline/app/command.h"

namespace bitline::app {

std::span<const CommandEntry> commands() {
  static constexpr std::array<CommandEntry, 10> table = {{{"info", make_info},
                                                          {"train", make_train},
                                                          {"quantize", make_quantize},
                                                          {"calibrate", make_calibrate},
                                                          {"simulate", make_simulate},
                                                          {"export", make_export},
                                                          {"run", make_run, false},
                                                          {"hardware", make_hardware, false},
                                                          {"map", make_map},
                                                          {"estimate", make_estimate}}};
  return table;
}

}  // namespace bitline::app
