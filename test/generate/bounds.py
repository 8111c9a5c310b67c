"""Constructs of bounds and of what is no float: ranges that begin below zero or are empty, binders that depend on several,
integers and booleans that are carried or stored, tuples in tuples, planes of arrays of rank 3.

Mixed into the Sampler of sample.py. A binder that may lie outside of an array is used as an index only where a condition
says that it is inside.
"""
from tree import INT, REAL, Node, Ref, Size, array


class Bounds:
    def inside(self, i, size, depth, scope):
        """What may use i as an index into an axis of that size, where i is one; else something of i's value."""
        within = self.real(depth, scope.plus(indices=[(i, size)]))
        other = Node(REAL, "0.1*f64(", Ref(i), ")*", self.real(depth - 1, scope))
        return Node(REAL, "(if ", Ref(i), " >= 0 && ", Ref(i), " < %s { " % size, within, " } else { ", other, " })")

    def real_below_zero(self, depth, ty, scope):
        """A range that begins below zero, ends beyond the axis, or is empty for small sizes."""
        i, size = self.name("i"), self.size()
        low = self.rng.choice(["-2", "-%s" % size.symbol if size.symbol else "-3", "1-(%s)" % size, "%s-3" % size, "0"])
        high = self.rng.choice(["%s" % size, "%s+2" % size, "2", "%s-2" % size, "1"])
        return Node(REAL, "sum(", self.inside(i, size, depth - 1, scope), " for %s in %s:%s)" % (i, low, high), binds=[i])

    def real_around(self, depth, ty, scope):
        """Neighbours of an index: bounds that depend on it, below zero and beyond the end."""
        i, j, size = self.name("i"), self.name("j"), self.size()
        low, high = self.rng.choice([("-2", "+2"), ("-1", "+1"), ("-2", "-0"), ("-3", "-1")])
        outer = scope.plus(indices=[(i, size)])
        body = self.inside(j, size, depth - 1, outer)
        return Node(REAL, "sum(", body, " for %s < %s, %s in %s%s:%s%s)" % (i, size, j, i, low, i, high), binds=[i, j])

    def real_neighbours(self, depth, ty, scope):
        """The same around an index of what stands around."""
        if not scope.indices:
            return None
        outer, size = self.rng.choice(scope.indices)
        j = self.name("j")
        return Node(REAL, "sum(", self.inside(j, size, depth - 1, scope), " for %s in " % j, Ref(outer), "-1:", Ref(outer),
                    self.rng.choice(["+2)", ")", "-1)"]), binds=[j])

    def real_three(self, depth, ty, scope):
        """Three binders, the last between the others."""
        size, i, j, k = self.size(), self.name("i"), self.name("j"), self.name("k")
        body = self.real(depth - 1, scope.plus(indices=[(i, size), (j, size), (k, size)]))
        bounds = self.rng.choice(["%s < %s, %s in %s:%s+1" % (j, i, k, j, i), "%s in %s:%s, %s < %s-%s" % (j, i, size, k, j, i)])
        return Node(REAL, "0.3*sum(", body, " for %s < %s, %s)" % (i, size, bounds), binds=[i, j, k])

    def real_short(self, depth, ty, scope):
        """As many steps as an integer parameter leaves, which may be fewer than none."""
        counts = scope.of(INT)
        if not counts:
            return None
        a, t, count, less = self.name("a"), self.name("t"), self.rng.choice(counts), self.rng.randint(1, 3)
        short = "min(%d, " % self.rng.randint(2, 4), *self.rng.choice([(Ref(count), " - %d)" % less), ("%d - " % less, Ref(count), ")")])
        kind = self.rng.randrange(4)
        if kind == 0:
            return Node(REAL, "(loop %s = " % a, self.real(depth - 1, scope), " for %s < " % t, *short, " { ",
                        self.damped(depth, REAL, scope.plus([(a, REAL)]), a), " })", binds=[a, t])
        if kind == 1:
            return Node(REAL, "sum(", self.real(depth, scope), "*0.2*f64(", Ref(t), ") for %s in %d:" % (t, less - 2), *short, ")",
                        binds=[t])
        if kind == 2:
            return Node(REAL, "sum(tanh([", self.real(depth, scope), "*0.2*f64(", Ref(t), ") for %s < max(0, " % t, *short, ")]))",
                        binds=[t])
        other, p, q = self.name("b"), self.name("p"), self.name("q")
        return Node(REAL, "{ let (%s, %s) = loop (%s = 1, %s = " % (p, q, a, other), self.real(depth - 1, scope), ") for %s < " % t, *short,
                    " { (2*", Ref(a), ", 0.5*", Ref(other), " + f64(", Ref(a), ")*", self.real(depth - 1, scope), ") }; ", Ref(q),
                    " + 0.1*f64(", Ref(p), ") }", binds=[a, other, t, p, q])

    def real_counting(self, depth, ty, scope):
        """An integer carried beside a float, that depends on it."""
        k, a, t, p, q, size = *(self.name(s) for s in "katpq"), self.size()
        inner = scope.plus([(a, REAL)], [(t, size)])
        return Node(REAL, "{ let (%s, %s) = loop (%s = 0, %s = " % (p, q, k, a), self.real(depth - 1, scope), ") for %s < %s { (" % (t, size),
                    Ref(k), " + (if ", self.condition(depth - 1, inner), " { 1 } else { 0 }), ", self.damped(depth - 1, REAL, inner, a), ") }; ",
                    Ref(q), "*(1.0 + 0.1*f64(", Ref(p), ")) }", binds=[k, a, t, p, q])

    def real_mask(self, depth, ty, scope):
        """An array of booleans, or of integers that conditions choose."""
        v, i, j, size = self.name("v"), self.name("i"), self.name("j"), self.size()
        chosen = self.condition(depth - 1, scope.plus(indices=[(i, size)]))
        value = self.real(depth - 1, scope.plus(indices=[(j, size)]))
        if self.rng.random() < 0.5:
            return Node(REAL, "{ let %s = [" % v, chosen, " for %s < %s]; sum(if " % (i, size), Ref(v), "[", Ref(j), "] { ", value,
                        " } else { 0.1 } for %s < %s) }" % (j, size), binds=[v, i, j])
        return Node(REAL, "{ let %s = [if " % v, chosen, " { 2 } else { 1 } for %s < %s]; sum(f64(" % (i, size), Ref(v), "[", Ref(j), "])*", value,
                    " for %s < %s) }" % (j, size), binds=[v, i, j])

    def real_nested(self, depth, ty, scope):
        """A tuple in a tuple."""
        v, other = self.name("v"), array(self.size())
        return Node(REAL, "{ let %s = ((" % v, self.real(depth - 1, scope), ", ", self.array(depth - 1, other, scope), "), ",
                    self.real(depth - 1, scope), "); (", Ref(v), ".0).0*", Ref(v), ".1 + tanh(sum((", Ref(v), ".0).1)) }", binds=[v])

    def real_unbounded(self, depth, ty, scope):
        """A binder that takes the extent of what it is an index of; so no longer axis may be read by it."""
        v, i, size = self.name("v"), self.name("i"), self.size()
        value = self.real(depth - 1, scope)
        return Node(REAL, "{ let %s = " % v, self.array(depth - 1, array(size), scope), "; sum(", Ref(v), "[", Ref(i), "]*(", value,
                    " + 0.1*f64(", Ref(i), ")) for %s) + 0.1*f64(len(" % i, Ref(v), ")) }", binds=[v, i])

    def real_place(self, depth, ty, scope):
        """The place of the largest of a reduction."""
        v, i, symbol = self.name("v"), self.name("i"), self.rng.choice(self.symbols)
        size = self.rng.choice([Size("", 3), Size(symbol, 1)])
        value = self.real(depth - 1, scope.plus(indices=[(i, size)]))
        return Node(REAL, "{ let %s = " % v, self.array(depth - 1, array(size), scope), "; ", Ref(v), "[%s(" % self.rng.choice(["argmax", "argmin"]),
                    value, " for %s < %s)] }" % (i, size), binds=[v, i])

    def array_ranged(self, depth, ty, scope):
        """Elements of a range that begins elsewhere."""
        if len(ty.dims) != 1:
            return None
        i, size = self.name("i"), ty.dims[0]
        start = self.rng.choice([-2, -1, 1, 2])
        return Node(ty, "[", self.inside(i, size, depth - 1, scope), " for %s in %d:%s%+d]" % (i, start, size, start), binds=[i])

    def array_plane(self, depth, ty, scope):
        """Of an array of rank 3."""
        if len(ty.dims) != 2:
            return None
        v, k = self.name("v"), Size("", self.rng.randint(1, 2))
        at, axis = str(self.rng.randrange(k.plus)), self.rng.randrange(3)
        dims, places = list(ty.dims), [":", ":"]
        dims.insert(axis, k)
        places.insert(axis, at)
        return Node(ty, "{ let %s = " % v, self.array(depth - 1, array(*dims), scope), "; ", Ref(v), "[%s] }" % ", ".join(places), binds=[v])
