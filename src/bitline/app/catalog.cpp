#include <array>

#include "bitline/app/command.h"

namespace bitline::app {

std::span<const CommandEntry> commands() {
  static constexpr std::array<CommandEntry, 6> table = {{{"info", make_info},
                                                         {"train", make_train},
                                                         {"quantize", make_quantize},
                                                         {"calibrate", make_calibrate},
                                                         {"simulate", make_simulate},
                                                         {"run", make_run}}};
  return table;
}

}  // namespace bitline::app
