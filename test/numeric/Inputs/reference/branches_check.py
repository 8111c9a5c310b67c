#!/usr/bin/env python3
"""Branches that are not taken never reach a derivative: expressions at a bad point behind guards of many forms.

  branches_check.py BPC CC WORK-FOLDER LEVELS COUNT SEED

A variant is a form (how the guard is written) around a risky expression (which has no finite derivative at its bad point) and an
expression for the other branch. At the bad point, where the guard is false, the first and second derivatives in both modes must be those of
the other branch alone. At a good point, where it is true, they must be those of the risky expression alone; there it is multiplied by y = 0,
so that adjoints are 0 by chance, which must not stop their derivatives. Compiled at each level, in the interpreter, and printed as bp and
compiled again. COUNT variants are chosen by SEED; 0: all.
"""
import itertools
import math
import os
import random
import sys

from host import Failed, Module, run

# Expressions of x, the bad point, a good one.
RISKY = [
    ("sqrt(x)", 0, 2), ("sqrt(x)", -1, 2), ("log(x)", 0, 2), ("log(x)", -1, 2), ("1.0/x", 0, 2), ("x**0.5", 0, 2), ("x**(-1.5)", 0, 2),
    ("acos(x)", 1, 0.5), ("asin(x)", -1, 0.5), ("atanh(x)", 1, 0.5), ("acosh(x)", 1, 2), ("log1p(x)", -1, 2), ("cbrt(x)", 0, 2),
    ("atan2(x, 2.0*x)", 0, 2), ("x*log(x)", 0, 2), ("x/sqrt(x)", 0, 2), ("sqrt(x*x)", 0, 2), ("exp(x*x)", 800, 2), ("lgamma(x)", 0, 2),
    ("hypot(x, x)/x", 0, 2), ("tan(1.0/x)", 0, 2), ("sqrt(sqrt(x))", 0, 2), ("log(exp(x) - 1.0)", 800, 2), ("x**x", 0, 2),
    ("root_j(x)", 0, 2), ("root_v(x)", 0, 2), ("logsumexp([log(x), log(2.0*x)])", 0, 2), ("abs(log(x))", 0, 0.5), ("clamp(1.0/x, 0.0, 5.0)/x", 0, 2),
]
OTHER = ["0.0", "2.0*x", "x*x + y", "sin(x)*y"]
# What is done to the risky value r before the guard.
AFTER = ["r", "exp(r)", "r*r", "r*x", "1.0/(1.0 + r*r)", "sin(r)", "r/(x + 3.0)"]

# In a form, C is the guard, E the risky value times y, A the other branch; `loop`s add either several times. The two last columns say what
# the value is where the guard is true and where it is false.
FORMS = [
    ("if C { E } else { A }", "E", "A"),
    ("let r = E; if C { r } else { A }", "E", "A"),
    ("let r = E; let s = r*x + r; if C { s } else { A }", "E*x + E", "A"),
    ("select(C, E, A)", "E", "A"),
    ("let r = E; select(C, r, A) + select(y < -5.0, r, 1.0)", "E + 1.0", "A + 1.0"),
    ("let r = E; select(C, r, A) - select(!(C), A, sin(r))", "E - sin(E)", "A - A"),
    ("let r = E; let u = select(C, r, 1.0)*select(C || y < -5.0, r, 1.0); if C { u } else { A }", "E*E", "A"),
    ("pick(C, E, A)", "E", "A"),
    ("let r = E; pick(C, r, A) + pick(y < -5.0, r, x)", "E + x", "A + x"),
    ("apply(|u: f64| { let r = E; if C { r*u } else { A } }, 3.0)", "3.0*E", "A"),
    ("loop s = 0.0 for t < 3 { let r = E; if C { s + r } else { s + A } }", "3.0*E", "3.0*A"),
    ("let r = E; loop s = 1.0 for t < 3 { if C { s*r } else { s + A } }", "E*E*E", "1.0 + 3.0*A"),
    ("let r = E; loop s = A for t < (if C { 2 } else { 0 }) { s + r }", "A + 2.0*E", "A"),
    ("let r = E; A + sum(r*f64(i + 1) for i < (if C { 2 } else { 0 }))", "A + 3.0*E", "A"),
    ("let r = E; @checkpoint(binomial = 2) loop s = 0.0 for t < 3 { if C { s + r } else { s + A } }", "3.0*E", "3.0*A"),
    ("let r = E; @checkpoint(every = 2) loop s = 0.0 for t < 3 { select(C, s + r, s + A) }", "3.0*E", "3.0*A"),
    ("let r = E; loop s = 0.0 while C && s != 3.0 max_iter 3 { s + r } + A", None, "A"),
    ("let v = [E*f64(i + 1) for i < 3]; sum(if C { v[i] } else { A } for i)", "6.0*E", "3.0*A"),
    ("let v = [E*f64(i + 1) for i < 3]; sum(select(C, v[i], A) + select(y < -5.0, v[i], x) for i)", "6.0*E + 3.0*x", "3.0*A + 3.0*x"),
    ("let v = [E, A]; v[if C { 0 } else { 1 }]", "E", "A"),
    ("let v = [E, A, E]; let w = v[1:2]; if C { v[2] } else { w[0] }", "E", "A"),
    ("let p = Pair(u = E, v = A); if C { p.u } else { p.v }", "E", "A"),
    ("let (u, v) = (E, A); if C { u + v } else { v }", "E + A", "A"),
    ("let s = scan s = 0.0 for t < 3 { s + E }; if C { s[2] } else { A }", "3.0*E", "A"),
    ("let r = checkpoint { E }; if C { r } else { A }", "E", "A"),
    ("let v = [E, E]; if C { dot(v, v) } else { A }", "2.0*E*E", "A"),
    ("let v = [E, x]; let w = select(C, v, [A, A]); sum(w) - select(C, x, A)", "E", "A"),
    ("let r = E; if y < 5.0 { if C { r } else { A } } else { select(C, r, A) }", "E", "A"),
    ("let r = E; let q = if C { r } else { 0.0 }; let s = q + r*stop(select(C, 1.0, 0.0)); if C { s } else { A }", "2.0*E", "A"),
    ("let v = zeros(3) with [1] = E; if C { v[1] } else { v[0] + A }", "E", "A"),
    ("let v = concat([E], [A]); if C { v[0] } else { v[1] }", "E", "A"),
    ("let v = scatter(2, i => E for i < 2); select(C, v[1], A)", "E", "A"),
    ("let M = [E*f64(i + j + 1) for i < 2, j < 2]; if C { trace(M) } else { A }", "4.0*E", "A"),
    ("let v = select(C, [E, 2.0*E], [A, A]); sum(v[i]*v[i] for i)", "5.0*E*E", "2.0*A*A"),
    ("let r = E; rule(if C { r } else { A })", "2.0*sin(E)", "2.0*sin(A)"),
    ("let r = E; let v = [select(y > -5.0, r, 1.0), A]; select(C, select(y > -5.0, r, 0.0), 0.0) + v[if C { 0 } else { 1 }]", "E + E", "A"),
    ("let r = E; select(C, select(y > -5.0, r, 0.0), 0.0) + select(C && y > -6.0, select(y > -5.0, r, 1.0), A)", "E + E", "A"),
    ("let r = E; select(C, select(y > -9.0, select(y > -8.0, select(y > -7.0, select(y > -6.0, select(y > -5.0, r*2.0, x)*2.0,"
     " x)*2.0, x)*2.0, x), x), A)", "16.0*E", "A"),
    ("let r = E; let (a, b) = two_j(x, r); a + [b, A][if C { 0 } else { 1 }]", "2.0*x + 3.0*E", "2.0*x + A"),
    ("let v = [A, rule(E), rule(E)]; v[if C { 1 } else { 0 }]", "2.0*sin(E)", "A"),
    ("let r = E; let (a, b) = two_v(x, r); a + [b, A][if C { 0 } else { 1 }]", "2.0*x + 3.0*E", "2.0*x + A"),
]
HELPERS = """
type Pair = { u: f64, v: f64 };
fn pick(c: bool, u: f64, v: f64) -> f64 = if c { u } else { v };
fn apply(f: fn(f64) -> f64, u: f64) -> f64 = f(u);
fn rule(u: f64) -> f64 = 2.0*sin(u);
derivative rule(u: f64) { jvp(du: f64) = 2.0*cos(u)*du; }
fn root_j(u: f64) -> f64 = sqrt(u);
derivative root_j(u: f64) { jvp(du: f64) = 0.5/sqrt(u)*du; }
fn root_v(u: f64) -> f64 = sqrt(u);
derivative root_v(u: f64) { vjp(y: f64, dy: f64) = dy/(2.0*y); }
fn two_j(u: f64, v: f64) -> (f64, f64) = (2.0*u, 3.0*v);
derivative two_j(u: f64, v: f64) { jvp(du: f64, dv: f64) = (2.0*du, 3.0*dv); }
fn two_v(u: f64, v: f64) -> (f64, f64) = (2.0*u, 3.0*v);
derivative two_v(u: f64, v: f64) { vjp(y: (f64, f64), dy: (f64, f64)) = (2.0*dy.0, 3.0*dy.1); }
fn one_j(u: f64, v: f64) -> f64 = 2.0*u;
derivative one_j(u: f64, v: f64) { jvp(du: f64, dv: f64) = 2.0*du + 0.0*dv; }
fn one_v(u: f64, v: f64) -> f64 = 2.0*u;
derivative one_v(u: f64, v: f64) { vjp(y: f64, dy: f64) = (2.0*dy, 0.0*dy); }
"""
# Guards made of what has kinks: the argument stays where the function does not move. At the point the value is that of the constant.
KINKS = [
    ("sqrt(relu(x))", -1), ("log(2.0*relu(x))", -1), ("sqrt(max(x, 0.0))", -1), ("1.0/min(x, 0.0)", 1), ("sqrt(clamp(x, 0.0, 1.0))", -1),
    ("acos(clamp(x, 0.0, 1.0))", 3), ("let r = sqrt(x); relu(r - 1.0)", 0), ("let r = log(x); max(r, -5.0)", 0), ("let r = 1.0/x; min(r, 5.0)", 0),
    ("let r = log(x); clamp(r, -5.0, 5.0)", 0), ("let r = log(x); max([r, -5.0, -6.0])", 0), ("abs(sqrt(x)*0.0)", 4),
    ("sum(sqrt(relu(x - f64(i))) for i < 3)", -1), ("let r = sqrt(x); max(r, 1.0) + min(-r, -2.0)", 0),
    ("0.0*sqrt(x)", 0), ("[0.0, rule(1.0/x)][i64(x)]", 0), ("sqrt(one_j(0.0, x))", 0), ("sqrt(one_v(0.0, x))", 0),
    ("one_j(0.0, sqrt(x))", 0), ("one_v(0.0, sqrt(x))", 0),
    ("let (a, b) = two_j(x, 0.0); sqrt(b)", 1), ("let (a, b) = two_v(x, 0.0); sqrt(b)", 1),
]


class Variant:
    def __init__(self, number, form, risky, other, after, sign):
        self.number = number
        text, true, false = form
        expression, self.bad, self.good = risky
        value = "y*(%s)" % substitute(after, {"r": "(%s)" % expression})
        guard = "x %s %r" % (sign if sign == "!=" else "<" if self.good < self.bad else ">", float(self.bad))
        self.about = "%s with %s" % (text, value)
        parts = {"C": guard, "E": value, "A": "(%s)" % other}
        self.text = substitute(text, parts)
        self.false = substitute(false, parts)
        self.true = substitute(true, parts) if true else None

    def functions(self):
        yield "its%d" % self.number, self.text
        yield "no%d" % self.number, self.false
        if self.true:
            yield "yes%d" % self.number, self.true

    def comparisons(self):
        yield "its%d" % self.number, "no%d" % self.number, (float(self.bad), 0.7)
        if self.true:
            yield "its%d" % self.number, "yes%d" % self.number, (float(self.good), 0.0)
            yield "its%d" % self.number, "yes%d" % self.number, (float(self.good), 0.9)


class Kink:
    def __init__(self, number, text, point):
        self.number, self.about, self.text, self.point = number, text, text, float(point)

    def functions(self):
        yield "its%d" % self.number, self.text
        yield "no%d" % self.number, "0.0*x*y"

    def comparisons(self):
        yield "its%d" % self.number, "no%d" % self.number, (self.point, 0.7)


def substitute(text, parts):
    """Names for what they stand for, all at once."""
    out, word = [], ""
    for c in text + " ":
        if c.isalnum() or c == "_":
            word += c
            continue
        out.append(parts.get(word, word))
        out.append(c)
        word = ""
    return "".join(out)[:-1]


def variants(count, seed):
    chosen = list(itertools.product(FORMS, RISKY))
    draw = random.Random(seed)
    if count:
        chosen = draw.sample(chosen, min(count, len(chosen)))
    out = [Variant(i, form, risky, draw.choice(OTHER), draw.choice(AFTER), draw.choice(["!=", "<"])) for i, (form, risky) in enumerate(chosen)]
    return out + [Kink(len(out) + i, text, at) for i, (text, at) in enumerate(KINKS)]


PROGRAM = 60  # variants in one program


def near(got, want):
    return got == want or abs(got - want) <= 1e-10*(1 + abs(want))


OPERATORS = {"rev": "jacrev(%s)", "fwd": "jacfwd(%s)", "hess": "hessian(%s)", "twice": "jacrev(grad(%s))", "over": "jacfwd(jacfwd(%s))"}


def program(chosen):
    text = HELPERS
    for v in chosen:
        for name, body in v.functions():
            text += "fn %s(x: f64, y: f64) -> f64 { %s }\n" % (name, body)
            kinds = OPERATORS if name.startswith("its") else ("rev", "hess")
            text += "".join("export %s as %s_%s;\n" % (OPERATORS[k] % name, k, name) for k in kinds)
    return text


def checks(chosen, module, where):
    for v in chosen:
        for name, reference, point in v.comparisons():
            for kind in OPERATORS:
                got = module.call("%s_%s" % (kind, name), list(point))
                want = module.call("%s_%s" % ("rev" if kind in ("rev", "fwd") else "hess", reference), list(point))
                if not all(math.isfinite(w) for w in want):
                    yield "%s: the reference is not finite at %s: %s" % (v.about, point, want)
                elif not all(map(near, got, want)):
                    yield "%s, %s of %s at %s: %s, not %s" % (where, OPERATORS[kind] % "f", v.about, point, got, want)


def test_blocks(chosen):
    """For the interpreter."""
    text = ""
    for v in chosen:
        lines = []
        for name, reference, (x, y) in v.comparisons():
            for kind in ("rev", "fwd", "hess", "twice"):
                operator = OPERATORS["rev" if kind in ("rev", "fwd") else "hess"]
                lines.append("let (g, w) = (%s(%r, %r), %s(%r, %r)); assert max(abs(g - w)/(1.0 + abs(w))) <= 1e-10;"
                             % (OPERATORS[kind] % name, x, y, operator % reference, x, y))
        text += 'test "%s" { %s }\n' % (v.about.replace('"', "'"), " ".join(lines))
    return text


def write(path, text):
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text)


def failures(chosen, bpc, cc, folder, levels):
    source, tests, printed = (os.path.join(folder, n) for n in ("m.bp", "tests.bp", "printed.bp"))
    text = program(chosen)
    write(source, text)
    write(tests, "".join(l + "\n" for l in text.split("\n") if not l.startswith("export")) + test_blocks(chosen))
    try:
        run([bpc, "test", tests, "--interpret"])
    except Failed as failure:
        yield str(failure)
    for level in levels.split(","):
        yield from checks(chosen, Module(bpc, cc, source, folder, ["-" + level]), level)
    run([bpc, source, "--emit=bp", "-o", printed])
    yield from checks(chosen, Module(bpc, cc, printed, folder, ["-O1"]), "printed")


def main(bpc, cc, folder, levels, count, seed):
    chosen, report = variants(int(count), int(seed)), []
    for first in range(0, len(chosen), PROGRAM):
        part = os.path.join(folder, str(first))
        os.makedirs(part, exist_ok=True)
        report += failures(chosen[first:first + PROGRAM], bpc, cc, part, levels)
    print("\n".join(report[:200]))
    print("%d variants, %d failures" % (len(chosen), len(report)))
    return bool(report) or len(chosen) < 40


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
