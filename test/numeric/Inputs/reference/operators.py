"""The derivative operators of bp on Python functions, by definition: columns of forward derivatives.

A Fn is a function with named parameters; `text` is how bp writes it. The operators take a Fn and give one, so they nest as in bp.
"""
import itertools
import random

from duals import ZERO, Dual
from trees import filled, floats, is_int, mapped

tags = itertools.count(1)


class Fn:
    def __init__(self, text, names, call, sample):
        """sample(rng): arguments at which it may be evaluated."""
        self.text, self.names, self.call, self.sample = text, names, call, sample

    def chosen(self, wrt, args):
        names = wrt or [n for n, a in zip(self.names, args) if floats(a)]
        return [self.names.index(n) for n in names]


def bracketed(op, wrt, f):
    return "%s%s(%s)" % (op, "[%s]" % ", ".join(wrt) if wrt else "", f.text)


def split(y, tag):
    """Value and tangent of a result, by the infinitesimal `tag`."""
    mine = lambda v: isinstance(v, Dual) and v.tag == tag
    return (mapped(y, lambda v: v.a if mine(v) else v),
            zero_ints(mapped(y, lambda v: 0.0 if not mine(v) or v.b is ZERO else v.b)))


def zero_ints(x):
    if isinstance(x, dict):
        return type(x)(x.type, {k: zero_ints(v) for k, v in x.items()})
    if isinstance(x, (list, tuple)):
        return type(x)(zero_ints(v) for v in x)
    return type(x)(0) if is_int(x) else x


def along(f, args, chosen, direction):
    """f and its derivative, where the chosen arguments move along `direction`."""
    tag = next(tags)
    args = list(args)
    for i, d in zip(chosen, direction):
        args[i] = filled(args[i], [Dual(v, ZERO if isinstance(w, float) and w == 0.0 else w, tag)
                                   for v, w in zip(floats(args[i]), floats(d))])
    return split(f.call(*args), tag)


def columns(f, args, chosen):
    """For each float of the chosen arguments, the derivative of all floats of f's result by it; and f."""
    shape = [mapped(args[i], lambda v: 0.0) for i in chosen]
    n, out, y = sum(len(floats(s)) for s in shape), [], None
    for k in range(n):
        unit = filled(tuple(shape), [1.0 if j == k else 0.0 for j in range(n)])
        y, dy = along(f, args, chosen, unit)
        out.append(floats(dy))
    return (y if n else f.call(*args)), out


def one_or_tuple(parts):
    return parts[0] if len(parts) == 1 else tuple(parts)


def flat_tuple(first, parts):
    return (first,) + tuple(parts)


def like(args, chosen, numbers):
    parts = filled(tuple(args[i] for i in chosen), numbers)
    return [zero_ints(p) for p in parts]


def dot(x, y):
    total = 0.0
    for v, w in zip(x, y, strict=True):
        total = total + v * w
    return total


def gradient(f, args, chosen):
    y, cols = columns(f, args, chosen)
    return y, like(args, chosen, [c[0] for c in cols])


def random_like(rng, x):
    return mapped(x, lambda v: rng.uniform(-1.0, 1.0))


def on_same(f, op, wrt, compute):
    def call(*args):
        return compute(args, f.chosen(wrt, args))

    return Fn(bracketed(op, wrt, f), list(f.names), call, f.sample)


def grad(f, wrt=None):
    return on_same(f, "grad", wrt, lambda args, c: one_or_tuple(gradient(f, args, c)[1]))


def value_and_grad(f, wrt=None):
    return on_same(f, "value_and_grad", wrt, lambda args, c: flat_tuple(*gradient(f, args, c)))


def transposed(cols):
    return [list(row) for row in zip(*cols)]


def jacobian(f, wrt=None, op="jacobian"):
    return on_same(f, op, wrt, lambda args, c: transposed(columns(f, args, c)[1]))


def jacfwd(f, wrt=None):
    return jacobian(f, wrt, "jacfwd")


def jacrev(f, wrt=None):
    return jacobian(f, wrt, "jacrev")


def whole_gradient(f):
    """All chosen parts of the gradient as one list, as a function of f's arguments."""
    return lambda wrt: Fn("", f.names, lambda *args: [g for p in gradient(f, args, f.chosen(wrt, args))[1] for g in floats(p)],
                          f.sample)


def hessian(f, wrt=None):
    def compute(args, c):
        return transposed(columns(whole_gradient(f)(wrt), args, c)[1])

    return on_same(f, "hessian", wrt, compute)


def with_extra(f, op, wrt, extra_names, extra, compute):
    def sample(rng):
        args = f.sample(rng)
        return args + extra(rng, args, f.chosen(wrt, args))

    def call(*args):
        own = args[:len(f.names)]
        return compute(own, f.chosen(wrt, own), args[len(f.names):])

    args = f.sample(random.Random(1))
    names = list(f.names)
    for name in extra_names(args, f.chosen(wrt, args)):
        names.append(free_name(names, name))
    return Fn(bracketed(op, wrt, f), names, call, sample)


def free_name(names, name):
    return next(n for n in itertools.chain([name], ("%s_%d" % (name, k) for k in itertools.count(2))) if n not in names)


def directions(f, op, wrt, compute):
    return with_extra(f, op, wrt, lambda args, c: ["d_" + f.names[i] for i in c],
                      lambda rng, args, c: [random_like(rng, zero_ints(args[i])) for i in c], compute)


def jvp(f, wrt=None):
    return directions(f, "jvp", wrt, lambda args, c, d: along(f, args, c, d))


def hvp(f, wrt=None):
    def compute(args, c, d):
        g = whole_gradient(f)(wrt)
        return one_or_tuple(like(args, c, along(g, args, c, d)[1]))

    return directions(f, "hvp", wrt, compute)


def vjp(f, wrt=None):
    def compute(args, c, bar):
        y, cols = columns(f, args, c)
        weights = floats(bar[0])
        return flat_tuple(y, like(args, c, [dot(col, weights) for col in cols]))

    return with_extra(f, "vjp", wrt, lambda args, c: ["bar"],
                      lambda rng, args, c: [random_like(rng, zero_ints(f.call(*args)))], compute)


def batch(f, size="nb", rows=2):
    def call(*args):
        each = [f.call(*unstacked(args, i)) for i in range(rows)]
        return stacked(each)

    return Fn("batch[%s](%s)" % (size, f.text), list(f.names), call,
              lambda rng: [stacked(list(column)) for column in zip(*(f.sample(rng) for _ in range(rows)))])


def stacked(rows):
    """The batch of some values; that of tuples is a tuple of batches, that of records a list."""
    if isinstance(rows[0], tuple):
        return tuple(stacked([r[i] for r in rows]) for i in range(len(rows[0])))
    return list(rows)


def unstacked(x, i):
    return tuple(unstacked(v, i) for v in x) if isinstance(x, tuple) else x[i]
