#!/usr/bin/env python3
"""Derivative operators of derivative operators, compiled, against their definition (operators.py).

  operators_check.py BPC CC WORK-FOLDER LEVELS pairs|triples [NAME...]

Every ordered pair of operators (or a choice of triples) on every function of subjects.py. Where the outer operator needs one float and the
inner gives something else, a function in between adds up what the inner gives, so derivatives inside functions are differentiated too.
"""
import itertools
import os
import random
import sys

import operators as ops
from duals import sin
from host import Failed, Module, run
from subjects import INSIDE, SCALAR, VECTOR
from trees import floats, is_int, type_text

BY_NAME = {name: getattr(ops, name) for name in
           ("grad", "value_and_grad", "jvp", "vjp", "jacobian", "jacfwd", "jacrev", "hessian", "hvp", "batch")}
TOLERANCE = 1e-10
ONE_FLOAT = {"grad", "value_and_grad", "hessian", "hvp"}


# ---- functions in between ----

def added_up(x, text, weights, depth=0):
    """An expression of bp that adds up sines of all floats of `text`, and the same of a value in Python; None without floats."""
    if is_int(x):
        return None
    if isinstance(x, (dict, tuple)):
        parts = [(k, added_up(x[k], "(%s).%s" % (text, k), weights, depth)) for k in (x if isinstance(x, dict) else range(len(x)))]
        parts = [(k, p) for k, p in parts if p]
        return (" + ".join(p[0] for _, p in parts), lambda v: sum(p[1](v[k]) for k, p in parts)) if parts else None
    if isinstance(x, list):
        index = "i%d" % depth
        inner = added_up(x[0], "%s[%s]" % (text, index), weights, depth + 1)
        return ("sum(%s for %s < %d)" % (inner[0], index, len(x)), lambda v: sum(inner[1](e) for e in v)) if inner else None
    weight = weights.uniform(0.3, 0.9)
    return "sin(%r*%s)" % (weight, text), lambda v: sin(weight * v)


def in_between(f, name):
    """A function of one float, of what f gives; and its text."""
    args = f.sample(random.Random(2))
    text, total = added_up(f.call(*args), "r", random.Random(3))
    names = ["a%d" % i for i in range(len(args))]
    params = ", ".join("%s: %s" % (n, type_text(a)) for n, a in zip(names, args))
    body = "fn %s(%s) -> f64 { let r = %s(%s); %s }\n" % (name, params, f.text, ", ".join(names), text)
    return ops.Fn(name, names, lambda *a: total(f.call(*a)), f.sample), body


def gives_one_float(f):
    return isinstance(f.call(*f.sample(random.Random(4))), float)


# ---- cases ----

class Cases:
    """The text of a module, and the functions that it exports."""

    def __init__(self, text):
        self.text, self.list, self.n_between, self.n_batch = text, [], 0, 0
        self.rng = random.Random(6)

    def some(self, f, most):
        """Parameters for the brackets, with `most` floats or a single parameter; None: all of them."""
        counts = {n: len(floats(a)) for n, a in zip(f.names, f.sample(random.Random(7))) if floats(a)}
        names = list(counts)
        if self.rng.random() < 0.6 and sum(counts.values()) <= most:
            return None
        self.rng.shuffle(names)
        names = names[:self.rng.randint(1, len(names))]
        while len(names) > 1 and sum(counts[n] for n in names) > most:
            names.pop()
        return names

    def apply(self, op, f, most):
        if op == "batch":
            self.n_batch += 1
            return ops.batch(f, "nb%d" % self.n_batch)
        if op in ONE_FLOAT and not gives_one_float(f):
            self.n_between += 1
            f, body = in_between(f, "between%d" % self.n_between)
            self.text += body
        return BY_NAME[op](f, self.some(f, most))

    def add(self, chain, f):
        """chain: operators, the innermost last."""
        if chain[-1] in ONE_FLOAT and not gives_one_float(f):
            return
        for op in reversed(chain):
            f = self.apply(op, f, 99 if len(chain) == 1 else 6 if len(chain) == 2 else 3)
        self.list.append(f)


def triples():
    """All triples of the four primitives, and each operator in each place."""
    base = list(itertools.product(("grad", "jvp", "vjp", "hvp"), repeat=3))
    rng = random.Random(5)
    for name in BY_NAME:
        for place in range(3):
            t = [rng.choice(list(BY_NAME)) for _ in range(3)]
            t[place] = name
            base.append(tuple(t))
    return sorted(set(base))


# ---- comparing ----

def close(got, want, relative):
    most = max([abs(w) for w in want], default=0.0)
    return len(got) == len(want) and all(abs(g - w) <= relative * (abs(w) + 1e-3 * most) for g, w in zip(got, want))


class Case:
    """A function, a point, and what it gives there."""

    def __init__(self, f, name):
        self.f, self.name = f, name
        self.args = f.sample(random.Random(name))
        self.want = floats(f.call(*self.args))

    def compare(self, module, level, report):
        text = "%s at %s" % (self.f.text, level)
        names = [group[0].path[0] for group in module.functions[self.name].ins]
        if not_bars(names) != not_bars(self.f.names):
            report.append("%s: the parameters are called %s, not %s" % (text, names, self.f.names))
        try:
            got = module.call(self.name, self.args)
        except Failed as failure:
            report.append("%s: %s" % (text, failure))
            return
        if not close(got, self.want, TOLERANCE):
            report.append("%s:\n  got    %s\n  wanted %s" % (text, got[:12], self.want[:12]))
        if self.f.text.startswith("hessian") and not symmetric(got):
            report.append("%s: not symmetric" % text)


def not_bars(names):
    """Cotangents that are tuples are several parameters in C."""
    return [n for n in names if "bar" not in n]


def symmetric(h):
    n = round(len(h) ** 0.5)
    most = max(map(abs, h), default=0.0)
    return all(abs(h[i * n + j] - h[j * n + i]) <= 1e-12 * most for i in range(n) for j in range(i))


def chosen_chains(what, k, inside):
    """For the k-th function: all pairs or, inside of expressions, single operators and some pairs; or a share of the triples."""
    pairs = list(itertools.product(BY_NAME, repeat=2))
    if what == "triples":
        return triples()[k % 4::4]
    if inside:
        return [(name,) for name in BY_NAME] + pairs[k % 9::9]
    return [(name,) for name in BY_NAME] + pairs


def check_subject(bpc, cc, folder, levels, cases, report):
    os.makedirs(folder, exist_ok=True)
    source = os.path.join(folder, "m.bp")
    with open(source, "w", encoding="utf-8") as handle:
        handle.write(cases.text + "".join("export %s as case%d;\n" % (f.text, i) for i, f in enumerate(cases.list)))
    done = [Case(f, "case%d" % i) for i, f in enumerate(cases.list)]
    for level in levels.split(","):
        module = Module(bpc, cc, source, folder, ["-" + level])
        run(cc.split() + ["-fsyntax-only", "-x", "c", os.path.join(folder, "m.h")])
        for case in done:
            case.compare(module, level, report)
    return len(done)


def main(bpc, cc, folder, levels, what, *only):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "subjects.bp"), encoding="utf-8") as handle:
        text = handle.read()
    report, count = [], 0
    for k, subject in enumerate(SCALAR + VECTOR + INSIDE):
        if only and subject.text not in only:
            continue
        cases = Cases(text)
        for chain in chosen_chains(what, k, subject in INSIDE):
            cases.add(chain, subject)
        try:
            count += check_subject(bpc, cc, os.path.join(folder, subject.text), levels, cases, report)
        except Failed as failure:
            report.append(str(failure))
    print("\n".join(report[:40]))
    print("%d functions, %d failures" % (count, len(report)))
    return bool(report) or count == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
