#include <utility>
#include <vector>

#include "bitline/data/impl/kinds.h"
#include "bitline/data/sampler.h"

namespace bitline::data {

namespace {

class Subset : public Dataset {
 public:
  Subset(std::unique_ptr<Dataset> whole, std::vector<std::int64_t> images)
      : whole_(std::move(whole)), images_(std::move(images)) {}

  std::string name() const override { return whole_->name(); }
  std::int64_t size() const override { return static_cast<std::int64_t>(images_.size()); }
  ImageShape shape() const override { return whole_->shape(); }
  const std::vector<std::string>& class_names() const override { return whole_->class_names(); }

  int label(std::int64_t index) const override {
    check_index(*this, index);
    return whole_->label(images_[static_cast<std::size_t>(index)]);
  }

  void read(std::int64_t index, std::span<float> pixels) const override {
    check_read(*this, index, pixels);
    whole_->read(images_[static_cast<std::size_t>(index)], pixels);
  }

 private:
  std::unique_ptr<Dataset> whole_;
  std::vector<std::int64_t> images_;
};

}  // namespace

std::unique_ptr<Dataset> subset_of(std::unique_ptr<Dataset> whole, std::int64_t limit) {
  std::vector<std::int64_t> images = subset_order(*whole, limit);
  return std::make_unique<Subset>(std::move(whole), std::move(images));
}

}  // namespace bitline::data
