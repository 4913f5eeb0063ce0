// LibTorch comes in only when it is needed: the training library is loaded by the commands that train or
// verify.
#pragma once

#include "bitline/train/trainer.h"

namespace bitline::app {

// Loads libbitline_train.so once. Error{kUnsupported} with the reason when it is not there.
const train::Trainer& trainer();

}  // namespace bitline::app
