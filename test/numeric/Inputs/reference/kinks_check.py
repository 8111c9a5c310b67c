#!/usr/bin/env python3
"""The table of docs/language.md of derivatives that do not exist, row by row.

  kinks_check.py BPC CC WORK-FOLDER LEVELS TABLE.md

For each row: reverse and forward mode; a scalar, elements in a loop long enough for vector code, whole arrays; compiled, as constants that
fold, and in the interpreter. Where the first derivatives are finite, second ones must be, too.
"""
import math
import os
import re
import sys

from host import Failed, Module, run

ELEMENTS = 9


class Row:
    def __init__(self, number, expression, at, derivatives):
        self.number, self.expression = number, expression
        self.names = re.findall(r"(\w+) =", at)
        self.point = [float(v) for v in re.findall(r"= ([-\w.]+)", at)]
        self.want = [float(d) for d in derivatives.split(",")]
        self.finite = all(map(math.isfinite, self.want))
        # What has no `if` may be written of whole arrays as well.
        self.whole = not re.search(r"\b(if|let)\b", expression)

    def text(self):
        k, scalars = self.number, ", ".join("%s: f64" % n for n in self.names)
        arrays = ", ".join("%s: [n]f64" % n for n in self.names)
        elements = ", ".join("%s[i]" % n for n in self.names)
        out = "fn f%d_(%s) -> f64 { %s }\n" % (k, scalars, self.expression)
        out += "fn loop%d[n](%s) -> f64 = sum(f%d_(%s) for i < n);\n" % (k, arrays, k, elements)
        subjects = ["f%d_" % k, "loop%d" % k]
        if self.whole:
            out += "fn whole%d[n](%s) -> f64 = sum(%s);\n" % (k, arrays, self.expression)
            subjects.append("whole%d" % k)
        for s in subjects:
            out += "export jacrev(%s) as rev_%s;\nexport jacfwd(%s) as fwd_%s;\n" % (s, s, s, s)
            out += "export hessian(%s) as hess_%s;\nexport jacrev(grad(%s)) as twice_%s;\n" % (s, s, s, s)
        return out

    def test_block(self):
        """The same with constants, for the interpreter and what folds."""
        point = ", ".join(repr(v) for v in self.point)
        lines = ["let r = jacrev(f%d_)(%s);" % (self.number, point), "let f = jacfwd(f%d_)(%s);" % (self.number, point)]
        for j, w in enumerate(self.want):
            for m in "rf":
                lines.append("assert %s;" % ("isnan(%s[0, %d])" % (m, j) if math.isnan(w) else "%s[0, %d] == %r" % (m, j, w)))
        return 'test "%s" { %s }\n' % (self.expression, " ".join(lines))

    def checks(self, module):
        """What is wrong, as text."""
        for name in sorted(n for n in module.functions if re.fullmatch(r"(rev|fwd|hess|twice)_(f%d_|loop%d|whole%d)" % ((self.number,) * 3), n)):
            scalar = name.endswith("_")
            if not scalar and not self.finite:
                continue  # inf times the zeros of other elements
            got = module.call(name, [v if scalar else [v] * ELEMENTS for v in self.point])
            if name.startswith(("hess", "twice")):
                if self.finite and not all(map(math.isfinite, got)):
                    yield "%s: %s is not finite: %s" % (self.expression, name, got[:9])
                continue
            want = self.want if scalar else [w for w in self.want for _ in range(ELEMENTS)]
            if not all(same(g, w) for g, w in zip(got, want, strict=True)):
                yield "%s: %s at %s is %s, not %s" % (self.expression, name, self.point, got[:9], self.want)


def same(got, want):
    return math.isnan(got) if math.isnan(want) else got == want or abs(got - want) <= 1e-14 * abs(want)


def table(path):
    with open(path, encoding="utf-8") as handle:
        text = handle.read().split("### Where a derivative does not exist")[1]
    found = re.findall(r"^\| `(.*?)` \| (\w = .*?) \| (.*?) \|", text, re.M)
    return [Row(i, *row) for i, row in enumerate(found)]


def main(bpc, cc, folder, levels, path):
    rows, report = table(path), []
    os.makedirs(folder, exist_ok=True)
    source, tests = os.path.join(folder, "m.bp"), os.path.join(folder, "tests.bp")
    text = "".join(r.text() for r in rows)
    with open(source, "w", encoding="utf-8") as handle:
        handle.write(text)
    with open(tests, "w", encoding="utf-8") as handle:
        handle.write(re.sub(r"(?m)^export.*\n", "", text) + "".join(r.test_block() for r in rows))
    for options in (["--interpret"], ["-O0"], ["-O3"]):
        try:
            run([bpc, "test", tests] + options)
        except Failed as failure:
            report.append(str(failure))
    for level in levels.split(","):
        module = Module(bpc, cc, source, folder, ["-" + level])
        for row in rows:
            report += ["%s, at %s" % (wrong, level) for wrong in row.checks(module)]
    print("\n".join(report))
    print("%d rows, %d failures" % (len(rows), len(report)))
    return bool(report) or len(rows) < 40


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
