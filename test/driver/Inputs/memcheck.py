"""memcheck.py BPC FOLDER CC MODEL.bp SPEC [OPTION...] [CODE.c]: every export of a model under valgrind.

Writes a host that calls each export of the model's header for each row of sizes in the specification (those of the
oracles), with every array in a block of its own and the workspace undefined, so that memcheck sees each access beside
a block and each branch, address or result that depends on memory nobody wrote. Prints the calls and how many gave 0.
CODE.c stands for what is compiled of the model.
"""
import os
import re
import subprocess
import sys

bpc, folder, cc, model, spec_path = sys.argv[1:6]
name = os.path.splitext(os.path.basename(model))[0]
PRELUDE = """
#include "%s.h"
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/memcheck.h>
static int calls, good, wrong;
static unsigned long long state = 1;
static double random_in(double lo, double hi) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return lo + (hi - lo) * (double)(state >> 11) * 0x1p-53;
}
static void check(const void *p, size_t bytes) {
    wrong += p && VALGRIND_CHECK_MEM_IS_DEFINED(p, bytes) != 0;
}
"""
FILL = """static %(t)s *fill_%(t)s(int64_t n, double lo, double hi) {
    %(t)s *p = malloc((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (%(t)s)random_in(lo, hi);
    return p;
}
"""


def split(text):
    """At the commas outside of brackets."""
    parts, depth, last = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "[{(") - (c in "]})")
        if c == "," and depth == 0:
            parts.append(text[last:i].strip())
            last = i + 1
    return parts + [text[last:].strip()] if text.strip() else parts


def leaves(text, path=()):
    """(path, extents or None for what is not written) of each leaf in `p {W[h, d], b {c[n]}}`."""
    record = re.match(r"(\w+) \{(.*)\}$", text)
    if record:
        for part in split(record.group(2)):
            yield from leaves(part, path + (record.group(1),))
        return
    leaf = re.match(r"(\w+)(?:\[(.*)\])?( \(not written\))?$", text)
    yield path + (leaf.group(1),), None if leaf.group(3) else split(leaf.group(2) or "")


def parameters(prototype):
    """(type, is a pointer, name) of each."""
    found = []
    for part in split(" ".join(prototype.split())):
        word = re.match(r"(?:const )?(\w+) (\*?)(\w+)$", part)
        if word:
            found.append((word.group(1), bool(word.group(2)), word.group(3)))
    return found


def count(extents):
    return " * ".join(["(int64_t)1"] + ["(%s)" % e for e in extents])


class Model:
    def __init__(self, header, spec):
        self.structs = {}
        for body, struct in re.findall(r"typedef struct \{\n(.*?)\} (\w+);", header, re.S):
            self.structs[struct] = {m: t for t, m in re.findall(r"^\s*(\w+) \*?(\w+);", body, re.M)}
        self.exports = re.findall(r"/\* [^\n]*\n((?: \*   (?:in|out) [^\n]*\n)*) \*/\nsize_t \w+\(([^)]*)\);\n"
                                  r"int (\w+)\(([^)]*)\);", header)
        lines = [line.split("#")[0].split() for line in spec]
        self.rows = [dict(w.split("=") for w in words[1:]) for words in lines if words and words[0] == "sizes"]
        self.ranges = {words[1]: words[2:4] for words in lines if words and words[0] == "range"}

    def scalar_type(self, struct, path):
        for member in path:
            struct = self.structs[struct][member]
        return struct

    def range_of(self, path, ctype):
        for key in (".".join(path), path[-1], path[0]):
            if key in self.ranges:
                return self.ranges[key]
        return ("0", "1") if ctype in ("int64_t", "int32_t", "bool") else ("-0.9", "0.9")

    def call(self, export, row):
        """A block of C that calls one export."""
        docs, work, function, prototype = export
        parts = re.findall(r" \*   (in|out) +([^\n]*)", docs)
        given = {text.split(" ")[0].split("[")[0] for _, text in parts}
        known = {p[2]: p for p in parameters(prototype)}
        out = ["{"] + ["int64_t %s = %s;" % (s, row.get(s, "3")) for s in known if s not in given | {"work"}]
        out += ["(void)%s;" % s for s in known if s not in given | {"work"}]
        frees, checks = [], []
        for role, text in parts:
            for path, extents in leaves(text):
                ctype, pointer, param = known[path[0]]
                record = ctype in self.structs
                leaf = self.scalar_type(ctype, path[1:])
                lo, hi = self.range_of(path, leaf)
                place = ".".join(path)
                if record and place.count(".") and (param, ctype) not in frees:
                    frees.append((param, ctype))
                    out.insert(1, "%s %s;" % (ctype, param))
                target = place if record else "%s *%s" % (leaf, place) if pointer else "%s %s" % (leaf, place)
                if extents is None:
                    out.append("%s = NULL;" % target)
                elif role == "in" and not pointer:
                    out.append("%s = (%s)random_in(%s, %s);" % (target, leaf, lo, hi))
                elif role == "in":
                    out.append("%s = fill_%s(%s, %s, %s);" % (target, leaf, count(extents), lo, hi))
                else:
                    out.append("%s = malloc((size_t)(%s) * sizeof(%s));" % (target, count(extents), leaf))
                    checks.append("check(%s, (size_t)(%s) * sizeof(%s));" % (place, count(extents), leaf))
                if extents is not None and pointer:
                    frees.append(place)
        sizes = ", ".join(p[2] for p in parameters(work))
        args = ["&" + p[2] if p[0] in self.structs else p[2] for p in parameters(prototype)]
        out.append("void *work = aligned_alloc(64, %s_work(%s));" % (function, sizes))
        out.append("calls++; if (%s(%s) == 0) { good++; %s }" % (function, ", ".join(args), " ".join(checks)))
        out += ["free(%s);" % f for f in frees if isinstance(f, str)] + ["free(work); }"]
        return "\n".join(out)


def main():
    run = lambda *command: subprocess.run(command, check=True)
    obj, host = os.path.join(folder, name + ".o"), os.path.join(folder, name)
    code = [word for word in sys.argv[6:] if word.endswith(".c")]
    run(bpc, model, "-o", obj, *[word for word in sys.argv[6:] if word not in code])
    for path in code:
        run(*cc.split(), "-std=c17", "-O0", "-g", "-c", path, "-o", obj)
    m = Model(open(os.path.join(folder, name + ".h"), encoding="utf-8").read(),
              open(spec_path, encoding="utf-8"))
    text = PRELUDE % name + "".join(FILL % {"t": t} for t in ("double", "float", "int64_t", "bool"))
    bodies = [m.call(export, row) for row in m.rows for export in m.exports]
    text += "".join("static void call_%d(void) %s\n" % (i, body) for i, body in enumerate(bodies))
    text += "int main(void) {\n%s" % "".join("call_%d();\n" % i for i in range(len(bodies)))
    text += "printf(\"%d calls, %d gave 0, %d undefined\\n\", calls, good, wrong);\nreturn wrong != 0; }\n"
    with open(host + "-host.c", "w", encoding="utf-8") as file:
        file.write(text)
    run(*cc.split(), "-std=c17", "-O1", "-Wno-unused-function", "-I", folder, host + "-host.c", obj, "-lm", "-o", host)
    done = subprocess.run(["valgrind", "-q", "--error-exitcode=9", host], capture_output=True, text=True, check=False)
    print("%s: %s%s" % (name, done.stdout, done.stderr), end="")
    sys.exit(done.returncode)


main()
