"""check_style.py on small trees: sizes, names and unfinished marks are found, ordinary code is not."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import check_style  # noqa: E402


def check(name, text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return check_style.check_tree(folder)


def lengths(text):
    return [length for _, length in check_style.cpp_functions(text)]


class Sizes(unittest.TestCase):
    def test_file_length(self):
        for lines, problems, warnings in ((400, 0, 0), (401, 0, 1), (800, 0, 1), (801, 1, 0)):
            found = check("src/a.cpp", "int a;\n" * lines)
            self.assertEqual((problems, warnings), (len(found[0]), len(found[1])), lines)

    def test_long_text_is_allowed(self):
        self.assertEqual(([], []), check("docs/a.md", "word\n" * 900))

    def test_function_length(self):
        for body, expected in ((78, 0), (79, 1)):
            problems, _ = check("src/a.cpp", "\nint f() {\n" + "  g();\n" * body + "}\n")
            self.assertEqual(expected, len(problems), problems)
            if problems:
                self.assertIn("src/a.cpp:2: a function of 81 lines", problems[0])

    def test_python_function_length(self):
        for body, expected in ((79, 0), (80, 1)):
            problems, _ = check("scripts/a.py", "def f():\n" + "    g()\n" * body)
            self.assertEqual(expected, len(problems), problems)


class FunctionFinder(unittest.TestCase):
    def test_plain_member_and_test_functions(self):
        self.assertEqual([3], lengths("int f(int a) {\n  return a;\n}\n"))
        self.assertEqual([3, 1], lengths("class A {\n public:\n  A() {\n    x();\n  }\n  int b() const { return 1; }\n};\n"))
        self.assertEqual([2], lengths('TEST(Suite, Case) {\n}\n'))

    def test_the_class_of_a_template_is_not_a_scope(self):
        self.assertEqual([3], lengths("template <class T, class U = A<T>>\nvoid f(T t) {\n}\n"))

    def test_member_initializers_with_braces(self):
        self.assertEqual([4], lengths("A::A(int a) : a_{a}, b_{1} {\n  x();\n  y();\n}\n"))

    def test_inner_blocks_and_lambdas_belong_to_their_function(self):
        self.assertEqual([5], lengths("void f() {\n  if (a) {\n    auto g = [](int x) { return x; };\n  }\n}\n"))

    def test_tables_and_enums_are_not_functions(self):
        self.assertEqual([], lengths("enum class A { kA, kB };\nconst int kT[] = {\n1,\n2,\n};\nstruct B { int x = 0; };\n"))

    def test_braces_in_strings_comments_and_macros_do_not_count(self):
        text = 'void f() {\n  // }\n  a("}"); b(\'}\'); c(R"x(}})x"); d(1\'000);\n}\n#define M(x) {\nvoid g() {\n}\n'
        self.assertEqual([4, 2], lengths(text))


class Names(unittest.TestCase):
    def test_empty_file_and_folder_names(self):
        for name in ("src/utils.cpp", "src/string_util.h", "src/common/a.h", "scripts/helper.py", "src/misc.h",
                     "src/file-manager.cpp"):
            self.assertEqual(1, len(check(name, "\n")[0]), name)

    def test_empty_type_names(self):
        for text in ("class PoolManager {};", "struct io_helper {};", "namespace bitline::util {}",
                     "struct Engine_v2 {};"):
            problems = check("src/a.h", "\n" + text + "\n")[0]
            self.assertEqual(1, len(problems), text)
            self.assertIn("src/a.h:2:", problems[0])

    def test_numbered_copies(self):
        self.assertEqual(1, len(check("src/engine_v2.cpp", "\n")[0]))
        self.assertEqual([], check("src/mobilenet_v2.cpp", "\n")[0])

    def test_ordinary_names(self):
        self.assertEqual([], check("src/commonality.h", "struct Utilization { std::common_type_t<int> a; };\n")[0])


class UnfinishedMarks(unittest.TestCase):
    def test_marks_are_found_in_every_kind_of_text(self):
        for mark in ("TO" + "DO", "FIX" + "ME", "XX" + "X", "TB" + "D", "place" + "holder", "Not yet impl" + "emented"):
            for name in ("src/a.cpp", "docs/a.md", "dev", "recipes/a.yaml"):
                problems = check(name, f"\n# {mark}: later\n")[0]
                self.assertEqual(1, len(problems), (mark, name))
                self.assertIn(f"{name}:2: unfinished mark", problems[0])

    def test_other_words_are_not(self):
        self.assertEqual([], check("docs/a.md", "The hackers' todo list of XXXL mastodons.\n")[0])


if __name__ == "__main__":
    unittest.main()
