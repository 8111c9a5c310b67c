#!/usr/bin/env python3
"""Complex steps: the derivative of an analytic function f along d is Im f(x + ihd)/h, exactly but for rounding.

  complex_check.py BPC BPC-OPT WORK-FOLDER models PROGRAM.bp...
  complex_check.py BPC BPC-OPT WORK-FOLDER random COUNT SEED|fresh
  complex_check.py BPC BPC-OPT WORK-FOLDER file PROGRAM.bp

The function is evaluated over complex numbers by a second interpreter (interpreter.py), at a point where it is analytic: where it has pieces,
inside of one. Held against it, to TOLERANCE: its value, and its derivative in forward mode as bpc makes it, before and after the passes of
-O3, in the interpreter of the compiler (which the oracles hold against native code); of its gradient or vjp the same, so second derivatives,
and reverse mode against complex steps of forward mode.
"""
import math
import os
import random
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "reference"), os.path.join(HERE, "..", "..", "..", "generate")]
import programs                                          # noqa: E402
from host import bind, extents                            # noqa: E402
from interpreter import Array, Reader, Stopped, Unsupported, dims_of, evaluate  # noqa: E402
from sample import Sampler                               # noqa: E402
from trees import at, leaves                             # noqa: E402

TOLERANCE = 1e-13
STEP = 2.0**-100
SHAKE, EXCUSE = 2.0**-46, 4.0  # what inputs that move by some last bits explain, as in the oracles
PIPELINES = ("derive", "O3")


class Failed(Exception):
    pass


def run(command, text=None):
    done = subprocess.run(command, capture_output=True, text=True, input=text, timeout=120)
    if done.returncode:
        raise Failed("$ %s\n%s" % (" ".join(command)[:400], done.stderr[:1500]))
    return done.stdout


def literal(array, elem):
    """As bpc-opt reads it."""
    def nested(dims, data):
        if not dims:
            v = data[0]
            return str(v).lower() if elem == "bool" else repr(v.real) if isinstance(v, complex) else str(v)
        n = len(data) // dims[0] if dims[0] else 0
        return "[%s]" % ",".join(nested(dims[1:], data[i * n:(i + 1) * n]) for i in range(dims[0]))

    return nested(array.dims, array.data)


class Module:
    def __init__(self, tools, folder, text, exports):
        self.bpc, self.opt = tools
        os.makedirs(folder, exist_ok=True)
        source, self.path = os.path.join(folder, "m.bp"), os.path.join(folder, "m.bpir")
        with open(source, "w", encoding="utf-8") as handle:
            handle.write(text)
        run([self.bpc, source, "--emit=ir", "-o", self.path] + ["--export=%s as %s" % (t, n) for n, t in exports.items()])
        self.functions, self.names = Reader(run([self.opt, self.path, "--passes=derive"])).functions()

    def function(self, name):
        return self.functions[self.names[name]]

    def compiled(self, name, pipeline, sizes, args):
        """The floats of all results, by the compiler's interpreter."""
        f = self.function(name)
        given = [literal(a, t.rpartition("]")[2]) for a, (_, t) in zip(args, f.params)]
        sized = ["--sizes", ",".join("%s=%d" % s for s in sizes.items())] if sizes else []
        out = run([self.opt, self.path, "--passes=" + pipeline, *sized, "--eval", f.name, *given])
        lines = out.strip().split("\n")
        kept = [line for line, t in zip(lines, f.result_types, strict=True) if "f64" in t]
        return [float(v) for line in kept for v in re.findall(r"[-\w.+]+", line)]


def float_leaves(f):
    return [k for k, (_, t) in enumerate(f.params) if t.endswith("f64")]


def moved(args, which, directions, t):
    out = list(args)
    for k, d in zip(which, directions):
        out[k] = Array(args[k].dims, [v + t * w for v, w in zip(args[k].data, d.data)])
    return out


def flat(results):
    return [v for r in results for v in r.data if isinstance(v, complex)]


def random_like(rng, array):
    return Array(array.dims, [complex(rng.uniform(-1.0, 1.0)) for _ in array.data])


class Check:
    """One function X of a module, whose jvp is there as well: exports NAME and NAME_jvp."""

    def __init__(self, module, name, text, rng):
        self.module, self.name, self.text, self.rng = module, name, text, rng
        self.f, self.tangent = module.function(name), module.function(name + "_jvp")

    def against(self, sizes, args):
        """What is wrong, or None."""
        which = float_leaves(self.f)
        directions = [random_like(self.rng, args[k]) for k in which]
        want = self.stepped(sizes, args, which, directions)
        noise = self.noise(sizes, args, which, directions, want)
        for pipeline in PIPELINES:
            got = self.module.compiled(self.name + "_jvp", pipeline, sizes, list(args) + directions)
            if len(got) != len(want):
                return "%s by %s: %d numbers, not %d" % (self.text, pipeline, len(got), len(want))
            most = max((abs(w) for w in want if w == w), default=0.0)
            for k, (g, w) in enumerate(zip(got, want)):
                allowed = TOLERANCE * (abs(w) + most + 1.0) + EXCUSE * noise[k]
                if not (g == w or abs(g - w) <= allowed or (g != g and w != w)):
                    return "%s by %s: number %d is %r, by a complex step %r (allowed %.1e)" % (self.text, pipeline, k, g, w, allowed)
        return None

    def stepped(self, sizes, args, which, directions):
        """Values, then derivatives."""
        out = flat(evaluate(self.f, sizes, moved(args, which, directions, STEP * 1j)))
        return [v.real for v in out] + [v.imag / STEP for v in out]

    def transposed(self, derived, sizes, args, bars):
        """The same of a gradient or vjp: <bar, J d> = <J' bar, d>, J d by a complex step."""
        which = float_leaves(self.f)
        directions = [random_like(self.rng, args[k]) for k in which]
        want = self.stepped(sizes, args, which, directions)
        tangents = want[len(want) // 2:]
        noise = self.noise(sizes, args, which, directions, want)[len(tangents):]
        weights = [v.real for v in flat(bars)] or [1.0]
        along = [v.real for v in flat(directions)]
        adjoints = [v.real for v in flat(evaluate(derived, sizes, args + bars))][-len(along):] if along else []
        left, right = [[x * y for x, y in zip(*pair, strict=True)] for pair in ((tangents, weights), (adjoints, along))]
        allowed = TOLERANCE * (sum(map(abs, left + right)) + 1.0) + EXCUSE * sum(abs(n * w) for n, w in zip(noise, weights))
        if abs(sum(left) - sum(right)) <= allowed or sum(left) != sum(left):
            return None
        return "%s transposed: %r, by a complex step %r (allowed %.1e)" % (self.text, sum(right), sum(left), allowed)

    def noise(self, sizes, args, which, directions, want):
        """How far the numbers move when the inputs move in their last bits."""
        most = [0.0] * len(want)
        for _ in range(2):
            shaken = [Array(args[k].dims, [v * self.rng.choice((-SHAKE, SHAKE)) for v in args[k].data]) for k in which]
            near = moved(args, which, shaken, 1.0)
            found = self.stepped(sizes, near, which, directions)
            most = [max(m, abs(a - b)) if a == a and b == b else m for m, a, b in zip(most, found, want)]
        return most


# ---- where functions and points come from ----

def unexported(text):
    """The functions alone; this tool exports what it needs."""
    return re.sub(r"(?m)^export fn", "fn", re.sub(r"(?m)^export (?!fn)[^;]*;\n", "", text))


def of_models(paths):
    for path in paths:
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        model = programs.MODELS[os.path.splitext(os.path.basename(path))[0]]
        text += "".join("\n" + t for t in model.closed.values())
        text = unexported(re.sub(r"extern fn bessel_j.*?\n}\n", "", text, flags=re.S))
        for f in model.functions:
            args = f.sample(random.Random(11))
            if "bessel_j" in f.text or not any(isinstance(at(a, p), float) for a in args for leaf in leaves(a) for p in leaf):
                continue
            yield f.text, text, lambda function, f=f: from_trees(f.sample(random.Random(f.text)), function)


def from_trees(args, function):
    """The leaves in the order of the function's parameters, and the sizes."""
    found, sizes, arrays = [(value, leaf) for value in args for leaf in leaves(value)], {}, []
    for (name, t), (value, leaf) in zip(function.params, found, strict=True):
        dims = extents(value, leaf)
        bind(sizes, [d.strip() for d in dims_of(t)], dims)
        arrays.append(Array(dims, [complex(v) if isinstance(v, float) else v for v in (at(value, p) for p in leaf)]))
        if name[1:] in function.sizes:
            sizes[name[1:]] = arrays[-1].data[0]
    return sizes, arrays


def of_random(count, seed):
    for s in range(seed, seed + count):
        program = Sampler(s).program(3)
        text = program.text()
        yield "f", unexported(text), lambda function, s=s, p=program: at_random(function, p.directives, s)


def of_file(path):
    with open(path, encoding="utf-8") as handle:
        text = unexported(handle.read())
    for name in re.findall(r"^fn (\w+)", text, re.M):
        yield name, text, lambda function: at_random(function, [], 1)


def at_random(function, directives, seed):
    rng = random.Random(seed)
    sizes = {n: rng.choice((1, 2, 3)) for n in function.sizes}
    ranges = dict(re.findall(r"range (\w+) 0 (\S+)", "\n".join(directives)))
    arrays = []
    for name, t in function.params:
        dims = [eval(d, {}, dict(sizes)) for d in dims_of(t)]
        count = math.prod(dims)
        if t.endswith("f64"):
            arrays.append(Array(dims, [complex(rng.uniform(-1.2, 1.3)) for _ in range(count)]))
        else:
            below = eval(ranges.get(name[1:], "3"), {}, dict(sizes))
            arrays.append(Array(dims, [rng.randrange(below) for _ in range(count)]))
    return sizes, arrays


def check(tools, folder, name, text, sample, report):
    """How many functions were checked: f, and its gradient or its vjp."""
    first = {"s": name, "s_jvp": "jvp(%s)" % name}
    module = Module(tools, folder, text, first)
    derived = "%s(%s)" % ("grad" if module.function("s").result_types == ["f64"] else "vjp", name)
    module = Module(tools, folder, text, {**first, "d": derived, "d_jvp": "jvp(%s)" % derived})
    rng, f, g = random.Random(name), module.function("s"), module.function("d")
    sizes, args = sample(f)
    bars = []
    for _, t in g.params[len(args):]:
        dims = [eval(d, {}, dict(sizes)) for d in dims_of(t)]
        bars.append(random_like(rng, Array(dims, [0.0] * math.prod(dims))))
    plain = Check(module, "s", name, rng)
    wrong = [plain.against(sizes, args), plain.transposed(g, sizes, args, bars), Check(module, "d", derived, rng).against(sizes, args + bars)]
    report += [w for w in wrong if w]
    return 2


def main(bpc, opt, folder, what, *rest):
    if what == "random":
        seed = int(time.time()) if rest[1] == "fresh" else int(rest[1])
        print("seed %d" % seed)
        subjects = of_random(int(rest[0]), seed)
    else:
        subjects = of_models(rest) if what == "models" else of_file(rest[0])
    report, done, beyond = [], 0, 0
    for name, text, sample in subjects:
        try:
            done += check((bpc, opt), folder, name, text, sample, report)
        except (Unsupported, Stopped, ZeroDivisionError, OverflowError, ValueError) as failure:
            beyond += 1
            if what != "random":
                report.append("%s: %r" % (name, failure))
        except Failed as failure:
            report.append("%s: %s" % (name, failure))
    print("\n".join(report[:20]))
    print("%d functions by complex steps, %d failures, %d not evaluated" % (done, len(report), beyond))
    return bool(report) or done == 0 or beyond > done // 4


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
