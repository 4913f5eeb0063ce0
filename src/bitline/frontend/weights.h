// Weights by name: a PyTorch state_dict (as safetensors) into a graph of the zoo, and out of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bitline/io/safetensors.h"
#include "bitline/ir/graph.h"

namespace bitline::frontend {

// Replaces every constant of the graph by the tensor of the same name and shape. Strict: one Error{kBadInput}
// names all tensors that are missing, left over, of another shape, or not finite; the graph is unchanged
// then. Counters of PyTorch ("num_batches_tracked") are ignored. A prefix that all names of the file share,
// as "module." of a wrapper, is taken off and returned where the rest fits the network; else "" is returned.
// `path` is for the text of errors.
std::string load_state_dict(ir::Graph& graph, const io::TensorFile& file, const std::string& path);

// All constants by name, as F32. Error{kBadInput} when two constants have one name.
io::TensorFile state_dict(const ir::Graph& graph);

// What is wrong with a batch-norm's variances: one that leaves no positive number below the root. Empty when
// none does.
std::string variance_fault(std::span<const float> variances, float epsilon);

// Throws Error{kBadInput} naming the batch-norm that divides by the root of a negative number, or by zero.
// `path` is for its text.
void check_variances(const ir::Graph& graph, const std::string& path);

// Learnable numbers: all constants but the running mean and variance of batch-norms.
std::int64_t parameter_count(const ir::Graph& graph);

}  // namespace bitline::frontend
