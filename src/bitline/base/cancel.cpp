#include "bitline/base/cancel.h"

#include "bitline/base/error.h"

namespace bitline {

void CancelToken::throw_if_requested() const {
  if (requested()) throw Error(ErrorCode::kCancelled, "cancelled");
}

}  // namespace bitline
