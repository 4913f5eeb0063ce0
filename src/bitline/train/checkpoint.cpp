#include "bitline/train/checkpoint.h"

#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/io/json.h"
#include "bitline/io/safetensors.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

constexpr const char* kKey = "bitline.checkpoint";
constexpr const char* kDigestKey = "bitline.checkpoint.digest";

using Values = std::map<std::string, at::Tensor>;

void put(io::TensorFile& file, const std::string& prefix, const Values& values) {
  for (const auto& [name, tensor] : values) {
    file.tensors[prefix + name] = io::store_floats(tensor.sizes().vec(), to_floats(tensor));
  }
}

Values take(const io::TensorFile& file, const std::string& prefix) {
  Values out;
  for (const auto& [name, tensor] : file.tensors) {
    if (!name.starts_with(prefix)) continue;
    out[name.substr(prefix.size())] = to_torch(io::as_floats(tensor, name)).view(tensor.shape);
  }
  return out;
}

// Of the header and all tensors: a flipped bit must not become a slightly different network.
std::string digest(const io::TensorFile& file) {
  std::uint64_t h = hash_bytes(file.metadata.at(kKey));
  for (const auto& [name, tensor] : file.tensors) {
    h = hash_combine(hash_combine(h, hash_bytes(name)), hash_bytes(tensor.bytes));
  }
  return hash_text(h);
}

io::Json to_json(const EpochReport& e) {
  return io::JsonObject{{"epoch", e.epoch},
                        {"loss", e.loss},
                        {"train_accuracy", e.train_accuracy},
                        {"test_accuracy", e.test_accuracy},
                        {"seconds", e.seconds},
                        {"steps_done", e.steps_done}};
}

EpochReport epoch_from(const io::Json& j) {
  return {static_cast<int>(j.at("epoch").as_int()),
          j.at("loss").as_number(),
          j.at("train_accuracy").as_number(),
          j.at("test_accuracy").as_number(),
          j.at("seconds").as_number(),
          j.at("steps_done").as_int()};
}

io::Json to_json(const LossTrend& trend) {
  io::JsonArray latest;
  for (const double loss : trend.latest) latest.push_back(loss);
  return io::JsonObject{{"steps", trend.steps},
                        {"start", trend.start},
                        {"latest", std::move(latest)},
                        {"ran_away_at", trend.ran_away_at}};
}

LossTrend trend_from(const io::Json& j) {
  LossTrend out{j.at("steps").as_int(), j.at("start").as_number(), {}, j.at("ran_away_at").as_int()};
  for (const io::Json& loss : j.at("latest").as_array()) out.latest.push_back(loss.as_number());
  return out;
}

}  // namespace

void save_checkpoint(io::FileSystem& fs, const std::string& path, const RunState& state) {
  io::TensorFile file;
  put(file, "value/", state.values);
  put(file, "velocity/", state.velocities);
  put(file, "best/", state.best);
  io::JsonArray epochs;
  for (const EpochReport& e : state.epochs) epochs.push_back(to_json(e));
  const io::Json header =
      io::JsonObject{{"fingerprint", state.fingerprint},     {"steps_done", state.steps_done},
                     {"epoch_loss", state.epoch_loss},       {"epoch_correct", state.epoch_correct},
                     {"epoch_seconds", state.epoch_seconds}, {"best_accuracy", state.best_accuracy},
                     {"epochs", std::move(epochs)},          {"loss", to_json(state.loss)}};
  file.metadata[kKey] = header.dump(-1);
  file.metadata[kDigestKey] = digest(file);
  io::write_safetensors(fs, path, file);
}

std::optional<RunState> load_checkpoint(io::FileSystem& fs, const std::string& path,
                                        const std::string& fingerprint) {
  if (!fs.exists(path)) return std::nullopt;
  const io::TensorFile file = io::read_safetensors(fs, path);
  const auto header = file.metadata.find(kKey);
  if (header == file.metadata.end()) bad_input("not a checkpoint of a training run", Where{path, 0, 0, {}});
  const auto expected = file.metadata.find(kDigestKey);
  if (expected == file.metadata.end() || expected->second != digest(file))
    bad_input("the checkpoint is damaged", Where{path, 0, 0, {}}, "remove it to start the run again");
  const io::Json json = io::parse_json(header->second, path);
  RunState state;
  state.fingerprint = json.at("fingerprint").as_text();
  if (state.fingerprint != fingerprint) {
    bad_input("the checkpoint belongs to a run with other options, data or start", Where{path, 0, 0, {}},
              "remove it, or name another checkpoint");
  }
  state.steps_done = json.at("steps_done").as_int();
  state.epoch_loss = json.at("epoch_loss").as_number();
  state.epoch_correct = json.at("epoch_correct").as_int();
  state.epoch_seconds = json.at("epoch_seconds").as_number();
  state.best_accuracy = json.at("best_accuracy").as_number();
  for (const io::Json& e : json.at("epochs").as_array()) state.epochs.push_back(epoch_from(e));
  state.loss = trend_from(json.at("loss"));
  state.values = take(file, "value/");
  state.velocities = take(file, "velocity/");
  state.best = take(file, "best/");
  return state;
}

}  // namespace bitline::train
