"""check_docs.py on small trees: broken links and commands that do not exist are reported with their line."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import check_docs  # noqa: E402


def check(page):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "dev").write_text("do_build() { :; }\ndo_test() { :; }\n")
        (root / "docs").mkdir()
        (root / "docs/other.md").write_text("# Other page\n\n## The `law`, again\n")
        (root / "docs/page.md").write_text(page)
        return check_docs.check_tree(root, lambda name: name in ("run", "train"))


class Links(unittest.TestCase):
    def test_good_links(self):
        self.assertEqual([], check("[a](other.md) [b](../dev) [c](other.md#the-law-again) [d](https://x.org/y)\n"))

    def test_a_missing_file(self):
        self.assertEqual(["docs/page.md:2: link to 'gone.md': no such file"], check("\n[a](gone.md)\n"))

    def test_a_missing_heading(self):
        self.assertEqual(["docs/page.md:1: link to 'other.md#x': no such heading"], check("[a](other.md#x)\n"))
        self.assertEqual(["docs/page.md:1: link to '#x': no such heading"], check("[a](#x)\n"))

    def test_code_is_not_a_link(self):
        self.assertEqual([], check("`v[i](x)`\n```\nf[0](gone.md)\n```\n"))


class Commands(unittest.TestCase):
    def test_good_commands(self):
        self.assertEqual([], check("```sh\n./dev build asan && ./dev help\nbuild/release/bitline run a\n```\n"))

    def test_an_unknown_dev_command(self):
        self.assertEqual(["docs/page.md:2: './dev deploy' is not a command of dev"], check("```\n./dev deploy\n```\n"))

    def test_an_unknown_subcommand(self):
        for line in ("bitline fly", "$ bitline fly", "build/release/bitline fly"):
            self.assertEqual(["docs/page.md:2: 'bitline fly' is not a command of the program"],
                             check(f"```\n{line}\n```\n"))

    def test_a_missing_recipe(self):
        self.assertEqual(["docs/page.md:2: 'recipes/gone.yaml' does not exist"],
                         check("```\nbitline run recipes/gone.yaml\n```\n"))

    def test_prose_is_not_a_command(self):
        self.assertEqual([], check("bitline takes a network; see ./dev deploy\n"))


if __name__ == "__main__":
    unittest.main()
