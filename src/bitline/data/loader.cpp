#include "bitline/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "bitline/base/error.h"

namespace bitline::data {

namespace {

constexpr std::size_t kQueueLimit = 2;

}  // namespace

struct BatchLoader::State {
  const Dataset& set;
  const std::vector<std::int64_t> order;
  const std::size_t batch_size;
  const Normalization normalization;
  const Augmentation augmentation;
  const std::uint64_t seed;
  const std::int64_t epoch;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Batch> ready;
  std::exception_ptr failure;
  bool finished = false;
  bool stopping = false;
  std::thread worker;

  Batch make(std::size_t first) const {
    const auto indices = std::span(order).subspan(first, std::min(batch_size, order.size() - first));
    Batch batch = read_batch(set, indices, {});
    const auto size = static_cast<std::size_t>(batch.shape.count());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const auto image = std::span(batch.pixels).subspan(i * size, size);
      augment(image, batch.shape, augmentation, seed, epoch, indices[i]);
      normalize(image, batch.shape, normalization);
    }
    return batch;
  }

  bool put(Batch batch) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return stopping || ready.size() < kQueueLimit; });
    if (stopping) return false;
    ready.push_back(std::move(batch));
    changed.notify_all();
    return true;
  }

  void work() {
    std::exception_ptr caught;
    try {
      for (std::size_t first = 0; first < order.size(); first += batch_size)
        if (!put(make(first))) return;
    } catch (...) {
      caught = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    failure = caught;
    finished = true;
    changed.notify_all();
  }
};

BatchLoader::BatchLoader(const Dataset& set, std::vector<std::int64_t> order, std::int64_t batch_size,
                         Normalization normalization, Augmentation augmentation, std::uint64_t seed,
                         std::int64_t epoch) {
  if (batch_size <= 0) bad_input("batch size " + std::to_string(batch_size) + ", expected at least 1");
  state_.reset(new State{set,
                         std::move(order),
                         static_cast<std::size_t>(batch_size),
                         std::move(normalization),
                         augmentation,
                         seed,
                         epoch,
                         {},
                         {},
                         {},
                         {},
                         false,
                         false,
                         {}});
  state_->worker = std::thread([state = state_.get()] { state->work(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->worker.join();
}

std::optional<Batch> BatchLoader::next() {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  s.changed.wait(lock, [&s] { return !s.ready.empty() || s.finished; });
  if (!s.ready.empty()) {
    std::optional<Batch> batch = std::move(s.ready.front());
    s.ready.pop_front();
    s.changed.notify_all();
    return batch;
  }
  if (s.failure) std::rethrow_exception(s.failure);
  return std::nullopt;
}

}  // namespace bitline::data
