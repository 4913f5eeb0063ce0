"""check_layers.py on small trees: a clean one passes, each broken law is reported with its place."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import check_layers  # noqa: E402

HEAD = "// What it is.\n#pragma once\n"


def problems_of(files):
    """Writes {path: text} into a fresh folder and checks it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_layers.check_tree(folder)


class Layers(unittest.TestCase):
    def assert_one(self, files, *parts):
        problems = problems_of(files)
        self.assertEqual(len(problems), 1, problems)
        for part in parts:
            self.assertIn(part, problems[0])

    def test_a_clean_tree_passes(self):
        self.assertEqual([], problems_of({
            "src/bitline/base/error.h": HEAD + "#include <string>\n",
            "src/bitline/quant/spec.h": HEAD + '#include "bitline/base/error.h"\n#include "bitline/ir/graph.h"\n',
            "src/bitline/train/torch.h": HEAD + "#include <ATen/core/Tensor.h>\n",
            "src/bitline/io/yaml.cpp": '#include "bitline/io/yaml.h"\n\n#include <yaml-cpp/yaml.h>\n',
            "src/bitline/sim/engine.cpp": '#include "bitline/sim/impl/amx.h"\n',
            "tests/sim/amx_test.cpp": '#include "bitline/sim/impl/amx.h"\n',
            "src/bitline/app/run.cpp": '#include "bitline/train/train.h"\n',
        }))

    def test_every_pair_outside_the_table_is_refused(self):
        for room, allowed in check_layers.ALLOWED.items():
            for other in check_layers.ALLOWED:
                found = problems_of({f"src/bitline/{room}/a.cpp": f'#include "bitline/{other}/b.h"\n'})
                with self.subTest(room=room, other=other):
                    self.assertEqual(bool(found), other != room and other not in allowed, found)

    def test_a_lower_room_may_not_see_a_higher_one(self):
        self.assert_one({"src/bitline/ir/graph.cpp": '\n#include "bitline/quant/spec.h"\n'},
                        "src/bitline/ir/graph.cpp:2", "'ir' may not include 'quant'")

    def test_sim_and_train_are_apart(self):
        self.assert_one({"src/bitline/sim/a.cpp": '#include "bitline/train/torch.h"\n'}, "'sim' may not")

    def test_a_relative_include_does_not_hide(self):
        self.assert_one({"src/bitline/base/a.cpp": '#include "../io/json.h"\n',
                         "src/bitline/io/json.h": HEAD}, "'base' may not include 'io'")

    def test_an_unknown_room(self):
        self.assert_one({"src/bitline/base/a.cpp": '#include "bitline/tools/a.h"\n'}, "'tools' is not a room")
        self.assert_one({"src/bitline/tools/a.cpp": "int a;\n"}, "'tools' is not in a room")

    def test_impl_is_private(self):
        include = '#include "bitline/sim/impl/amx.h"\n'
        self.assert_one({"src/bitline/app/a.cpp": include}, "private to room 'sim'")
        self.assert_one({"bench/a.cpp": include}, "private to room 'sim'")
        self.assert_one({"tests/train/a.cpp": include}, "private to room 'sim'")

    def test_torch_stays_in_train(self):
        for header in ("torch/torch.h", "ATen/core/Tensor.h", "c10/util/Half.h"):
            self.assert_one({"src/bitline/app/a.cpp": f"#include <{header}>\n"}, "LibTorch")
            self.assert_one({"tests/sim/a.cpp": f"#include <{header}>\n"}, "LibTorch")
            self.assertEqual([], problems_of({"tests/train/a.cpp": f"#include <{header}>\n"}))
            self.assertEqual([], problems_of({"bench/a.cpp": f"#include <{header}>\n"}))

    def test_no_third_party_type_in_a_public_header(self):
        for header in ("yaml-cpp/yaml.h", "nlohmann/json.hpp", "onnx/onnx_pb.h", "dnnl.hpp", "CLI/CLI.hpp",
                       "png.h", "turbojpeg.h", "fmt/format.h"):
            text = HEAD + f"#include <{header}>\n"
            self.assert_one({"src/bitline/io/a.h": text}, "src/bitline/io/a.h:3", "third-party")
            self.assertEqual([], problems_of({"src/bitline/io/impl/a.h": text}))

    def test_header_form(self):
        self.assert_one({"src/bitline/io/a.h": "#pragma once\n// late\n"}, "opens with a comment")
        self.assert_one({"src/bitline/io/a.h": "// What.\n// #pragma once\n"}, "#pragma once is missing")

    def test_header_cycle(self):
        self.assert_one({"src/bitline/ir/a.h": HEAD + '#include "bitline/ir/b.h"\n',
                         "src/bitline/ir/b.h": HEAD + '#include "bitline/ir/a.h"\n'},
                        "cycle bitline/ir/a.h -> bitline/ir/b.h -> bitline/ir/a.h")

    def test_links_follow_the_table_too(self):
        self.assert_one({"src/bitline/ir/CMakeLists.txt": "bitline_module(ir\n  DEPENDS bitline::io)\n"},
                        "src/bitline/ir/CMakeLists.txt:2", "'ir' may not link to 'io'")

    def test_comments_are_not_includes(self):
        self.assertEqual([], problems_of({
            "src/bitline/base/a.cpp": '// #include "bitline/app/a.h"\n/*\n#include <torch/torch.h>\n*/\nint a;\n'}))


if __name__ == "__main__":
    unittest.main()
