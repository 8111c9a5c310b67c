"""Draws random programs: well typed, inside the domain of every function, of moderate size.

Values stay moderate and functions smooth but for isolated kinks, so that differences can follow them.
Each method `real_*`, `array_*` is one construct; WEIGHTS says how often each is tried.
"""
import random

from tree import (BOOL, INT, REAL, Function, Node, Program, RecordDecl, Ref, Size, Type, array)

MOST_DEPTH = 5


class Scope:
    """What may be used at a place: variables with their types, and indices with their extents."""

    def __init__(self, variables, indices=()):
        self.variables, self.indices = list(variables), list(indices)

    def plus(self, variables=(), indices=()):
        return Scope(self.variables + list(variables), self.indices + list(indices))

    def of(self, ty):
        return [name for name, t in self.variables if t == ty]

    def arrays(self, rank):
        return [(name, t) for name, t in self.variables if t.kind == "f64" and len(t.dims) == rank]

    def below(self, size):
        """Indices into an axis of that size."""
        return [name for name, extent in self.indices
                if extent == size or (not extent.symbol and not size.symbol and extent.plus <= size.plus)]


class Sampler:
    WEIGHTS = {
        "real_leaf": 6, "real_unary": 8, "real_binary": 10, "real_if": 2, "real_select": 1, "real_sum": 7,
        "real_whole": 4, "real_loop": 3, "real_let": 4, "real_call": 3, "real_element": 7, "real_ranged": 1,
        "real_triangle": 1, "real_while": 1, "real_matrix": 1, "real_applied": 1, "real_checkpoint": 1, "real_derived": 1,
        "real_record": 1, "real_scatter2": 1, "real_extreme": 1, "real_assert": 1, "real_tuple": 1,
        "array_leaf": 6, "array_each": 7, "array_unary": 3, "array_binary": 5, "array_row": 2, "array_product": 3,
        "array_if": 1, "array_let": 2, "array_loop": 2, "array_scan": 1, "array_concat": 1, "array_reverse": 1,
        "array_slice": 1, "array_scatter": 2, "array_with": 1, "array_cumsum": 1, "array_call": 1,
        "array_transpose": 1, "array_outer": 1, "array_stack": 1, "array_solved": 1, "array_sorted": 1,
        "array_records": 1, "array_batched": 1, "array_reshape": 1, "array_derived": 1, "array_applied": 1,
        "array_checkpoint": 1, "array_window": 1,
    }

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = 0
        self.helpers, self.records, self.applies = [], [], set()
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
            return self.record(depth, ty, scope)
        return self.array(depth, ty, scope)

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
        if depth > 0 and r < 0.55:
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
                       for f, ft in t.name.fields]
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
             "sinh(0.5*sin(%))", "acos(0.5*sin(%))", "erfc(%)", "log2(2.0 + cos(%))", "(%)**3.0", "min(%, 0.4)"]
    BINARY = ["(% + %)", "(% - %)", "%*%", "%/(2.0 + sin(%))", "max(%, %)", "min(%, %)", "pow(1.5 + tanh(%), sin(%))",
              "atan2(%, 2.0 + sin(%))", "hypot(%, 1.0 + abs(%))", "(% + 0.5*%)", "fma(%, 0.5, %)"]

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

    def reduction(self, body):
        kind = self.rng.choice(["sum", "sum", "sum", "sum", "mean", "max", "min", "logsumexp", "prod"])
        parts = ["(1.0 + 0.1*tanh(", body, "))"] if kind == "prod" else [body]
        return kind, parts

    def real_sum(self, depth, ty, scope):
        size, i = self.size(), self.name("i")
        kind, parts = self.reduction(self.real(depth, scope.plus(indices=[(i, size)])))
        if self.rng.random() < 0.25:
            other, j = self.size(), self.name("j")
            inner = scope.plus(indices=[(i, size), (j, other)])
            kind, parts = self.reduction(self.real(depth, inner))
            return Node(REAL, "%s(" % kind, *parts, " for %s < %s, %s < %s)" % (i, size, j, other), binds=[i, j])
        return Node(REAL, "%s(" % kind, *parts, " for %s < %s)" % (i, size), binds=[i])

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
        return Node(REAL, kind + "(", self.array(depth, array(*dims), scope), ")")

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
        if self.rng.random() < 0.15:
            word = "@checkpoint " + word
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
        names += [n + "." + f for n, t in scope.variables if t.kind == "record" for f, ft in t.name.fields if ft == ty]
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
        if len(ty.dims) != 1:
            return None
        for name, t in self.rng.sample(scope.arrays(2), len(scope.arrays(2))):
            rows = t.dims[1] == ty.dims[0]
            index = self.index(t.dims[0 if rows else 1], scope)
            if index and rows:
                return Node(ty, Ref(name), "[", index, self.rng.choice(["]", ", :]"]))
            if index and t.dims[0] == ty.dims[0]:
                return Node(ty, Ref(name), "[:, ", index, "]")
        return None

    def array_product(self, depth, ty, scope):
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

    # ---- what reaches further: matrices, functions as arguments, derivatives inside, records in arrays ----

    def definite(self, depth, k, scope):
        """A k by k matrix that is symmetric and positive definite."""
        half = Node(array(Size("", k), Size("", k)), "tanh(", self.array(depth, array(Size("", k), Size("", k)), scope), ")")
        v = self.name("v")
        return Node(half.ty, "{ let %s = " % v, half, "; ", Ref(v), " @ ", Ref(v), "' + 2.0*eye(%d) }" % k, binds=[v])

    def real_matrix(self, depth, ty, scope):
        k = self.rng.randint(1, 3)
        kind = self.rng.choice(["logdet", "trace", "det", "sum(inv", "norm2(diag"])
        return Node(REAL, "0.3*%s(" % kind, self.definite(depth - 1, k, scope), ")" * (1 + kind.count("(")))

    def array_solved(self, depth, ty, scope):
        if len(ty.dims) != 1 or ty.dims[0].symbol:
            return None
        a, b = self.definite(depth - 1, ty.dims[0].plus, scope), self.array(depth - 1, ty, scope)
        kind = self.rng.choice(["solve(", "cholsolve(cholesky(", "trisolve(cholesky("])
        return Node(ty, kind, a, ")" if "cholesky" in kind else "", ", ", b, ")")

    def array_sorted(self, depth, ty, scope):
        return Node(ty, "sort(", self.array(depth, ty, scope), ")") if len(ty.dims) == 1 else None

    def applied(self, depth, ty, scope):
        """A function as an argument: a lambda that closes over what is in scope."""
        x = self.name("w")
        body = self.array(depth, ty, scope.plus([(x, ty)]))
        start = self.array(depth - 1, ty, scope)
        which = {0: "apply0", 1: "apply1"}.get(len(ty.dims))
        if which is None:
            return None
        self.applies.add(which)
        return Node(ty, "%s(|%s| " % (which, x), body, ", ", start, ")", binds=[x])

    APPLIES = {
        "apply0": "fn apply0(f: fn(f64) -> f64, x: f64) -> f64 = 0.5*f(f(x)) + x;",
        "apply1": "fn apply1[k](f: fn([k]f64) -> [k]f64, x: [k]f64) -> [k]f64 = { let y = f(x); 0.5*f(0.5*y) + tanh(y) };",
    }

    def real_applied(self, depth, ty, scope):
        return self.applied(depth, ty, scope)

    def array_applied(self, depth, ty, scope):
        return self.applied(depth, ty, scope)

    def real_checkpoint(self, depth, ty, scope):
        return Node(ty, "checkpoint { ", self.real(depth, scope), " }")

    def array_checkpoint(self, depth, ty, scope):
        return Node(ty, "checkpoint { ", self.array(depth, ty, scope), " }")

    def real_derived(self, depth, ty, scope):
        x = self.name("w")
        body = self.real(depth - 1, scope.plus([(x, REAL)]))
        kind = self.rng.choice(["tanh(grad(|%s| ", "sin(hessian(|%s| "])
        tail = ")(" if "grad" in kind else ")("
        out = [kind % x, body, tail, self.real(depth - 1, scope), ")", "[0, 0]" if "hessian" in kind else "", ")"]
        return Node(REAL, *out, binds=[x])

    def array_derived(self, depth, ty, scope):
        if len(ty.dims) != 1:
            return None
        x = self.name("w")
        body = self.real(depth - 1, scope.plus([(x, ty)]))
        return Node(ty, "tanh(grad(|%s| " % x, body, ")(", self.array(depth - 1, ty, scope), "))", binds=[x])

    def real_record(self, depth, ty, scope):
        """A field of a record that is made on the spot."""
        if not self.records:
            return None
        decl = self.rng.choice(self.records)
        reals = [name for name, t in decl.fields if t == REAL]
        if not reals:
            return None
        v = self.name("v")
        value = self.record(depth - 1, decl.type(), scope)
        return Node(REAL, "{ let %s = " % v, value, "; ", Ref(v), ".%s }" % self.rng.choice(reals), binds=[v])

    def array_records(self, depth, ty, scope):
        """Through an array of records."""
        if len(ty.dims) != 1 or not self.records:
            return None
        decl = self.rng.choice(self.records)
        reals = [name for name, t in decl.fields if t == REAL]
        if not reals:
            return None
        i, j, v = self.name("i"), self.name("j"), self.name("v")
        value = self.record(depth - 1, decl.type(), scope.plus(indices=[(i, ty.dims[0])]))
        return Node(ty, "{ let %s = [" % v, value, " for %s < %s]; [" % (i, ty.dims[0]), Ref(v), "[", Ref(j),
                    "].%s for %s < %s] }" % (self.rng.choice(reals), j, ty.dims[0]), binds=[i, j, v])

    def real_scatter2(self, depth, ty, scope):
        i, j, k, size = self.name("i"), self.name("j"), self.rng.randint(1, 3), self.size()
        value = self.real(depth - 1, scope.plus(indices=[(i, size), (j, Size("", k))]))
        return Node(REAL, "norm2(tanh(scatter((%d, 2), (" % k, Ref(j), ", ", Ref(i), " % 2) => ", value,
                    " for %s < %s, %s < %d)))" % (i, size, j, k), binds=[i, j])

    def real_extreme(self, depth, ty, scope):
        """The element at the position of the largest."""
        k, v = Size("", self.rng.randint(1, 4)), self.name("v")
        return Node(REAL, "{ let %s = " % v, self.array(depth - 1, array(k), scope), "; ", Ref(v), "[%s(" %
                    self.rng.choice(["argmax", "argmin"]), Ref(v), ")] }", binds=[v])

    def real_assert(self, depth, ty, scope):
        v = self.name("v")
        return Node(REAL, "{ let %s = " % v, self.real(depth, scope), "; assert ", Ref(v), " == ", Ref(v), " || true; ",
                    Ref(v), " }", binds=[v])

    def real_tuple(self, depth, ty, scope):
        v, other = self.name("v"), self.rng.choice([REAL, array(self.size())])
        return Node(REAL, "{ let %s = (" % v, self.real(depth, scope), ", ", self.array(depth - 1, other, scope), "); ",
                    Ref(v), ".0 + 0.1*sum(" if other.dims else ".0 + 0.1*(", Ref(v), ".1) }", binds=[v])

    def array_batched(self, depth, ty, scope):
        """A slice of a product of stacks of matrices."""
        if len(ty.dims) != 2:
            return None
        k, b, v, i, j = self.size(), Size("", 2), self.name("v"), self.name("i"), self.name("j")
        left = self.array(depth - 1, array(ty.dims[0], k), scope.plus(indices=[(i, b)]))
        right = self.array(depth - 1, array(k, ty.dims[1]), scope.plus(indices=[(j, b)]))
        return Node(ty, "{ let %s = [" % v, left, " for %s < 2] @ [" % i, right, " for %s < 2]; 0.5*" % j, Ref(v), "[0] + ",
                    Ref(v), "[1] }", binds=[v, i, j])

    def array_reshape(self, depth, ty, scope):
        if len(ty.dims) != 1 or ty.dims[0].symbol or ty.dims[0].plus % 2:
            return None
        inner = array(Size("", 2), Size("", ty.dims[0].plus // 2))
        return Node(ty, "reshape(", self.array(depth, inner, scope), ", %s)" % ty.dims[0])

    def array_window(self, depth, ty, scope):
        """A convolution: an index that is a sum of two."""
        if len(ty.dims) != 1 or not ty.dims[0].symbol or ty.dims[0].plus:
            return None
        v, w, i, j, size = self.name("v"), self.name("v"), self.name("i"), self.name("j"), ty.dims[0]
        longer, short = array(Size(size.symbol, 1)), array(Size("", 2))
        return Node(ty, "{ let %s = " % v, self.array(depth - 1, longer, scope), "; let %s = " % w,
                    self.array(depth - 1, short, scope), "; [sum(", Ref(v), "[", Ref(i), "+", Ref(j), "]*", Ref(w), "[",
                    Ref(j), "] for %s < 2) for %s < %s] }" % (j, i, size), binds=[v, w, i, j])

    # ---- programs ----

    def parameter_type(self, records):
        r = self.rng.random()
        if records and r < 0.2:
            return self.rng.choice(records).type()
        if r < 0.4:
            return REAL
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

    def function(self, name, params, ty, depth):
        # every size is bound, whatever the parameters are
        bound = [("s_" + s, array(Size(s))) for s in self.symbols]
        params = params + bound
        body = self.any(depth, ty, Scope(params))
        return Function(name, list(self.symbols), params, body)

    def program(self, depth=MOST_DEPTH):
        p = Program()
        if self.rng.random() < 0.4:
            sizes = [Size(s) for s in self.symbols]
            fields = [("r%d" % k, self.rng.choice([REAL, array(self.size()), array(self.size(), self.size())]))
                      for k in range(self.rng.randint(1, 3))]
            fields += [("r_" + s, array(Size(s))) for s in self.symbols]
            p.records.append(RecordDecl("Rec", sizes, fields))
            self.records = p.records
        for k in range(self.rng.choice([0, 0, 1, 2])):
            params = self.parameters(self.rng.randint(1, 2), p.records)
            helper = self.function("h%d" % k, params, self.rng.choice([REAL, array(self.size())]), depth - 2)
            p.functions.append(helper)
            self.helpers.append(helper)
        params = self.parameters(self.rng.randint(1, 3), p.records)
        for s in self.rng.sample(self.symbols, self.rng.choice([0, 1, 1])):
            params.append(("%s_%s" % (self.name("k"), s), Type("i64", (Size(self.rng.choice(self.symbols)),))))
        ty = self.result_type(p.records)
        p.functions.append(self.function("f", params, ty, depth))
        p.exports = ["grad(f) as g" if ty == REAL else "vjp(f) as g"]
        if self.rng.random() < 0.2:
            p.exports.append("batch[nb](f) as fb")
        p.directives = self.directives(params)
        p.fixed = [self.APPLIES[name] for name in sorted(self.applies)]
        return p

    def directives(self, params):
        rows = [(3, 2), (1, 1), (self.rng.choice([4, 7, 9, 17]), self.rng.choice([2, 5, 8, 33])), (0, 0)]
        lines = ["sizes n=%d m=%d" % row for row in rows] + ["trials 1", "coordinates 2", "single 30", "scale 1"]
        for name, ty in params:
            if ty.kind == "i64":
                lines.append("range %s 0 %s" % (name, name.rsplit("_", 1)[1]))
        return lines
