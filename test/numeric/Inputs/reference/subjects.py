"""Functions of every kind of argument and result, in bp (subjects.bp) and as Python, for operators_check.py."""
import random

from duals import cos, exp, sin, tanh
from operators import Fn, grad, hessian, hvp, jacobian, jvp, value_and_grad
from trees import Record


def vector(rng, *dims):
    if not dims:
        return rng.uniform(0.3, 1.2)
    return [vector(rng, *dims[1:]) for _ in range(dims[0])]


def total(x):
    return sum(total(v) for v in x) if isinstance(x, list) else x


def one(x):
    return sin(x) * x * x + exp(0.5 * x)


def two(x, k, y):
    return sin(x * y) * float(k) + x * x * y + x / y


def matrix(x, A):
    y = [total([a * b for a, b in zip(row, x)]) for row in A]
    return total([tanh(v) * v for v in y]) + total([x[i] * x[i] * row[i] for row in A for i in range(len(x))])


def vector_result(x, c):
    s = total([v * v for v in x])
    return [sin(v) * c + v * s for v in x]


def record(p, x):
    a = total([w * w * v * p["part"]["v"][0] for w, v in zip(p["w"], x)])
    return a * p["s"] + float(p["k"]) * sin(p["part"]["u"] * p["s"]) + exp(p["part"]["v"][1] * x[0])


def record_result(p):
    part = Record("Part", {"u": p["s"] * p["s"] * p["part"]["u"], "v": [sin(v) * p["s"] for v in p["part"]["v"]]})
    return Record(p.type, {"w": [w * p["part"]["u"] * w for w in p["w"]], "k": p["k"] + 1, "part": part, "s": cos(p["s"])})


def parts(c, x):
    return total([x[i] * q["u"] * q["u"] * sin(q["v"][0]) + q["v"][1] * q["v"][0] * x[0] for i, q in enumerate(c)])


def parts_result(c, s):
    return ([Record("Part", {"u": q["u"] * s * q["v"][0], "v": [sin(v * q["u"]) for v in q["v"]]}) for q in c],
            total([q["u"] * q["u"] for q in c]) * s)


def pair(q, y):
    return q[0] * q[0] * sin(q[1][0] * y) + q[1][1] * q[0] * y * y


def pair_result(q, y):
    return (q[0] * y * y, (sin(q[1][0] * q[0]), [v * v * y for v in q[1]]))


def steps(x):
    a, b = x[0], x[1]
    for t in range(3):
        a, b = (a + 0.3 * sin(b) * x[t % 2], b - 0.2 * a * b) if primal_positive(a) else (b, a)
    return a * b


def steps_result(x):
    out, a = [], x[0]
    for _ in range(len(x)):
        a = a * 0.7 + sin(a * x[1])
        out.append(a)
    return out


def primal_positive(a):
    return a > 0.0


def new_part(rng):
    return Record("Part", {"u": vector(rng), "v": vector(rng, 2)})


def new_whole(rng):
    return Record("Whole[2]", {"w": vector(rng, 2), "k": rng.randint(1, 4), "part": new_part(rng), "s": vector(rng)})


def new_pair(rng):
    return (vector(rng), vector(rng, 2))


# ---- operators inside of expressions ----

def descent(x, rate):
    w = list(x)
    for _ in range(3):
        g = grad(MATRIX, ["x"]).call(w, [list(x), w])
        w = [a - rate * b for a, b in zip(w, g)]
    return w


def mapped(x):
    return [grad(ONE).call(v) + hessian(ONE).call(v)[0][0] for v in x]


def part_value(c, y):
    return c["u"] * c["u"] * sin(c["v"][0] * y) + c["v"][1] * c["v"][0] * y


def in_sum(x, c):
    out = 0.0
    for v, q in zip(x, c):
        by_part, by_y = grad(PART_VALUE).call(q, v)
        out = out + by_part["u"] * v + total([w * w for w in by_part["v"]]) + by_y
    return out


def branches(x, y):
    if grad(ONE).call(x) > 2.0:
        return hvp(ONE).call(x, y)
    v, g = value_and_grad(TWO, ["y"]).call(x, 2, y)
    return v * g


def newton(f, x):
    g = grad(Fn("", ["x"], f, lambda r: [0.5]))
    for _ in range(2):
        x = x - f(x) / (2.0 + g.call(x))
    return x


def closure(x, a):
    return newton(lambda u: one(u) * a + u * a * a, x)


def slope_at(f, x):
    y, d = jvp(Fn("", ["x"], f, lambda r: [0.5])).call(x, 1.5)
    return y * d


def nested_closure(x, a):
    return slope_at(lambda u: slope_at(lambda v: v * v * u * a, u) * x, a)


def scanned(x):
    out, s = [], x[0]
    for v in x:
        y, d = jvp(ONE).call(s * 0.5, v)
        s = y * 0.1 + d
        out.append(s)
    return out


def kept(x, y):
    a, b = grad(TWO).call(x, 2, y * x)
    return a * b


def stepped(x):
    a, b = x
    for _ in range(4):
        a, b = a + 0.1 * grad(ONE).call(b), b - 0.1 * grad(ONE).call(a)
    return a * b


def scattered(x):
    return [a * b for a, b in zip(reversed([grad(ONE).call(v) for v in x]), x)]


def many(x):
    return total([one(v) * grad(ONE).call(v) for v in x])


def curved(x, A):
    h = hessian(MATRIX, ["x"]).call(x, A)
    return (total([a * b for p, q in zip(h, A) for a, b in zip(p, q)])
            + jacobian(VECTOR_RESULT, ["x"]).call(x, 0.5)[0][1])


ONE = Fn("one", ["x"], one, lambda r: [vector(r)])
TWO = Fn("two", ["x", "k", "y"], two, lambda r: [vector(r), r.randint(1, 4), vector(r)])
MATRIX = Fn("matrix", ["x", "A"], matrix, lambda r: [vector(r, 2), vector(r, 1, 2)])
PART_VALUE = Fn("part_value", ["c", "y"], part_value, lambda r: [new_part(r), vector(r)])
VECTOR_RESULT = Fn("vector_result", ["x", "c"], vector_result, lambda r: [vector(r, 2), vector(r)])

SCALAR = [
    ONE,
    TWO,
    MATRIX,
    Fn("record", ["p", "x"], record, lambda r: [new_whole(r), vector(r, 2)]),
    Fn("parts", ["c", "x"], parts, lambda r: [[new_part(r), new_part(r)], vector(r, 2)]),
    Fn("pair", ["q", "y"], pair, lambda r: [new_pair(r), vector(r)]),
    Fn("steps", ["x"], steps, lambda r: [vector(r, 2)]),
]
VECTOR = [
    VECTOR_RESULT,
    Fn("record_result", ["p"], record_result, lambda r: [new_whole(r)]),
    Fn("parts_result", ["c", "s"], parts_result, lambda r: [[new_part(r), new_part(r)], vector(r)]),
    Fn("pair_result", ["q", "y"], pair_result, lambda r: [new_pair(r), vector(r)]),
    Fn("steps_result", ["x"], steps_result, lambda r: [vector(r, 2)]),
]
INSIDE = [
    Fn("descent", ["x", "rate"], descent, lambda r: [vector(r, 2), 0.1]),
    Fn("mapped", ["x"], mapped, lambda r: [vector(r, 3)]),
    Fn("in_sum", ["x", "c"], in_sum, lambda r: [vector(r, 2), [new_part(r), new_part(r)]]),
    Fn("branches", ["x", "y"], branches, lambda r: [vector(r), vector(r)]),
    Fn("closure", ["x", "a"], closure, lambda r: [vector(r), vector(r)]),
    Fn("nested_closure", ["x", "a"], nested_closure, lambda r: [vector(r), vector(r)]),
    Fn("scanned", ["x"], scanned, lambda r: [vector(r, 3)]),
    Fn("kept", ["x", "y"], kept, lambda r: [vector(r), vector(r)]),
    Fn("stepped", ["x"], stepped, lambda r: [vector(r, 2)]),
    Fn("scattered", ["x"], scattered, lambda r: [vector(r, 3)]),
    Fn("many", ["x"], many, lambda r: [vector(r, 3)]),
    Fn("curved", ["x", "A"], curved, lambda r: [vector(r, 2), vector(r, 2, 2)]),
]
