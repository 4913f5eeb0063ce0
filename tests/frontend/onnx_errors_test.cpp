// Every malformed or unsupported ONNX file is refused with its place and the reason.
#include <limits>

#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/onnx.h"

namespace bitline::frontend {
namespace {

std::string bad(const OnnxBuilder& net) {
  return error_of([&] { net.import(); });
}

std::string refused(const OnnxBuilder& net) {
  return error_of([&] { net.import(); }, ErrorCode::kUnsupported);
}

OnnxBuilder relu_after(const std::function<void(OnnxBuilder&)>& edit) {
  OnnxBuilder net({-1, 2, 6, 6});
  edit(net);
  return net;
}

onnx::TensorProto& initializer(OnnxBuilder& net, const std::string& name) {
  for (auto& tensor : *net.graph().mutable_initializer()) {
    if (tensor.name() == name) return tensor;
  }
  throw std::runtime_error("no initializer " + name);
}

onnx::NodeProto& node_of(OnnxBuilder& net, const std::string& name) {
  for (auto& node : *net.graph().mutable_node()) {
    if (node.name() == name) return node;
  }
  throw std::runtime_error("no node " + name);
}

TEST(OnnxFile, RefusesWhatIsNoModel) {
  EXPECT_EQ(error_of([] { import_onnx(std::span<const std::byte>{}, "m.onnx"); }),
            "m.onnx: the file is empty, expected an ONNX model");
  const std::vector<std::byte> noise(100, std::byte{0x5a});
  EXPECT_EQ(error_of([&] { import_onnx(noise, "m.onnx"); }),
            "m.onnx: this is not a whole ONNX model (the file may be truncated or of another format)");
  OnnxBuilder net({-1, 2});
  net.model.clear_graph();
  EXPECT_EQ(bad(net), "m.onnx: the model holds no graph (the file may be truncated or of another format)");
}

TEST(OnnxFile, RefusesOldAndUnknownOpsets) {
  EXPECT_EQ(refused(OnnxBuilder({-1, 2}, 8)),
            "m.onnx: opset 8, expected 9 or later (export the model again with opset 13)");
  OnnxBuilder net({-1, 2});
  net.model.mutable_opset_import(0)->set_domain("com.example");
  EXPECT_EQ(bad(net), "m.onnx: the model names no version of the standard operators (opset_import)");
}

TEST(OnnxFile, ListsEveryNodeItCannotImport) {
  OnnxBuilder net({-1, 2, 6, 6});
  net.node("Sigmoid", {"x"}, "gate");
  net.node("Sigmoid", {"x"}, "gate2");
  net.node("Relu", {"gate"}, "after");
  net.node("Resize", {"after"}, "big");
  auto& foreign = net.node("Relu", {"x"}, "foreign");
  foreign.set_domain("com.microsoft");
  set_integers(net.node("Transpose", {"x"}, "moved"), "perm", {1, 0, 2, 3});
  net.node("Relu", {"big"}, "y");
  const std::string text = refused(net);
  EXPECT_EQ(text,
            "m.onnx: 5 nodes cannot be imported: Sigmoid (2: 'gate', 'gate2'): the operator is not known; "
            "Resize 'big': the operator is not known; "
            "Relu 'foreign': operators of domain 'com.microsoft' are not known; "
            "Transpose 'moved': it moves the batch (docs/networks.md lists the operators that can be read)");
}

TEST(OnnxFile, RefusesAValueThatNobodyWrites) {
  OnnxBuilder net = small_network();
  node_of(net, "relu").set_input(0, "bnn");
  EXPECT_EQ(bad(net),
            "m.onnx: node 'relu': it reads 'bnn', which is no input, initializer or output of a node "
            "(did you mean 'bn'?)");
}

TEST(OnnxFile, RefusesAMissingInitializer) {
  OnnxBuilder net = small_network();
  initializer(net, "conv.weight").set_name("elsewhere");
  EXPECT_EQ(
      bad(net),
      "m.onnx: node 'conv': it reads 'conv.weight', which is no input, initializer or output of a node");
}

TEST(OnnxFile, RefusesUnsortedNodesAndCycles) {
  OnnxBuilder unsorted = small_network();
  unsorted.graph().mutable_node()->SwapElements(1, 2);
  EXPECT_EQ(
      bad(unsorted),
      "m.onnx: node 'relu': it reads 'bn' before that is written; the nodes are unsorted or form a cycle");
  OnnxBuilder cycle({-1, 2});
  cycle.node("Add", {"x", "b"}, "a");
  cycle.node("Relu", {"a"}, "b");
  EXPECT_EQ(bad(cycle),
            "m.onnx: node 'a': it reads 'b' before that is written; the nodes are unsorted or form a cycle");
}

TEST(OnnxFile, RefusesASecondOriginOfAName) {
  OnnxBuilder net({-1, 2});
  net.node("Relu", {"x"}, "y");
  net.node("Relu", {"x"}, "y");
  EXPECT_EQ(bad(net), "m.onnx: node 'y': value 'y' is written twice; every name must have one origin");
}

TEST(OnnxFile, RefusesAGraphWithoutOneInputAndOneOutput) {
  OnnxBuilder net({-1, 2});
  net.graph().mutable_output()->Clear();
  EXPECT_EQ(bad(net), "m.onnx: the graph has no output");
  OnnxBuilder two({-1, 2});
  two.node("Relu", {"x"}, "y");
  two.graph().add_output()->set_name("x");
  EXPECT_EQ(refused(two), "m.onnx: the graph has 2 outputs, expected one");
  OnnxBuilder inputs({-1, 2});
  *inputs.graph().add_input() = inputs.graph().input(0);
  inputs.graph().mutable_input(1)->set_name("z");
  EXPECT_EQ(refused(inputs), "m.onnx: the graph has 2 inputs ('x', 'z'), expected one");
  OnnxBuilder none({-1, 2});
  none.graph().mutable_input()->Clear();
  EXPECT_EQ(refused(none), "m.onnx: the graph has no input");
  EXPECT_EQ(bad(OnnxBuilder({-1, 2})), "m.onnx: no node writes the graph's output 'y'");
}

TEST(OnnxFile, RefusesInputsOfUnknownExtent) {
  EXPECT_EQ(refused(OnnxBuilder({-1, 2, -1, 6})),
            "m.onnx: dimension 2 of input 'x' is not fixed; only the first (the batch) may vary");
  EXPECT_EQ(refused(OnnxBuilder({-1, 0})), "m.onnx: dimension 1 of input 'x' is 0, expected 1 to 16777216");
  EXPECT_EQ(refused(OnnxBuilder({-1})), "m.onnx: input 'x' has 1 dimensions, expected 2 to 8");
  OnnxBuilder bytes({-1, 2});
  bytes.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::UINT8);
  EXPECT_EQ(refused(bytes), "m.onnx: input 'x' has element type uint8, expected float");
}

TEST(OnnxWeights, InAnotherFileAreNeverOpened) {
  OnnxBuilder net = small_network();
  auto& tensor = initializer(net, "fc.weight");
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  auto& location = *tensor.add_external_data();
  location.set_key("location");
  location.set_value("/etc/passwd");
  EXPECT_EQ(refused(net),
            "m.onnx: the data of tensor 'fc.weight' lie in another file, which is never opened "
            "(save the model with its weights inside)");
}

TEST(OnnxWeights, MustBeFinite) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    OnnxBuilder net = small_network();
    auto& tensor = initializer(net, "conv.weight");
    std::string data = tensor.raw_data();
    data.replace(4 * sizeof(float), sizeof(float), reinterpret_cast<const char*>(&value), sizeof(float));
    tensor.set_raw_data(data);
    EXPECT_EQ(bad(net), std::string("m.onnx: node 'conv': tensor 'conv.weight' holds ") +
                            (value != value ? "NaN" : "infinity") + " at element 4; weights must be finite");
  }
}

TEST(OnnxWeights, MustFillTheirShape) {
  OnnxBuilder net = small_network();
  initializer(net, "fc.bias").mutable_raw_data()->resize(13);
  EXPECT_EQ(bad(net),
            "m.onnx: tensor 'fc.bias' of shape [4] needs 16 bytes but the file holds 13 "
            "(the file may be truncated)");
  initializer(net, "fc.bias").set_dims(0, std::int64_t{1} << 62);
  EXPECT_EQ(bad(net), "m.onnx: a tensor of shape [4611686018427387904] is not possible");
  initializer(net, "fc.bias").set_dims(0, -4);
  EXPECT_EQ(bad(net), "m.onnx: a tensor of shape [-4] is not possible");
}

TEST(OnnxWeights, MustHaveATypeWeKnow) {
  OnnxBuilder net = small_network();
  initializer(net, "fc.bias").set_data_type(onnx::TensorProto::STRING);
  EXPECT_EQ(
      refused(net),
      "m.onnx: tensor 'fc.bias' has element type string (float, float16, bfloat16, double, bool, int4 to "
      "int64, uint4 and uint8 can be read)");
  for (const auto& [type, name] : {std::pair{17, "float8e4m3fn"}, {4, "uint16"}, {99, "99"}}) {
    initializer(net, "fc.bias").set_data_type(type);
    EXPECT_EQ(refused(net).rfind("m.onnx: tensor 'fc.bias' has element type " + std::string(name) + " (", 0),
              0u)
        << refused(net);
  }
  initializer(net, "fc.bias").set_data_type(0);
  EXPECT_EQ(bad(net), "m.onnx: tensor 'fc.bias' has element type undefined");
}

TEST(OnnxWeights, MustFitTheLayer) {
  OnnxBuilder channels = small_network();
  initializer(channels, "conv.weight").set_dims(0, 6);
  initializer(channels, "conv.weight").set_dims(1, 1);
  EXPECT_EQ(bad(channels).rfind("m.onnx: node 'conv': ", 0), 0u) << bad(channels);
  OnnxBuilder rank = small_network();
  initializer(rank, "conv.weight").add_dims(1);
  EXPECT_EQ(bad(rank),
            "m.onnx: node 'conv': its weight has shape [3, 2, 3, 3, 1], expected [O, C/groups, kh, kw]");
  OnnxBuilder norm = small_network();
  initializer(norm, "mean").set_dims(0, 1);
  initializer(norm, "mean").mutable_raw_data()->resize(4);
  EXPECT_EQ(bad(norm), "m.onnx: node 'bn': its mean has shape [1], expected [3]");
  OnnxBuilder gemm = small_network();
  node_of(gemm, "y").clear_attribute();
  EXPECT_EQ(bad(gemm).rfind("m.onnx: node 'y': ", 0), 0u) << bad(gemm);
}

TEST(OnnxNodes, RefuseFactorsThatLeaveNoNumber) {
  for (const char* factor : {"alpha", "beta"}) {
    OnnxBuilder net({-1, 2});
    net.weight("w", {2, 2}, std::vector<float>{1e10f, 1.0f, 1.0f, 1.0f});
    net.weight("b", {2}, std::vector<float>{1e10f, 1.0f});
    set_real(net.node("Gemm", {"x", "w", "b"}, "y"), factor, 1e35f);
    EXPECT_NE(bad(net).find("holds infinity at element 0; weights must be finite"), std::string::npos)
        << bad(net);
  }
  OnnxBuilder net({-1, 2});
  net.weight("b", {2}, std::vector<float>{1.0f, 1e-40f});
  net.node("Div", {"x", "b"}, "y");
  EXPECT_EQ(bad(net),
            "m.onnx: node 'y': tensor 'y.reciprocal' holds infinity at element 1; weights must be finite");
}

// Parameters of norms and biases are tracked and trained node by node: two nodes that read one tensor get
// two.
TEST(OnnxNodes, HaveBiasesAndNormsOfTheirOwn) {
  OnnxBuilder net({-1, 2, 4, 4});
  net.weight("w", {2, 2, 1, 1});
  net.weight("ones", {2}, std::vector<float>{1.0f, 1.0f});
  net.node("Conv", {"x", "w", "ones"}, "a");
  net.node("BatchNormalization", {"a", "ones", "ones", "ones", "ones"}, "b");
  net.node("Conv", {"b", "w", "ones"}, "y");
  const ir::Graph graph = net.import();
  std::set<ir::ValueId> seen;
  for (const ir::Node& node : graph.nodes()) {
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      const bool weight = graph.value_name(node.inputs[i]) == "w";
      EXPECT_TRUE(seen.insert(node.inputs[i]).second || weight) << node.name << " " << i;
    }
  }
  EXPECT_EQ(seen.size(), 7u);
}

TEST(OnnxNodes, RefuseNegativeVariance) {
  OnnxBuilder net = small_network();
  const std::vector<float> values{1.0f, -2.0f, 1.0f};
  initializer(net, "variance").set_raw_data(values.data(), 12);
  EXPECT_EQ(bad(net), "m.onnx: node 'bn': variance + epsilon is -1.999990, expected above 0");
}

TEST(OnnxNodes, RefuseAttributesOfWrongTypeOrRange) {
  OnnxBuilder type = small_network();
  auto& conv = node_of(type, "conv");
  set_real(conv, "group", 2.0f);
  EXPECT_EQ(bad(type), "m.onnx: node 'conv': attribute 'group' has type FLOAT, expected INT");
  OnnxBuilder range = small_network();
  set_integers(node_of(range, "conv"), "strides", {0, 1});
  EXPECT_EQ(bad(range), "m.onnx: node 'conv': attribute 'strides' holds 0, expected 1 or more");
  OnnxBuilder pads = small_network();
  set_integers(node_of(pads, "pool"), "pads", {0, 0});
  EXPECT_EQ(bad(pads), "m.onnx: node 'pool': attribute 'pads' must hold 4 numbers");
  OnnxBuilder mode = small_network();
  set_text(node_of(mode, "conv"), "auto_pad", "SAME");
  EXPECT_EQ(bad(mode),
            "m.onnx: node 'conv': auto_pad is 'SAME', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
}

TEST(OnnxNodes, RefuseWhatWouldMixTheBatch) {
  const auto reason = [](const std::function<void(OnnxBuilder&)>& edit) {
    const std::string text = refused(relu_after(edit));
    const std::size_t start = text.find("': ") + 3;
    return text.substr(start, text.find(" (docs/") - start);
  };
  EXPECT_EQ(reason([](OnnxBuilder& net) {
              net.numbers("dims", {-1, 6});
              net.node("Reshape", {"x", "dims"}, "y");
            }),
            "the shape [N, 2, 6, 6] cannot keep its batch in [1, 6]");
  EXPECT_EQ(reason([](OnnxBuilder& net) {
              net.numbers("dims", {1, -1});
              net.node("Reshape", {"x", "dims"}, "y");
            }),
            "it mixes the batch with other dimensions");
  EXPECT_EQ(reason([](OnnxBuilder& net) { set_integer(net.node("Flatten", {"x"}, "y"), "axis", 2); }),
            "it flattens into the batch");
  EXPECT_EQ(reason([](OnnxBuilder& net) {
              set_integer(net.node("Concat", {"x", "x"}, "y"), "axis", 0);
            }),
            "it joins along the batch");
  EXPECT_EQ(reason([](OnnxBuilder& net) { net.node("ReduceMean", {"x"}, "y"); }), "the mean over the batch");
  EXPECT_EQ(reason([](OnnxBuilder& net) { set_integer(net.node("Softmax", {"x"}, "y"), "axis", 0); }),
            "a softmax over the batch");
  EXPECT_EQ(reason([](OnnxBuilder& net) {
              net.numbers("zero", {0});
              net.numbers("one", {1});
              net.node("Slice", {"x", "zero", "one", "zero"}, "y");
            }),
            "it cuts the batch");
}

TEST(OnnxNodes, RefuseOneDimensionalConvolution) {
  OnnxBuilder net({-1, 2, 6});
  net.weight("w", {3, 2, 3});
  net.node("Conv", {"x", "w"}, "y");
  EXPECT_NE(refused(net).find("its input has shape [N, 2, 6], expected [N, C, H, W]"), std::string::npos);
}

TEST(OnnxNodes, RefuseWeightsThatAreComputedFromTheInput) {
  OnnxBuilder net({-1, 2, 6, 6});
  net.node("Conv", {"x", "x"}, "y");
  EXPECT_NE(refused(net).find("Conv 'y': its input 'x' is not constant"), std::string::npos);
}

}  // namespace
}  // namespace bitline::frontend
