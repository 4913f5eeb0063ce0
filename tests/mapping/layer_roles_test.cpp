// First, last and shortcut layers of graphs: several stems, heads and joins, nested and unequal branches.
#include "bitline/mapping/layer_roles.h"

#include <gtest/gtest.h>

namespace bitline::mapping {
namespace {

// A graph of 3x3 and 1x1 convolutions over [N, 4, 8, 8].
struct Net {
  ir::Graph graph;
  ir::ValueId x = graph.add_input("x", {ir::kBatch, 4, 8, 8});

  ir::ValueId conv(const std::string& name, ir::ValueId from, std::int64_t kernel = 3) {
    ir::Window window;
    window.kernel = {kernel, kernel};
    window.pad_begin = window.pad_end = {kernel / 2, kernel / 2};
    const ir::ValueId weight = graph.add_constant(name + ".weight", ir::Tensor({4, 4, kernel, kernel}));
    return graph.add_node(name, ir::Conv{window, 1}, {from, weight});
  }
  ir::ValueId relu(ir::ValueId from) { return graph.add_node(next("relu"), ir::Relu{}, {from}); }
  ir::ValueId add(ir::ValueId a, ir::ValueId b) { return graph.add_node(next("add"), ir::Add{}, {a, b}); }
  ir::ValueId mul(ir::ValueId a, ir::ValueId b) { return graph.add_node(next("mul"), ir::Mul{}, {a, b}); }
  ir::ValueId concat(ir::ValueId a, ir::ValueId b) {
    return graph.add_node(next("concat"), ir::Concat{1}, {a, b});
  }
  ir::ValueId pool(ir::ValueId from) { return graph.add_node(next("pool"), ir::GlobalAveragePool{}, {from}); }
  std::string next(const std::string& stem) { return stem + std::to_string(count++); }
  int count = 0;

  // "first: a b; last: c; shortcut: d", in order of names.
  std::string roles(ir::ValueId output) {
    graph.set_output(output);
    std::string first = "first:", last = "last:", shortcut = "shortcut:";
    for (const auto& [name, role] : layer_roles(graph)) {
      if (role.first) first += " " + name;
      if (role.last) last += " " + name;
      if (role.shortcut) shortcut += " " + name;
    }
    return first + "; " + last + "; " + shortcut;
  }
};

TEST(LayerRoles, AShortcutIsTheShorterBranchWhateverItsKernelAndStride) {
  for (const std::int64_t kernel : {1, 3}) {
    Net n;
    const ir::ValueId fork = n.relu(n.conv("a", n.x));
    const ir::ValueId main = n.conv("c", n.relu(n.conv("b", fork, 1)), 1);
    const ir::ValueId side = n.conv("d", fork, kernel);
    EXPECT_EQ(n.roles(n.conv("e", n.add(main, side))), "first: a; last: e; shortcut: d");
  }
}

TEST(LayerRoles, TheOrderOfNodesAndOperandsDoesNotMatter) {
  Net n;
  const ir::ValueId fork = n.conv("a", n.x);
  const ir::ValueId side = n.conv("d", fork);
  const ir::ValueId main = n.conv("c", n.conv("b", fork));
  const ir::ValueId head = n.conv("z", n.add(side, main));
  EXPECT_EQ(n.roles(head), "first: a; last: z; shortcut: d");
}

TEST(LayerRoles, OfEqualBranchesNoneIsAShortcut) {
  Net n;
  const ir::ValueId fork = n.conv("a", n.x);
  EXPECT_EQ(n.roles(n.conv("d", n.add(n.conv("b", fork), n.conv("c", fork, 1)))),
            "first: a; last: d; shortcut:");
}

TEST(LayerRoles, AnIdentityBranchHoldsNoLayer) {
  Net n;
  const ir::ValueId fork = n.conv("a", n.x);
  EXPECT_EQ(n.roles(n.conv("c", n.add(n.relu(n.conv("b", fork)), fork))), "first: a; last: c; shortcut:");
}

TEST(LayerRoles, GatesAndConcatsAreNoJoins) {
  Net n;
  const ir::ValueId fork = n.conv("a", n.x);
  const ir::ValueId main = n.conv("c", n.conv("b", fork));
  const ir::ValueId gate = n.conv("g", n.pool(fork), 1);  // squeeze and excitation
  const ir::ValueId gated = n.mul(main, gate);
  const ir::ValueId shifted = n.add(gated, n.conv("s", n.pool(gated), 1));  // broadcast: not a residual
  const ir::ValueId dense = n.concat(shifted, n.conv("d", fork));
  EXPECT_EQ(n.roles(dense), "first: a; last: c d g s; shortcut:");
}

TEST(LayerRoles, SeveralStemsAndHeads) {
  Net n;
  const ir::ValueId half = n.graph.add_constant("half", ir::Tensor({1}, {0.5f}));
  const ir::ValueId scaled = n.mul(n.add(n.x, half), half);
  const ir::ValueId body = n.conv("c", n.add(n.conv("a", scaled), n.conv("b", n.relu(n.x))));
  const ir::ValueId two = n.concat(n.conv("d", body), n.conv("e", body));
  const ir::ValueId soft = n.graph.add_node("soft", ir::Softmax{1}, {n.pool(two)});
  EXPECT_EQ(n.roles(soft), "first: a b; last: d e; shortcut:");
}

TEST(LayerRoles, NestedJoins) {
  Net n;
  const ir::ValueId outer = n.conv("a", n.x);
  const ir::ValueId b = n.conv("b", outer);
  const ir::ValueId inner = n.add(n.conv("d", n.conv("c", b)), n.conv("inner", b));
  // The outer shortcut has a residual block of its own.
  const ir::ValueId p = n.conv("p", outer);
  const ir::ValueId side = n.add(p, outer);
  const ir::ValueId sum = n.add(n.conv("f", n.conv("e", inner)), n.conv("q", side));
  EXPECT_EQ(n.roles(n.conv("z", sum)), "first: a; last: z; shortcut: inner p q");
}

TEST(LayerRoles, AChainOfJoinsIsOneJoinOfSeveralBranches) {
  Net n;
  const ir::ValueId fork = n.conv("a", n.x);
  const ir::ValueId side = n.add(n.conv("b", fork), fork);
  EXPECT_EQ(n.roles(n.conv("e", n.add(side, n.conv("d", n.conv("c", fork))))),
            "first: a; last: e; shortcut: b");
}

TEST(LayerRoles, WhatOthersReadToo) {
  Net n;
  const ir::ValueId fork = n.conv("a", n.x);
  const ir::ValueId shared = n.conv("s", fork);  // on both branches
  const ir::ValueId main = n.conv("d", n.conv("c", n.conv("b", n.add(shared, fork))));
  EXPECT_EQ(n.roles(n.conv("z", n.add(main, n.conv("side", shared)))), "first: a; last: z; shortcut: side");
}

TEST(LayerRoles, ALayerMayHaveSeveralRoles) {
  Net n;
  const ir::ValueId main = n.conv("b", n.conv("a", n.x));
  EXPECT_EQ(n.roles(n.pool(n.add(main, n.conv("c", n.x)))), "first: a c; last: b c; shortcut: c");
  EXPECT_EQ(role_text(layer_roles(n.graph).at("c")), "first, last, shortcut");
  EXPECT_EQ(role_text({}), "");
}

// Joins that all reach back to the first layer must not cost a walk each.
TEST(LayerRoles, LongChainsAreFast) {
  constexpr int kBlocks = 20000;
  Net n;
  const ir::ValueId fork = n.relu(n.x);
  ir::ValueId y = fork;
  for (int i = 0; i < kBlocks; ++i) y = n.add(n.relu(y), fork);
  const std::string last = "last";
  EXPECT_EQ(n.roles(n.conv(last, y)), "first: last; last: last; shortcut:");
}

}  // namespace
}  // namespace bitline::mapping
