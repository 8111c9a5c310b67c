"""Draws random programs: well typed, inside the domain of every function, of moderate size.

Values stay moderate and functions smooth but for isolated kinks, so that differences can follow them.
Each method `real_*`, `array_*` is one construct; WEIGHTS says how often each is tried. Here are the plain ones; those of bounds.py,
further.py and libraries.py are mixed in.
"""
import random

from bounds import Bounds
from further import Further
from libraries import Libraries
from tree import (BOOL, INT, REAL, Function, Node, Program, RecordDecl, Ref, Size, Type, array)
from weights import WEIGHTS

MOST_DEPTH = 5
MOST_RUNS = 120000


class Scope:
    """What may be used at a place: variables with their types, and indices with their extents. `known`: the types of all names."""

    def __init__(self, variables, indices, known):
        self.variables, self.indices, self.known = list(variables), list(indices), known

    def plus(self, variables=(), indices=()):
        self.known.update(variables)
        self.known.update((name, INT) for name, _ in indices)
        return Scope(self.variables + list(variables), self.indices + list(indices), self.known)

    def of(self, ty):
        return [name for name, t in self.variables if t == ty]

    def arrays(self, rank):
        return [(name, t) for name, t in self.variables if t.kind == "f64" and len(t.dims) == rank]

    def below(self, size):
        """Indices into an axis of that size."""
        return [name for name, extent in self.indices
                if extent == size or (not extent.symbol and not size.symbol and extent.plus <= size.plus)]


class Sampler(Bounds, Further, Libraries):
    WEIGHTS = WEIGHTS

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = 0
        self.helpers, self.records, self.applies, self.needed, self.known = [], [], set(), [], {}
        self.symbols = ["n", "m"]

    # ---- small things ----

    def name(self, stem):
        self.names += 1
        return "%s%d" % (stem, self.names)

    def literal(self):
        return Node(REAL, self.rng.choice(["0.3", "0.5", "0.7", "1.0", "1.5", "2.0", "0.25", "0.9", "(-0.6)"]))

    def size(self):
        r = self.rng.random()
        if r < 0.7:
            return Size(self.rng.choice(self.symbols))
        return Size("", self.rng.choice([1, 2, 3, 4])) if r < 0.9 else Size(self.rng.choice(self.symbols), 1)

    def plain_size(self):
        return Size(self.rng.choice(self.symbols))

    def pick(self, prefix, depth, ty, scope):
        """Tries constructs until one fits here."""
        if depth <= 0:
            return getattr(self, prefix + "_leaf")(0, ty, scope)
        names = [n for n in self.WEIGHTS if n.startswith(prefix + "_")]
        while True:
            name = self.rng.choices(names, [self.WEIGHTS[n] for n in names])[0]
            node = getattr(self, name)(depth - 1, ty, scope)
            if node is not None:
                return node

    def real(self, depth, scope):
        return self.pick("real", depth, REAL, scope)

    def array(self, depth, ty, scope):
        return self.pick("array", depth, ty, scope) if ty.dims else self.real(depth, scope)

    def any(self, depth, ty, scope):
        if ty.kind == "tuple":
            parts = [self.any(depth - 1, t, scope) for t in ty.parts]
            return Node(ty, "(", *self.joined(parts), ")")
        if ty.kind == "record":
            return self.record_array(depth, ty, scope) if ty.dims else self.record(depth, ty, scope)
        return self.array(depth, ty, scope)

    def record_array(self, depth, ty, scope):
        names = scope.of(ty)
        if names and self.rng.random() < 0.6:
            return Node(ty, Ref(self.rng.choice(names)))
        i = self.name("i")
        value = self.record(depth - 1, ty.name.type(), scope.plus(indices=[(i, ty.dims[0])]))
        return Node(ty, "[", value, " for %s < %s]" % (i, ty.dims[0]), binds=[i])

    @staticmethod
    def joined(parts):
        out = []
        for p in parts:
            out += [", ", p] if out else [p]
        return out

    def record(self, depth, ty, scope):
        names = scope.of(ty)
        r = self.rng.random()
        if names and r < 0.4:
            return Node(ty, Ref(self.rng.choice(names)))
        if names and depth > 0 and r < 0.6:
            return Node(ty, "(", self.record(depth - 1, ty, scope), self.rng.choice([" + ", " - "]),
                        self.real(depth - 1, scope), "*", self.record(depth - 1, ty, scope), ")")
        if names and depth > 0 and r < 0.75:
            field, field_ty = self.rng.choice(ty.name.fields)
            return Node(ty, "(", Ref(self.rng.choice(names)), " with { %s = " % field,
                        self.any(depth - 1, field_ty, scope), " })")
        parts = []
        for field, field_ty in ty.name.fields:
            parts += [", " if parts else "", field + " = ", self.any(depth - 1, field_ty, scope)]
        return Node(ty, ty.name.name + "(", *parts, ")")

    # ---- integers and conditions ----

    def index(self, size, scope):
        """An i64 in [0, size), or None."""
        names = scope.below(size)
        r = self.rng.random()
        if names and r < 0.75:
            return Node(INT, Ref(self.rng.choice(names)))
        if names and r < 0.85:
            return Node(INT, "(", Ref(self.rng.choice(names)), " + %d) %% (%s)" % (self.rng.randint(1, 3), size))
        if names and r < 0.93:
            return Node(INT, "%s - 1 - " % size, Ref(self.rng.choice(names)))
        gathers = [(name, t) for name, t in scope.variables if t.kind == "i64" and t.dims]
        for name, t in gathers:
            inner = scope.below(t.dims[0])
            if inner and name.endswith("_" + str(size)):
                return Node(INT, Ref(name), "[", Ref(self.rng.choice(inner)), "]")
        if size.least() > 0:
            return Node(INT, str(self.rng.randrange(size.least())))
        return None

    def condition(self, depth, scope):
        r = self.rng.random()
        if scope.indices and r < 0.4:
            name = self.rng.choice(scope.indices)[0]
            return Node(BOOL, Ref(name), self.rng.choice([" % 2 == 0", " < 2", " > 0", " != 1"]))
        if depth > 0 and r < 0.5:
            return Node(BOOL, "(", self.condition(depth - 1, scope), self.rng.choice([" && ", " || "]),
                        self.condition(depth - 1, scope), ")")
        if depth > 0 and r < 0.57:
            i, size = self.name("i"), self.size()
            return Node(BOOL, self.rng.choice(["any", "all"]) + "(", self.condition(depth - 1, scope.plus(indices=[(i, size)])),
                        " for %s < %s)" % (i, size), binds=[i])
        if depth > 0 and r < 0.59:
            return Node(BOOL, self.rng.choice(["isfinite(", "isnan("]), self.real(depth - 1, scope), ")")
        if depth > 0 and r < 0.63:
            return Node(BOOL, "!(", self.condition(depth - 1, scope), ")")
        return Node(BOOL, self.real(depth - 1, scope), self.rng.choice([" < ", " > ", " <= ", " >= "]),
                    self.real(depth - 1, scope))

    # ---- scalars ----

    def real_leaf(self, depth, ty, scope):
        names = scope.of(REAL)
        r = self.rng.random()
        if names and r < 0.6:
            return Node(REAL, Ref(self.rng.choice(names)))
        if r < 0.85:
            found = self.real_element(0, ty, scope)
            if found:
                return found
        if scope.indices and r < 0.9:
            return Node(REAL, "0.13*f64(", Ref(self.rng.choice(scope.indices)[0]), ")")
        return self.literal()

    def real_element(self, depth, ty, scope):
        candidates = [(n, t) for n, t in scope.variables if t.kind == "f64" and t.dims]
        candidates += [(n + "." + f, ft) for n, t in scope.variables if t.kind == "record"
                       for f, ft in t.name.fields if not t.dims and ft.kind == "f64"]
        self.rng.shuffle(candidates)
        for name, t in candidates:
            base, dot, field = name.partition(".")
            head = [Ref(base), dot + field]
            if not t.dims:
                return Node(REAL, *head)
            indices = [self.index(d, scope) for d in t.dims]
            if all(indices):
                return Node(REAL, *head, "[", *self.joined(indices), "]")
        return None

    UNARY = ["sin(%)", "cos(%)", "tanh(%)", "sigmoid(%)", "exp(0.5*tanh(%))", "sqrt(1.0 + (%)**2.0)", "log(1.5 + sin(%))",
             "softplus(%)", "atan(%)", "relu(%)", "abs(%)", "erf(%)", "expm1(0.3*sin(%))", "log1p((%)*(%))",
             "cbrt(2.0 + sin(%))", "-(%)", "asinh(%)", "lgamma(2.5 + sin(%))", "1.0/(2.0 + cos(%))", "clamp(%, -1.0, 1.0)",
             "exp2(tanh(%))", "log10(2.0 + cos(%))", "tan(0.5*sin(%))", "asin(0.5*sin(%))", "acosh(1.5 + sigmoid(%))", "atanh(0.5*sin(%))",
             "cosh(0.5*sin(%))", "digamma(1.5 + sigmoid(%))", "(%)**2", "sinh(0.5*sin(%))", "acos(0.5*sin(%))", "erfc(%)", "log2(2.0 + cos(%))", "(%)**3.0", "min(%, 0.4)"]
    BINARY = ["(% + %)", "(% - %)", "%*%", "%/(2.0 + sin(%))", "max(%, %)", "min(%, %)", "pow(1.5 + tanh(%), sin(%))",
              "atan2(%, 2.0 + sin(%))", "hypot(%, 1.0 + abs(%))", "(% + 0.5*%)", "fma(%, 0.5, %)",
              "mul0(%, %)"]

    def filled(self, template, ty, operands):
        """A template with % for operands; one operand may stand several times."""
        pieces = template.split("%")
        parts = [pieces[0]]
        for i, piece in enumerate(pieces[1:]):
            operand = operands[min(i, len(operands) - 1)]
            parts += ["(" if template[0] == "%" else "", operand, ")" if template[0] == "%" else "", piece]
        if template[0] in "%-1" or "**" in template:
            parts = ["("] + parts + [")"]
        return Node(ty, *parts)

    def real_unary(self, depth, ty, scope):
        return self.filled(self.rng.choice(self.UNARY), REAL, [self.real(depth, scope)])

    def real_binary(self, depth, ty, scope):
        template = self.rng.choice(self.BINARY if self.rng.random() < 0.5 else self.BINARY[:3])
        return self.filled(template, REAL, [self.real(depth, scope), self.real(depth, scope)])

    def real_if(self, depth, ty, scope):
        return Node(REAL, "(if ", self.condition(depth, scope), " { ", self.real(depth, scope), " } else { ",
                    self.real(depth, scope), " })")

    def real_select(self, depth, ty, scope):
        return Node(REAL, "select(", self.condition(0, scope), ", ", self.real(depth, scope), ", ",
                    self.real(depth, scope), ")")

    def reduction(self, body, share="0.1"):
        """Factors of a product are near 1 by that share: some 1,000 of them, over two binders, must not leave the range of f32."""
        kind = self.rng.choice(["sum", "sum", "sum", "sum", "mean", "max", "min", "logsumexp", "prod"])
        parts = ["(1.0 + %s*tanh(" % share, body, "))"] if kind == "prod" else [body]
        return kind, parts

    def bounded(self, kind, reduction):
        """The largest of nothing is infinite; times a tangent of zero that is NaN, or 0 to who knows that zero."""
        if kind in ("max", "logsumexp"):
            return Node(REAL, "max(", reduction, ", -9.0)")
        return Node(REAL, "min(", reduction, ", 9.0)") if kind == "min" else reduction

    def real_sum(self, depth, ty, scope):
        size, i = self.size(), self.name("i")
        kind, parts = self.reduction(self.real(depth, scope.plus(indices=[(i, size)])))
        if self.rng.random() < 0.25:
            other, j = self.size(), self.name("j")
            inner = scope.plus(indices=[(i, size), (j, other)])
            kind, parts = self.reduction(self.real(depth, inner), "0.003")
            return self.bounded(kind, Node(REAL, "%s(" % kind, *parts, " for %s < %s, %s < %s)" % (i, size, j, other), binds=[i, j]))
        return self.bounded(kind, Node(REAL, "%s(" % kind, *parts, " for %s < %s)" % (i, size), binds=[i]))

    def real_triangle(self, depth, ty, scope):
        if not scope.indices:
            return None
        outer, extent = self.rng.choice(scope.indices)
        j = self.name("j")
        body = self.real(depth, scope.plus(indices=[(j, extent)]))
        return Node(REAL, "sum(", body, " for %s < " % j, Ref(outer), ")", binds=[j])

    def real_ranged(self, depth, ty, scope):
        size, i = self.size(), self.name("i")
        body = self.real(depth, scope.plus(indices=[(i, size)]))
        return Node(REAL, "sum(", body, " for %s in 1:%s)" % (i, size), binds=[i])

    def real_whole(self, depth, ty, scope):
        r, size = self.rng.random(), self.size()
        if r < 0.3:
            return Node(REAL, "dot(", self.array(depth, array(size), scope), ", ", self.array(depth, array(size), scope), ")")
        if r < 0.4:
            return Node(REAL, "norm2(", self.array(depth, array(size), scope), ")")
        dims = [size] if r < 0.8 else [size, self.size()]
        kind = self.rng.choice(["sum", "mean", "max", "min", "logsumexp"])
        return self.bounded(kind, Node(REAL, kind + "(", self.array(depth, array(*dims), scope), ")"))

    def real_let(self, depth, ty, scope):
        return self.let(depth, REAL, scope)

    def let(self, depth, ty, scope):
        var, name = self.rng.choice([REAL, array(self.size()), array(self.size())]), self.name("v")
        value = self.array(depth, var, scope)
        body = self.any(depth, ty, scope.plus([(name, var)]))
        return Node(ty, "{ let %s = " % name, value, "; ", body, " }", binds=[name])

    def damped(self, depth, ty, scope, carry):
        """The next value of a carry: does not grow without bound."""
        return Node(ty, "0.5*", Ref(carry), " + tanh(", self.array(depth, ty, scope), ")")

    def loop_parts(self, depth, carries, scope):
        """(inits text, binds, body parts, scope of the body)"""
        t, size = self.name("t"), self.size()
        inner = scope.plus(carries, [(t, size)])
        inits, body = [], []
        for name, ty in carries:
            inits += [", " if inits else "", name + " = ", self.array(depth - 1, ty, scope)]
            body += [", " if body else "", self.damped(depth, ty, inner, name)]
        if len(carries) > 1:
            body = ["("] + body + [")"]
        return inits, body, t, size

    def loop(self, depth, ty, scope, word):
        carries = [(self.name("a"), ty)]
        if word == "loop" and self.rng.random() < 0.5:
            carries.append((self.name("b"), self.rng.choice([REAL, array(self.size())])))
        inits, body, t, size = self.loop_parts(depth, carries, scope)
        word = self.rng.choice(["%s"] * 12 + ["@checkpoint %s", "@checkpoint(every = 2) %s", "@checkpoint(every = 3) %s",
                                              "@checkpoint(binomial = 1) %s", "@checkpoint(binomial = 3) %s"]) % word
        names = [name for name, _ in carries]
        head = ["%s (" % word, *inits, ") for %s < %s { " % (t, size), *body, " }"]
        if len(carries) == 1:
            return Node(ty, "(", *head, ")", binds=names + [t])
        one, two = self.name("p"), self.name("q")
        rest = self.array(depth - 1, ty, scope.plus([(one, ty), (two, carries[1][1])]))
        return Node(ty, "{ let (%s, %s) = " % (one, two), *head, "; 0.5*", Ref(one), " + ", rest, " }",
                    binds=names + [t, one, two])

    def real_loop(self, depth, ty, scope):
        return self.loop(depth, REAL, scope, "loop")

    def real_counted(self, depth, ty, scope):
        """A loop, a sum or an array as long as an integer parameter says."""
        counts = scope.of(INT)
        if not counts:
            return None
        a, t, count = self.name("a"), self.name("t"), self.rng.choice(counts)
        most = self.rng.randint(2, 4)  # a bound: under a batch each element has a count of its own
        inner = scope.plus([(a, REAL)])
        kind = self.rng.randrange(4)
        if kind == 0:
            return Node(REAL, "(loop %s = " % a, self.real(depth - 1, scope), " for %s < min(%d, " % (t, most), Ref(count), ") { ", self.damped(depth, REAL, inner, a),
                        " })", binds=[a, t])
        if kind == 1:
            return Node(REAL, "sum(", self.real(depth, scope), "*0.2*f64(", Ref(t), ") for %s < min(%d, " % (t, most), Ref(count), "))", binds=[t])
        if kind == 2:
            return Node(REAL, "{ let %s = [" % a, self.real(depth, scope), "*sin(f64(", Ref(t), ")) for %s < max(0, min(%d, " % (t, most), Ref(count), "))]; norm2(tanh(",
                        Ref(a), ")) }", binds=[a, t])
        return Node(REAL, "(if ", Ref(count), " > 1 { ", self.real(depth, scope), " } else { 0.1*f64(", Ref(count), ") })")

    def real_while(self, depth, ty, scope):
        a = self.name("a")  # from within [-1, 1] on the steps contract: elsewhere they magnify rounding
        return Node(REAL, "(loop %s = tanh(" % a, self.real(depth, scope), ") while abs(", Ref(a), ") > 0.31 max_iter 200 { 0.7*",
                    Ref(a), "*cos(", Ref(a), ") })", binds=[a])

    def call(self, depth, ty, scope):
        fits = [h for h in self.helpers if h.body.ty == ty]
        if not fits:
            return None
        helper = self.rng.choice(fits)
        args = [self.any(depth, t, scope) for _, t in helper.params]
        if any(t.kind == "i64" for _, t in helper.params):
            return None
        if self.rng.random() < 0.12 and ty == REAL and all(t.kind == "f64" for _, t in helper.params):
            index = self.rng.randrange(len(args))
            name, wrt = helper.params[index]
            inner = Node(wrt, "grad[%s](%s)(" % (name, helper.name), *self.joined(args), ")")
            return inner if not wrt.dims else Node(REAL, "sum(tanh(", inner, "))")
        return Node(ty, helper.name + "(", *self.joined(args), ")")

    def real_call(self, depth, ty, scope):
        return self.call(depth, ty, scope)

    # ---- arrays ----

    def array_leaf(self, depth, ty, scope):
        names = scope.of(ty)
        names += [n + "." + f for n, t in scope.variables if t.kind == "record" and not t.dims for f, ft in t.name.fields if ft == ty]
        r = self.rng.random()
        if names and r < 0.9:
            base, dot, field = self.rng.choice(names).partition(".")
            return Node(ty, Ref(base), dot + field)
        if r < 0.5:
            return Node(ty, "%s(%s)" % (self.rng.choice(["ones", "zeros"]), ", ".join(map(str, ty.dims))))
        return self.array_each(0, ty, scope)

    def array_each(self, depth, ty, scope):
        names = [self.name("i") for _ in ty.dims]
        if len(names) == 2 and self.rng.random() < 0.4:
            inner = self.array(depth, array(ty.dims[1]), scope.plus(indices=[(names[0], ty.dims[0])]))
            return Node(ty, "[", inner, " for %s < %s]" % (names[0], ty.dims[0]), binds=names[:1])
        body = self.real(depth, scope.plus(indices=list(zip(names, ty.dims))))
        binders = ", ".join("%s < %s" % (n, d) for n, d in zip(names, ty.dims))
        return Node(ty, "[", body, " for %s]" % binders, binds=names)

    def array_unary(self, depth, ty, scope):
        template = self.rng.choice(["sin(%)", "tanh(%)", "-(%)", "relu(%)", "exp(0.5*tanh(%))", "abs(%)", "sigmoid(%)"])
        return self.filled(template, ty, [self.array(depth, ty, scope)])

    def array_binary(self, depth, ty, scope):
        template = self.rng.choice(["(% + %)", "(% - %)", "%*%", "%/(2.0 + sin(%))", "max(%, %)"])
        other, r = ty, self.rng.random()
        if r < 0.3:
            other = REAL
        elif r < 0.45 and len(ty.dims) == 2:
            other = array(ty.dims[1])
        if template.startswith("max"):
            other = ty
        return self.filled(template, ty, [self.array(depth, ty, scope), self.array(depth, other, scope)])

    def array_row(self, depth, ty, scope):
        """X[i] of one rank more; of a matrix also a column."""
        rank = len(ty.dims) + 1
        for name, t in self.rng.sample(scope.arrays(rank), len(scope.arrays(rank))):
            rows = t.dims[1:] == ty.dims
            if not rows and (rank > 2 or t.dims[0] != ty.dims[0]):
                continue
            index = self.index(t.dims[0 if rows else 1], scope)
            if index and rows:
                return Node(ty, Ref(name), "[", index, self.rng.choice(["]", ", :]"]))
            if index:
                return Node(ty, Ref(name), "[:, ", index, "]")
        return None

    def array_product(self, depth, ty, scope):
        if len(ty.dims) > 2:
            return None
        k = self.size()
        if len(ty.dims) == 1 and self.rng.random() < 0.5:
            return Node(ty, "(", self.array(depth, array(k), scope), " @ ", self.array(depth, array(k, *ty.dims), scope), ")")
        left, right = array(ty.dims[0], k), array(k, *ty.dims[1:])
        return Node(ty, "(", self.array(depth, left, scope), " @ ", self.array(depth, right, scope), ")")

    def array_if(self, depth, ty, scope):
        return Node(ty, "(if ", self.condition(depth, scope), " { ", self.array(depth, ty, scope), " } else { ",
                    self.array(depth, ty, scope), " })")

    def array_let(self, depth, ty, scope):
        return self.let(depth, ty, scope)

    def array_loop(self, depth, ty, scope):
        return self.loop(depth, ty, scope, "loop")

    def array_scan(self, depth, ty, scope):
        carry, t = self.name("a"), self.name("t")
        row = Type("f64", ty.dims[1:])
        inner = scope.plus([(carry, row)], [(t, ty.dims[0])])
        return Node(ty, "(scan %s = " % carry, self.array(depth, row, scope), " for %s < %s { " % (t, ty.dims[0]),
                    self.damped(depth, row, inner, carry), " })", binds=[carry, t])

    def array_concat(self, depth, ty, scope):
        if ty.dims[0].plus != 1 or not ty.dims[0].symbol:
            return None
        one = Type("f64", (Size("", 1),) + ty.dims[1:])
        rest = Type("f64", (Size(ty.dims[0].symbol),) + ty.dims[1:])
        parts = [self.array(depth, one, scope), self.array(depth, rest, scope)]
        self.rng.shuffle(parts)
        return Node(ty, "concat(", *self.joined(parts), ")") if parts[0].ty == rest else None

    def array_reverse(self, depth, ty, scope):
        return Node(ty, "reverse(", self.array(depth, ty, scope), ")")

    def array_slice(self, depth, ty, scope):
        size = ty.dims[0]
        if not size.symbol or size.plus != 0:
            return None
        longer = Type("f64", (Size(size.symbol, 1),) + ty.dims[1:])
        var = self.name("v")
        window = self.rng.choice(["1:%s+1" % size, "0:%s" % size])
        return Node(ty, "{ let %s = " % var, self.array(depth, longer, scope), "; ", Ref(var), "[%s] }" % window, binds=[var])

    def array_scatter(self, depth, ty, scope):
        i = self.name("i")
        indices = [(n, t) for n, t in scope.variables
                   if t.kind == "i64" and t.dims and n.endswith("_" + str(ty.dims[0]))]
        if len(ty.dims) != 1 or not indices:
            return None
        name, t = self.rng.choice(indices)
        value = self.real(depth, scope.plus(indices=[(i, t.dims[0])]))
        return Node(ty, "scatter(%s, " % ty.dims[0], Ref(name), "[", Ref(i), "] => ", value, " for %s < %s)" % (i, t.dims[0]),
                    binds=[i])

    def array_with(self, depth, ty, scope):
        indices = [self.index(d, scope) for d in ty.dims]
        if not all(indices):
            return None
        return Node(ty, "(", self.array(depth, ty, scope), " with [", *self.joined(indices), "] = ", self.real(depth, scope), ")")

    def array_cumsum(self, depth, ty, scope):
        return Node(ty, "cumsum(", self.array(depth, ty, scope), ")") if len(ty.dims) == 1 else None

    def array_call(self, depth, ty, scope):
        return self.call(depth, ty, scope)

    def array_transpose(self, depth, ty, scope):
        if len(ty.dims) != 2:
            return None
        return Node(ty, "(", self.array(depth, array(*reversed(ty.dims)), scope), ")'")

    def array_outer(self, depth, ty, scope):
        if len(ty.dims) != 2:
            return None
        return Node(ty, "outer(", self.array(depth, array(ty.dims[0]), scope), ", ", self.array(depth, array(ty.dims[1]), scope), ")")

    def array_stack(self, depth, ty, scope):
        if ty.dims[0].symbol:
            return None
        row = Type("f64", ty.dims[1:])
        parts = [self.array(depth, row, scope) for _ in range(ty.dims[0].plus)]
        return Node(ty, "[" if not row.dims else "stack(", *self.joined(parts), "]" if not row.dims else ")")

    # ---- programs ----

    def parameter_type(self, records):
        r = self.rng.random()
        if records and r < 0.15:
            return self.rng.choice(records).type()
        if records and r < 0.2:
            return self.rng.choice(records).type(self.size())
        if r < 0.4:
            return REAL
        if r < 0.45:
            return array(self.size(), self.size(), self.size())
        return array(self.size()) if r < 0.8 else array(self.size(), self.size())

    def parameters(self, count, records):
        return [(self.name("x"), self.parameter_type(records)) for _ in range(count)]

    def result_type(self, records):
        r = self.rng.random()
        if r < 0.65:
            return REAL
        if r < 0.8:
            return array(self.size())
        if r < 0.9 or not records:
            return Type("tuple", parts=[REAL, array(self.size())])
        return self.rng.choice(records).type()

    def bound(self, stem):
        return [(stem + s, array(Size(s))) for s in self.symbols]

    def function(self, name, params, ty, depth):
        # every size is bound, whatever the parameters are
        params = params + self.bound("s_")
        body = self.any(depth, ty, Scope([], [], self.known).plus(params))
        return Function(name, list(self.symbols), params, body)

    def program(self, depth=MOST_DEPTH):
        p = Program()
        if self.rng.random() < 0.4:
            sizes = [Size(s) for s in self.symbols]
            fields = [("r%d" % k, self.rng.choice([REAL, array(self.size()), array(self.size(), self.size())]))
                      for k in range(self.rng.randint(1, 3))]
            fields += [("r_" + s, array(Size(s))) for s in self.symbols]
            if self.rng.random() < 0.3:
                p.records.append(RecordDecl("Inner", sizes, [("u", REAL), ("v", array(self.size()))] + self.bound("w_")))
                fields.insert(self.rng.randrange(len(fields)), ("inner", p.records[0].type()))
            p.records.append(RecordDecl("Rec", sizes, fields))
            self.records = p.records
        for k in range(self.rng.choice([0, 0, 1, 2])):
            params = self.parameters(self.rng.randint(1, 2), p.records)
            helper = self.function("h%d" % k, params, self.rng.choice([REAL, array(self.size())]), depth - 2)
            if self.rng.random() < 0.3:
                self.with_rule(helper)
            p.functions.append(helper)
            self.helpers.append(helper)
        params = self.parameters(self.rng.randint(1, 3), p.records)
        if self.rng.random() < 0.25:
            params.append((self.name("c"), INT))
        for s in self.rng.sample(self.symbols, self.rng.choice([0, 1, 1])):
            params.append(("%s_%s" % (self.name("k"), s), Type("i64", (Size(self.rng.choice(self.symbols)),))))
        ty = self.result_type(p.records)
        p.functions.append(self.function("f", params, ty, depth))
        chosen = [n for n, t in p.functions[-1].params if t.kind != "i64"]
        wrt = "[%s]" % ", ".join(self.rng.sample(chosen, self.rng.randint(1, len(chosen)))) if self.rng.random() < 0.3 else ""
        p.exports = ["%s%s(f) as g" % ("grad" if ty == REAL else "vjp", wrt)]
        if self.rng.random() < 0.2:
            p.exports.append("batch[nb](f) as fb")
        p.directives = self.directives(params, p.functions)
        p.odd = self.rng.random() < 0.1
        p.fixed = [self.APPLIES[name] for name in sorted(self.applies)] + self.needed
        p.fixed.sort(key=lambda line: not line.startswith("import"))
        return p

    def large(self, functions, sizes):
        """One of them, with which the innermost of the loops run some 100,000 times at most."""
        loops = {}
        for f in functions:
            loops[f.name] = f.body.loops(loops)
        return self.rng.choice([size for size in sizes if size**loops["f"] <= MOST_RUNS] or sizes[:1])

    def smallest(self, functions):
        """No size is 0 where the mean of nothing, NaN, might come into a matrix that is factored, which is a status."""
        text = "".join(f.text() for f in functions)
        return (2, 1) if "mean(" in text and "eye(" in text else (0, 0)

    def directives(self, params, functions):
        rows = [(3, 2), (1, 1), (self.large(functions, [4, 7, 9, 17]), self.large(functions, [2, 5, 8, 33])), self.smallest(functions)]
        lines = ["sizes n=%d m=%d" % row for row in rows] + ["trials 1", "coordinates 2", "single 30", "scale 1"]
        for name, ty in params:
            if ty == INT:
                lines.append("range %s %d 5" % (name, self.rng.choice([0, -3])))
            elif ty.kind == "i64":
                lines.append("range %s 0 %s" % (name, name.rsplit("_", 1)[1]))
        return lines
