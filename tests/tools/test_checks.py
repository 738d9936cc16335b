#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each check in tools/ accepts a small good tree and refuses the same tree with one fault in it."""

import os
import subprocess
import tempfile
import unittest

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools")
HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n"
GOOD = {
    "src/base/a.h": HEAD + "int mv_a(void);\n",
    "src/ring/r.c": HEAD + '#include "base/a.h"\n'
                    "static const unsigned con = 5460; /* check: 5460 == floor(2^26 / 12289) */\n"
                    "/* the trick of [Har14, section 3] */\n",
    "src/image/i.c": HEAD + '#include "base/a.h"\n#include "medveil/image.h"\n',
    "include/medveil/image.h": HEAD + "int mv_image(void);\n",
    "docs/sources.md": "- **[Har14]** Harvey.\n",
    "docs/page.md": "# Page\n\nSee [sources](sources.md), [above](#page) and `src/ring/r.c: con`.\n",
}


def run_tool(name, files, *arguments):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as f:
                f.write(text)
        with open(os.path.join(root, ".clang-format"), "w") as f:
            f.write("BasedOnStyle: LLVM\nColumnLimit: 100\nSortIncludes: Never\n")
        return subprocess.run([os.path.join(TOOLS, name), *arguments], text=True, capture_output=True,
                              env={**os.environ, "MV_CHECK_ROOT": root,
                                   "PYTHONDONTWRITEBYTECODE": "1"})


class Checks(unittest.TestCase):
    def accepts(self, tool, changes=None):
        run = run_tool(tool, {**GOOD, **(changes or {})})
        self.assertEqual(run.returncode, 0, f"{tool} refused a good tree: {run.stderr}")

    def refuses(self, tool, path, text, word):
        run = run_tool(tool, {**GOOD, path: text})
        self.assertNotEqual(run.returncode, 0, f"{tool} accepted {path}: {text}")
        self.assertIn(word, run.stderr)

    def test_every_check_accepts_the_good_tree(self):
        for tool in ("check_format", "check_layers", "check_spdx", "check_sources", "check_magic",
                     "check_links", "check_headers"):
            with self.subTest(tool):
                self.accepts(tool)

    def test_a_badly_formatted_file_is_refused(self):
        self.refuses("check_format", "src/base/b.c", HEAD + "int  x ;\n", "b.c")

    def test_a_layer_may_not_use_one_above_it(self):
        self.refuses("check_layers", "src/base/b.c", HEAD + '#include "ring/r.h"\n', "not below")

    def test_same_level_neighbours_are_strangers(self):
        self.refuses("check_layers", "src/tensor/b.c", HEAD + '#include "ring/r.h"\n', "not below")

    def test_a_public_header_counts_as_its_layer(self):
        self.refuses("check_layers", "src/base/b.c", HEAD + '#include "medveil/codec.h"\n', "codec")
        self.refuses("check_layers", "src/base/b.c", HEAD + "#include <medveil/codec.h>\n", "codec")

    def test_a_public_header_may_not_include_a_private_one(self):
        self.refuses("check_layers", "include/medveil/bfv.h", HEAD + '#include "base/a.h"\n',
                     "not public")

    def test_an_internal_header_is_for_its_own_folder(self):
        self.refuses("check_layers", "src/he/b.c", HEAD + '#include "ring/r_internal.h"\n', "own folder")

    def test_an_unknown_folder_is_no_layer(self):
        self.refuses("check_layers", "src/misc/b.c", HEAD + '#include "base/a.h"\n', "no known layer")

    def test_a_file_without_its_licence_line_is_refused(self):
        self.refuses("check_spdx", "src/base/b.c", "int x;\n", "b.c")

    def test_an_unknown_source_key_is_refused(self):
        self.refuses("check_sources", "src/base/b.c", HEAD + "/* as in [Nob99] */\n", "Nob99")
        self.refuses("check_sources", "docs/b.md", "See [RFC9999].\n", "RFC9999")

    def test_an_index_in_code_is_no_source_key(self):
        self.accepts("check_sources", {"src/base/b.c": HEAD + "int x = table[N2048];\n"})

    def test_a_false_constant_is_refused(self):
        for bad in ("static const int c = 5461; /* check: 5461 == floor(2^26 / 12289) */",
                    "static const int c = 5461; /* check: 5460 == floor(2^26 / 12289) */",
                    "/* check: 7 == no_such_name */",
                    "#define Q 12289 /* check: Q < 2^13 */",
                    "static const int p = 15; /* check: is_prime(15) */"):
            with self.subTest(bad):
                self.refuses("check_magic", "src/base/b.c", HEAD + bad + "\n", "b.c:2")

    def test_a_true_constant_is_accepted(self):
        for good in ("#define Q 12289u /* check: is_prime(12289) */",
                     "/* check: 2^13 < Q < 2^14 */\n#define Q 12289",
                     "static const int c = 0x10; /* check: 0x10 == 2^4 */",
                     "/* check: 3 == invmod(5, 14) */", "/* check: 0.5 == 1 / 2 */"):
            with self.subTest(good):
                self.accepts("check_magic", {"src/base/b.c": HEAD + good + "\n"})

    def test_a_broken_link_is_refused(self):
        for text in ("[x](nowhere.md)\n", "[x](page.md#nothing)\n", "`src/base/none.c`\n",
                     "`src/base/a.h: mv_b`\n", '<img src="none.svg">\n'):
            with self.subTest(text):
                self.refuses("check_links", "docs/b.md", text, "docs/b.md:1")

    def test_a_header_that_needs_another_is_refused(self):
        self.refuses("check_headers", "include/medveil/b.h", HEAD + "uint8_t mv_b(void);\n", "b.h")

    def test_a_header_that_is_not_cplusplus_is_refused(self):
        self.refuses("check_headers", "include/medveil/b.h", HEAD + "int mv_b(int class);\n", "as c++")


class Abi(unittest.TestCase):
    HEADER = ("#define MV_API __attribute__((visibility(\"default\")))\n"
              "struct mv_pair { int a; int b; };\nMV_API int mv_one(const struct mv_pair *pair);\n")
    BODY = "int mv_one(const struct mv_pair *pair) { return pair->b; }\n"

    def check(self, header, body):
        """check_abi of a library against the snapshot of HEADER's."""
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "include"))
            os.makedirs(os.path.join(root, "tests", "snapshot"))
            run = None
            for text, code, option in ((self.HEADER, self.BODY, ["--update"]), (header, body, [])):
                with open(os.path.join(root, "include", "one.h"), "w") as f:
                    f.write(text)
                subprocess.run(["gcc", "-shared", "-fPIC", "-g", "-I", os.path.join(root, "include"),
                                "-x", "c", "-", "-o", os.path.join(root, "libmedveil.so")],
                               input='#include "one.h"\n' + code, text=True, check=True)
                run = subprocess.run([os.path.join(TOOLS, "check_abi"), *option, root], text=True,
                                     capture_output=True, env={**os.environ, "MV_CHECK_ROOT": root})
            return run

    def test_what_an_earlier_program_would_notice_is_refused(self):
        for header, body in ((self.HEADER.replace("int a; int b", "int a; int more; int b"), self.BODY),
                             (self.HEADER.replace("*pair)", "*pair, int more)"),
                              self.BODY.replace("*pair)", "*pair, int more)")),
                             (self.HEADER.replace("mv_one", "mv_two"),
                              self.BODY.replace("mv_one", "mv_two"))):
            with self.subTest(header):
                run = self.check(header, body)
                self.assertEqual(run.returncode, 1, run.stderr)
                self.assertIn("the ABI changed", run.stderr)

    def test_the_same_and_what_is_only_new_are_accepted(self):
        more = ("MV_API int mv_more(void);\n", "int mv_more(void) { return 1; }\n")
        for header, body in ((self.HEADER, self.BODY), (self.HEADER + more[0], self.BODY + more[1])):
            with self.subTest(header):
                run = self.check(header, body)
                self.assertEqual(run.returncode, 0, run.stderr + run.stdout)


class Symbols(unittest.TestCase):
    HEADER = "#define MV_API __attribute__((visibility(\"default\")))\nMV_API int mv_one(void);\n"

    def check(self, library, program="int main(void) { return 0; }\n", snapshot="mv_one\n"):
        with tempfile.TemporaryDirectory() as build:
            for name, text, flags in (("libmedveil.so", library, ["-shared", "-fPIC"]),
                                      ("medveil", program, [])):
                subprocess.run(["cc", "-fvisibility=hidden", *flags, "-x", "c", "-", "-o",
                                os.path.join(build, name)], input=text, text=True, check=True)
            return run_tool("check_symbols", {"include/medveil/one.h": self.HEADER,
                                              "tests/snapshot/symbols.txt": snapshot}, build)

    def test_a_library_that_exports_what_is_declared_is_accepted(self):
        run = self.check(self.HEADER + "int mv_one(void) { return 1; }\n")
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_a_missing_an_extra_and_an_unlisted_symbol_are_refused(self):
        one = self.HEADER + "int mv_one(void) { return 1; }\n"
        self.assertIn("not exported", self.check("int mv_two;\n").stderr)
        self.assertIn("no public header",
                      self.check(one + "MV_API int mv_two(void) { return 2; }\n").stderr)
        self.assertIn("not listed", self.check(one, snapshot="").stderr)

    def test_a_test_only_symbol_in_a_product_is_refused(self):
        run = self.check(self.HEADER + "int mv_one(void) { return 1; }\n",
                         "int mv_noop_scheme(void) { return 0; } int main(void) { return 0; }\n")
        self.assertIn("only tests may have", run.stderr)


class Packages(unittest.TestCase):
    """install_packages against a package database and an apt-get of this test's own."""

    LIST = "build  alpha  # one\nbuild  beta   # two\nlong   gamma  # three\n"

    def install(self, installed, *groups, apt="exit 0", uid=0):
        with tempfile.TemporaryDirectory() as folder:
            programs = {"apt-get": f'echo "$@" >> {folder}/log; {apt}', "id": f"echo {uid}"}
            for name, body in programs.items():
                path = os.path.join(folder, name)
                with open(path, "w") as f:
                    f.write(f"#!/bin/sh\n{body}\n")
                os.chmod(path, 0o755)
            os.makedirs(os.path.join(folder, "dpkg", "info"))
            with open(os.path.join(folder, "dpkg", "status"), "w") as f:
                for name in installed:
                    f.write(f"Package: {name}\nStatus: install ok installed\nVersion: 1\n"
                            f"Architecture: all\nMaintainer: x <x@example.org>\nDescription: x\n\n")
            listed = os.path.join(folder, "packages.txt")
            with open(listed, "w") as f:
                f.write(self.LIST)
            run = subprocess.run([os.path.join(TOOLS, "install_packages"), *groups], text=True,
                                 capture_output=True, stdin=subprocess.DEVNULL,
                                 env={"PATH": f"{folder}:{os.environ['PATH']}", "MV_PACKAGES": listed,
                                      "MV_DPKG_STATUS": os.path.join(folder, "dpkg")})
            open(os.path.join(folder, "log"), "a").close()
            with open(os.path.join(folder, "log")) as f:
                return run, f.read()

    def test_nothing_runs_when_all_is_there(self):
        run, log = self.install(["alpha", "beta"], "build")
        self.assertEqual((run.returncode, log, run.stderr), (0, "", ""))

    def test_only_what_is_missing_is_installed(self):
        run, log = self.install(["alpha"], "build", "long")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("install --yes --no-install-recommends beta gamma\n", log)
        self.assertNotIn("alpha", log)

    def test_without_root_and_without_a_terminal_the_command_is_shown(self):
        run, log = self.install([], "build", uid=1000)
        self.assertEqual((run.returncode, log), (1, ""))
        self.assertIn("apt-get install --yes --no-install-recommends alpha beta", run.stderr)

    def test_a_failing_apt_is_a_failure(self):
        run, log = self.install([], "build", apt="exit 100")
        self.assertEqual(run.returncode, 1)
        self.assertIn("update", log)

    def test_an_unknown_group_is_refused(self):
        self.assertEqual(self.install([], "bild")[0].returncode, 2)


unittest.main()
