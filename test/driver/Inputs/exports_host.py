"""A host in C that calls every export of a model's header for each row of sizes in a specification (those of the oracles).

Every array has a block of its own. What becomes of results is the caller's: the functions see_TYPE(p, n) for each type of
TYPES, which come in front of what host_text makes.
"""
import re

TYPES = ("double", "float", "int64_t", "bool")
PRELUDE = """
#include "%s.h"
#include <stdio.h>
#include <stdlib.h>
static _Thread_local int calls, good;
static _Thread_local unsigned long long state = 1;
static double random_in(double lo, double hi) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return lo + (hi - lo) * (double)(state >> 11) * 0x1p-53;
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
                    checks.append("see_%s(%s, %s);" % (leaf, place, count(extents)))
                if extents is not None and pointer:
                    frees.append(place)
        sizes = ", ".join(p[2] for p in parameters(work))
        args = ["&" + p[2] if p[0] in self.structs else p[2] for p in parameters(prototype)]
        out.append("void *work = aligned_alloc(64, %s_work(%s));" % (function, sizes))
        out.append("calls++; if (%s(%s) == 0) { good++; %s }" % (function, ", ".join(args), " ".join(checks)))
        out += ["free(%s);" % f for f in frees if isinstance(f, str)] + ["free(work); }"]
        return "\n".join(out)


def host_text(name, folder, spec_path, see, end, fill=FILL):
    """`see`: C that defines see_TYPE for each of TYPES; `end`: what main does when all calls are done; `fill`: C that defines
    fill_TYPE, which gives the memory of an input."""
    with open("%s/%s.h" % (folder, name), encoding="utf-8") as header, open(spec_path, encoding="utf-8") as spec:
        m = Model(header.read(), spec)
    text = PRELUDE % name + see + "".join(fill % {"t": t} for t in TYPES)
    bodies = [m.call(export, row) for row in m.rows for export in m.exports]
    text += "".join("static void call_%d(void) %s\n" % (i, body) for i, body in enumerate(bodies))
    text += "static void call_all(void) {\n%s}\n" % "".join("call_%d();\n" % i for i in range(len(bodies)))
    return text + "int main(void) {\ncall_all();\n" + end + "\n}\n"
