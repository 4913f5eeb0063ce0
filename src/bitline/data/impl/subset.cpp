#include <algorithm>
#include <utility>

#include "bitline/data/impl/kinds.h"

namespace bitline::data {

namespace {

class Subset : public Dataset {
 public:
  Subset(std::unique_ptr<Dataset> whole, std::int64_t count) : whole_(std::move(whole)), count_(count) {}

  std::string name() const override { return whole_->name(); }
  std::int64_t size() const override { return count_; }
  ImageShape shape() const override { return whole_->shape(); }
  const std::vector<std::string>& class_names() const override { return whole_->class_names(); }

  int label(std::int64_t index) const override {
    check_index(*this, index);
    return whole_->label(index);
  }

  void read(std::int64_t index, std::span<float> pixels) const override {
    check_read(*this, index, pixels);
    whole_->read(index, pixels);
  }

 private:
  std::unique_ptr<Dataset> whole_;
  std::int64_t count_;
};

}  // namespace

std::unique_ptr<Dataset> first_images(std::unique_ptr<Dataset> whole, std::int64_t limit) {
  const std::int64_t count = std::min(limit, whole->size());
  return std::make_unique<Subset>(std::move(whole), count);
}

}  // namespace bitline::data
