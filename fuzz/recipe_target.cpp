#include "fuzz/recipe_target.h"

#include "fuzz/memory_file.h"

#include "bitline/app/recipe.h"
#include "bitline/base/error.h"

namespace bitline::fuzz {

bool try_recipe(std::span<const std::byte> bytes) {
  MemoryFile fs("fuzz.yaml", bytes);
  try {
    const app::Recipe recipe = app::read_recipe(fs, "fuzz.yaml", "", {});
    BITLINE_CHECK(!recipe.steps.empty());
    for (const app::RecipeStep& step : recipe.steps)
      BITLINE_CHECK(!step.command.empty() && step.options.size() == step.option_places.size());
    return true;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput) throw;
    return false;
  }
}

}  // namespace bitline::fuzz
