#!/usr/bin/env python3
"""Programs of examples/models, values and derivatives up to the third, against a second implementation (programs.py).

  programs_check.py BPC CC WORK-FOLDER LEVELS PROGRAM.bp...

Every function and every export, at each level, at two points of unlike sizes: relative to each number (and a thousandth of the largest
beside it) by TOLERANCE of its order; programs of reals as f32 as well. What an order allows is given up only where running error analysis
of the reference (rounded.py) says that rounding alone explains more.
"""
import os
import random
import re
import struct
import sys

import operators as ops
from host import Failed, Module
from operators import along, like, one_or_tuple, whole_gradient
from programs import MODELS
from rounded import Rounded, error_of
from trees import floats, mapped

TOLERANCE = {0: 1e-10, 1: 1e-10, 2: 1e-9, 3: 1e-8}
SINGLE = 1e-5
# Another order of the same operations rounds otherwise, by as much, and library functions are right to a few units of the last place.
ROUTES, UNIT, UNIT_SINGLE = 4.0, 2.0**-53, 2.0**-24
EVERYWHERE = 3  # so many derivatives of each function at every level; at the lowest and the highest all of them
MOST_SQUARE = 12  # floats up to which whole Hessians and Jacobians are made,
MOST_RESULTS = 40  # of so many results
POINTS = 2


# ---- which derivatives ----

def third_reverse(f):
    """vjp(hvp(f)), by third derivatives along two directions: the cotangents of x and of the direction d, for a weight w, are
    the gradients of d'H w."""
    def compute(args, c, extra):
        d, w = extra[:len(c)], extra[len(c)]
        w = list(w) if len(c) > 1 else [w]
        gradient = whole_gradient(f)(None)
        along_d = ops.Fn("", f.names, lambda *a: along(gradient, a, c, d)[1], f.sample)
        hv = along_d.call(*args)
        by_x, by_d = along(along_d, args, c, w)[1], along(gradient, args, c, w)[1]
        return (one_or_tuple(like(args, c, hv)),) + tuple(like(args, c, by_x)) + tuple(like(args, c, by_d))

    def extra(rng, args, c):
        parts = [ops.random_like(rng, ops.zero_ints(args[i])) for i in c]
        return parts + [one_or_tuple([ops.random_like(rng, p) for p in parts])]

    return ops.with_extra(f, "vjp", None, lambda args, c: ["d_" + f.names[i] for i in c] + ["bar"], extra, compute)


def named(text, f):
    f.text = text
    return f


def few(f, rng, most):
    """Parameters for the brackets with at most `most` floats; None: there are none."""
    counts = {n: len(floats(a)) for n, a in zip(f.names, f.sample(random.Random(7))) if floats(a)}
    names = list(counts)
    rng.shuffle(names)
    while names and sum(counts[n] for n in names) > most:
        names.pop()
    return names or None


def of_scalar(f, rng):
    yield 1, ops.value_and_grad(f)
    yield 2, ops.hvp(f)
    yield 3, ops.jvp(ops.hvp(f))
    yield 1, ops.jvp(f)
    yield 1, ops.vjp(f)
    square = few(f, rng, MOST_SQUARE)
    if square:
        yield 2, ops.hessian(f, square)
        yield 2, ops.jacrev(ops.grad(f, square), square)
    yield 3, named("vjp(hvp(%s))" % f.text, third_reverse(f))


def of_vector(f, rng):
    square = few(f, rng, MOST_SQUARE)
    results = len(floats(f.call(*f.sample(random.Random(4)))))
    yield 1, ops.vjp(f)
    yield 2, ops.jvp(ops.vjp(f))
    yield 3, ops.jvp(ops.jvp(ops.vjp(f, square)))
    yield 1, ops.jvp(f)
    yield 2, ops.jvp(ops.jvp(f))
    if square and results <= MOST_RESULTS:
        yield 1, ops.jacfwd(f, square)
        yield 1, ops.jacrev(f, square)
        yield 2, ops.vjp(ops.jvp(f, square), square)
        yield 2, ops.vjp(ops.vjp(f, square), square)
        yield 3, ops.vjp(ops.jvp(ops.jvp(f, square)), square)


class Case:
    def __init__(self, f, name, order):
        self.f, self.name, self.order, self.points = f, name, order, []
        for k in range(POINTS):
            args = [mapped(a, to_single) for a in f.sample(random.Random("%s %d" % (name, k)))]
            self.points.append((args, floats(f.call(*args))))

    def compare(self, module, level, report):
        single = "f32" in level
        for args, want in self.points:
            text = "%s at %s" % (self.f.text, level)
            try:
                got = module.call(self.name, args)
            except Failed as failure:
                report.append("%s: %s" % (text, failure))
                continue
            wrong = self.first_wrong(got, args, want, single)
            if wrong:
                report.append("%s:\n  %s\n  got    %s\n  wanted %s" % (text, wrong, got[:12], want[:12]))

    def first_wrong(self, got, args, want, single):
        if len(got) != len(want):
            return "%d numbers, not %d" % (len(got), len(want))
        relative = SINGLE if single else TOLERANCE[self.order]
        most = max(map(abs, want), default=0.0)
        far = [k for k, (g, w) in enumerate(zip(got, want)) if not abs(g - w) <= relative * (abs(w) + 1e-3 * most)]
        if far:
            excused = rounding_of(self.f, args, single)
            far = [k for k in far if not abs(got[k] - want[k]) <= relative * abs(want[k]) + excused[k]]
        return "number %d: %r, not %r" % (far[0], got[far[0]], want[far[0]]) if far else None


def rounding_of(f, args, single):
    """What rounding can explain of each float of f's result."""
    unit = ROUTES * (UNIT_SINGLE if single else UNIT)
    return [unit * error_of(v) for v in floats(f.call(*[mapped(a, lambda v: Rounded(v, 0.0)) for a in args]))]


def to_single(x):
    """The points are the same in both precisions."""
    return struct.unpack("f", struct.pack("f", x))[0]


# ---- a program ----

def declared(text, model):
    """The functions of a program, and its exports, by name; what the model does not have is an error."""
    functions = set(re.findall(r"\bfn (\w+)", text))
    exports = set(re.findall(r"^export (?:fn )?(?:.* as )?(\w+)[;[(]", text, re.M))
    known = {f.text for f in model.functions} | set(model.closed)
    if functions - known:
        raise Failed("no second implementation of the functions %s" % sorted(functions - known))
    if exports - known - set(model.exports):
        raise Failed("no second implementation of the exports %s" % sorted(exports - known - set(model.exports)))


def cases(model):
    """(whether at every level, text after `export`, case); what the program exports itself has no text."""
    for name, f in model.exports.items():
        yield True, None, Case(f, name, 2 if re.search("hess|hvp|second|precision|curvature", name) else 1)
    for k, f in enumerate(model.functions):
        rng = random.Random(f.text)
        args = f.sample(random.Random(4))
        plan = [(0, f)]
        if any(floats(a) for a in args):
            plan += (of_scalar if isinstance(f.call(*args), float) else of_vector)(f, rng)
        for i, (order, derivative) in enumerate(plan):
            name = "case%d_%d" % (k, i)
            yield i <= EVERYWHERE, "%s as %s" % (derivative.text, name), Case(derivative, name, order)


def check_program(bpc, cc, folder, levels, path, report):
    name = os.path.splitext(os.path.basename(path))[0]
    model = MODELS[name]
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    declared(text, model)
    done = list(cases(model))
    os.makedirs(folder, exist_ok=True)
    source, foreign = os.path.join(folder, name + ".bp"), os.path.join(folder, "foreign.c")
    with open(foreign, "w", encoding="utf-8") as handle:
        handle.write(model.foreign or "typedef int nothing;\n")
    for level in levels.split(",") + (["O3 --real=f32"] if model.real else []):
        some = [(t, case) for every, t, case in done if every or level in (levels[:2], levels[-2:])]
        with open(source, "w", encoding="utf-8") as handle:
            handle.write(text + "\n" + "".join(c + "\n" for c in model.closed.values()))
            handle.write("".join("export %s;\n" % t for t, _ in some if t))
        module = Module(bpc, "%s %s" % (cc, foreign), source, folder, ("-" + level).split())
        for _, case in some:
            case.compare(module, level, report)
    return len(done)


def main(bpc, cc, folder, levels, *paths):
    report, count = [], 0
    for path in paths:
        try:
            count += check_program(bpc, cc, folder, levels, path, report)
        except Failed as failure:
            report.append("%s: %s" % (path, failure))
    print("\n".join(report[:40]))
    print("%d functions, %d failures" % (count, len(report)))
    return bool(report) or count == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
