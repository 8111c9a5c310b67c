"""Constructs that reach further: matrices, functions as arguments, derivatives inside of programs, records in arrays, checkpoints.

Mixed into the Sampler of sample.py, whose methods they use.
"""
from tree import REAL, Node, Ref, Size, Type, array


class Further:
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

    # ---- derivatives inside ----

    OPERATORS = [
        ("{ let (%r, %s) = jvp(|%w: f64| ", ")(%a, %b); %r*tanh(%s) }"),
        ("{ let (%r, %s) = vjp(|%w: f64| ", ")(%a, %b); %r*tanh(%s) }"),
        ("{ let (%r, %s) = value_and_grad(|%w: f64| ", ")(%a); 0.5*%r + sin(%s + %b) }"),
        ("(%b + tanh(hvp(|%w: f64| ", ")(%a, 0.7)))"),
        ("(%b*tanh(jacobian(|%w: f64| ", ")(%a)[0, 0]))"),
        ("(%b*tanh(jacrev(|%w: f64| ", ")(%a)[0, 0]))"),
        ("tanh(grad(grad(|%w: f64| ", "))(%a) + %b)"),
        ("{ let (%r, %s) = jvp(grad(|%w: f64| ", "))(%a, %b); %r*tanh(%s) }"),
    ]

    def spelt(self, template, binds, **parts):
        """Nodes for %a and %b, names for %r, %s and %w; a name of a Ref where it is bound stays text."""
        out = []
        for i, piece in enumerate(template.split("%")):
            if i == 0:
                out.append(piece)
            elif piece[0] in parts:
                out += [parts[piece[0]], piece[1:]]
            else:
                out.append(binds[piece[0]] + piece[1:])
        return out

    def real_operator(self, depth, ty, scope):
        before, after = self.rng.choice(self.OPERATORS)
        binds = {"r": self.name("r"), "s": self.name("r"), "w": self.name("w")}
        body = self.real(depth - 1, scope.plus([(binds["w"], REAL)]))
        operands = {"a": self.real(depth - 1, scope), "b": self.real(0, scope)}
        return Node(REAL, *self.spelt(before, binds, **operands), body, *self.spelt(after, binds, **operands), binds=binds.values())

    ARRAY_OPERATORS = [
        ("{ let (%r, %s) = jvp(|%w: %t| ", ")(%a, %b); tanh(%r*%s) }", True),
        ("{ let (%r, %s) = vjp(|%w: %t| ", ")(%a, %b); tanh(%r + %s) }", True),
        ("tanh(hvp(|%w: %t| ", ")(%a, %b))", False),
        ("{ let (%r, %s) = value_and_grad(|%w: %t| ", ")(%a); tanh(%r*%s) + %b }", False),
        ("(tanh(jacfwd(|%w: %t| ", ")(%a)) @ %b)", True),
        ("(tanh(hessian(|%w: %t| ", ")(%a)) @ %b)", False),
    ]

    def array_operator(self, depth, ty, scope):
        if len(ty.dims) != 1:
            return None
        before, after, whole = self.rng.choice(self.ARRAY_OPERATORS)
        binds = {"r": self.name("r"), "s": self.name("r"), "w": self.name("w"), "t": str(ty)}
        inner = scope.plus([(binds["w"], ty)])
        body = self.array(depth - 1, ty, inner) if whole else self.real(depth - 1, inner)
        operands = {"a": self.array(depth - 1, ty, scope), "b": self.array(0, ty, scope)}
        names = [binds[k] for k in "rsw"]
        return Node(ty, *self.spelt(before, binds, **operands), body, *self.spelt(after, binds, **operands), binds=names)

    def array_batch(self, depth, ty, scope):
        """A function of a scalar over the elements, or of a vector over the rows; or its derivative."""
        if len(ty.dims) not in (1, 2) or not all(d.symbol and not d.plus for d in ty.dims):
            return None
        inner, w = Type("f64", ty.dims[1:]), self.name("w")
        body = self.array(depth - 1, inner, scope.plus([(w, inner)]))
        function = ["|%s: %s| " % (w, inner), body]
        if not inner.dims and self.rng.random() < 0.5:
            function = ["grad("] + function + [")"]
        return Node(ty, "tanh(batch[%s](" % ty.dims[0], *function, ")(", self.array(depth - 1, ty, scope), "))", binds=[w])

    def real_named(self, depth, ty, scope):
        """A function by its name as an argument."""
        fits = [h.name for h in self.helpers if h.body.ty == REAL and [t for _, t in h.params] == [REAL]]
        self.applies.add("apply0")
        name = self.rng.choice(fits + ["sin", "tanh", "sigmoid", "grad(sine)"])
        if name == "grad(sine)":
            self.need("fn sine(x: f64) -> f64 = sin(x);")
        return Node(REAL, "apply0(%s, " % name, self.real(depth - 1, scope), ")")

    # ---- more of loops, tuples and branches ----

    def real_carries(self, depth, ty, scope):
        """Three carried values: a scalar, an array, and a record or a tuple's worth."""
        row = array(self.size())
        carries = [(self.name("a"), REAL), (self.name("b"), row)]
        carries.append((self.name("c"), self.rng.choice(self.records).type() if self.records else array(self.size(), self.size())))
        t, size = self.name("t"), self.size()
        inner = scope.plus(carries, [(t, size)])
        inits, body = [], []
        for name, kind in carries:
            inits += [", " if inits else "", name + " = ", self.any(depth - 2, kind, scope)]
            body += [", " if body else "", self.damped(depth - 1, kind, inner, name) if kind.kind == "f64" else
                     Node(kind, "0.5*", Ref(name), " + tanh(", self.record(depth - 2, kind, inner), ")")]
        word = self.rng.choice(["loop", "loop", "@checkpoint(every = %d) loop" % self.rng.randint(1, 4),
                                "@checkpoint(binomial = %d) loop" % self.rng.randint(1, 4)])
        p, q, r = self.name("p"), self.name("q"), self.name("r")
        third = self.reals_of(carries[2][1], r)
        return Node(REAL, "{ let (%s, %s, %s) = %s (" % (p, q, r, word), *inits, ") for %s < %s { (" % (t, size), *body, ") }; ", Ref(p),
                    " + 0.3*sum(", Ref(q), ")", *third, " }", binds=[n for n, _ in carries] + [t, p, q, r])

    def reals_of(self, ty, name):
        """Something of a value, to be added."""
        if ty.kind == "f64":
            return [" + 0.2*sum(", Ref(name), ")"]
        field, kind = self.rng.choice(ty.name.fields)
        if kind.kind != "f64":
            return []
        return [" + 0.2*sum(", Ref(name), ".%s)" % field] if kind.dims else [" + 0.2*", Ref(name), "." + field]

    def array_two_scans(self, depth, ty, scope):
        a, b, t, p, q = (self.name(s) for s in "abtpq")
        row = Type("f64", ty.dims[1:])
        inner = scope.plus([(a, row), (b, row)], [(t, ty.dims[0])])
        return Node(ty, "{ let (%s, %s) = scan (%s = " % (p, q, a), self.array(depth - 1, row, scope), ", %s = " % b,
                    self.array(depth - 1, row, scope), ") for %s < %s { (" % (t, ty.dims[0]), self.damped(depth - 1, row, inner, a), ", ",
                    self.damped(depth - 1, row, inner, b), ") }; ", Ref(p), "*", Ref(q), " }", binds=[a, b, t, p, q])

    def real_pair_while(self, depth, ty, scope):
        a, b, p, q = (self.name(s) for s in "abpq")
        return Node(REAL, "{ let (%s, %s) = loop (%s = tanh(" % (p, q, a), self.real(depth - 1, scope), "), %s = " % b,
                    self.real(depth - 1, scope), ") while abs(", Ref(a), ") > 0.31 max_iter 200 { (0.7*", Ref(a), "*cos(", Ref(a),
                    "), 0.5*", Ref(b), " + ", Ref(a), ") }; ", Ref(p), "*", Ref(q), " }", binds=[a, b, p, q])

    def real_branches(self, depth, ty, scope):
        """An if of tuples."""
        other, p, q = array(self.size()), self.name("p"), self.name("q")
        sides = []
        for _ in range(2):
            sides += [" } else { " if sides else "", "(", self.real(depth - 1, scope), ", ", self.array(depth - 1, other, scope), ")"]
        return Node(REAL, "{ let (%s, %s) = if " % (p, q), self.condition(depth - 1, scope), " { ", *sides, " }; ", Ref(p), " + 0.3*sum(",
                    Ref(q), ") }", binds=[p, q])

    def real_dependent(self, depth, ty, scope):
        """Bounds that depend on an earlier binder of the same reduction."""
        size, i, j = self.size(), self.name("i"), self.name("j")
        body = self.real(depth, scope.plus(indices=[(i, size), (j, size)]))
        bound = self.rng.choice(["%s < %s" % (j, i), "%s in %s:%s" % (j, i, size)])
        kind, parts = self.reduction(body, "0.003")
        if kind in ("max", "min", "mean", "logsumexp"):
            kind = "sum"
        return Node(REAL, "%s(" % kind, *parts, " for %s < %s, %s)" % (i, size, bound), binds=[i, j])

    def real_stopped(self, depth, ty, scope):
        """Plus nothing, whose derivative is nothing in two ways."""
        value = self.real(depth - 1, scope)
        return Node(REAL, "(", value, " + (stop(", value, ") - stop(", value, ")))")

    def real_whole_number(self, depth, ty, scope):
        value = self.real(depth - 1, scope)
        kind = self.rng.choice(["floor(2.0*%)", "ceil(%)", "round(3.0*%)", "sign(%)", "f64(i64(2.0*%))"])
        return Node(REAL, *self.filled("(0.2*%s + %%)" % kind, REAL, [value, self.real(0, scope)]).parts)

    # ---- more of arrays ----

    def array_columns(self, depth, ty, scope):
        if len(ty.dims) != 2 or not ty.dims[1].symbol or ty.dims[1].plus:
            return None
        v, n = self.name("v"), ty.dims[1].symbol
        longer = array(ty.dims[0], Size(n, 1))
        window = self.rng.choice(["[:, 1:]", "[:, 0:%s]" % n, "[0:, 1:%s+1]" % n])
        return Node(ty, "{ let %s = " % v, self.array(depth - 1, longer, scope), "; ", Ref(v), window + " }", binds=[v])

    def array_scatter_rows(self, depth, ty, scope):
        if len(ty.dims) != 2 or ty.dims[0].least() < 1:
            return None
        i, size, k = self.name("i"), self.size(), ty.dims[0].least()
        row = self.array(depth - 1, array(ty.dims[1]), scope.plus(indices=[(i, size)]))
        return Node(ty, "scatter(%s, (" % ty.dims[0], Ref(i), " %% %d) => " % k, row, " for %s < %s)" % (i, size), binds=[i])

    def array_with_row(self, depth, ty, scope):
        """A row (of a vector: an element, twice) replaced; what is replaced may have any rank."""
        if len(ty.dims) > 1:
            index = self.index(ty.dims[0], scope)
            new = index and self.array(depth - 1, array(*ty.dims[1:]), scope)
            return Node(ty, "(", self.array(depth - 1, ty, scope), " with [", index, "] = ", new, ")") if index else None
        first, second = self.index(ty.dims[0], scope), self.index(ty.dims[0], scope)
        if not first or not second:
            return None
        return Node(ty, "(", self.array(depth - 1, ty, scope), " with [", first, "] = ", self.real(depth - 1, scope), " with [", second,
                    "] = ", self.real(depth - 1, scope), ")")

    def array_cross(self, depth, ty, scope):
        if ty != array(Size("", 3)):
            return None
        return Node(ty, "cross(", self.array(depth, ty, scope), ", ", self.array(depth, ty, scope), ")")

    def array_diagonal(self, depth, ty, scope):
        if len(ty.dims) == 2 and ty.dims[0] == ty.dims[1]:
            return Node(ty, self.rng.choice(["(eye(%s) + diag(" % ty.dims[0], "(0.5*diag("]), self.array(depth - 1, array(ty.dims[0]), scope), "))")
        if len(ty.dims) == 1:
            return Node(ty, "diag(", self.array(depth - 1, array(ty.dims[0], ty.dims[0]), scope), ")")
        return None

    def array_counted(self, depth, ty, scope):
        if len(ty.dims) != 1:
            return None
        return Node(ty, "(0.1*f64(iota(%s))*" % ty.dims[0], self.real(depth - 1, scope), ")")

    # ---- arrays of records that are parameters ----

    def real_of_records(self, depth, ty, scope):
        """A number of one of the records of a parameter."""
        for name, t in scope.variables:
            if t.kind != "record" or not t.dims:
                continue
            index = self.index(t.dims[0], scope)
            fields = [(f, ft) for f, ft in t.name.fields if ft.kind == "f64"]
            field, field_ty = self.rng.choice(fields)
            inner = [self.index(d, scope) for d in field_ty.dims]
            if index and all(inner):
                return Node(REAL, Ref(name), "[", index, "].%s" % field, *(["["] + self.joined(inner) + ["]"] if inner else []))
        return None
