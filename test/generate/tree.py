"""Programs as trees of text: what the generator makes and the shrinker cuts.

A Node is an expression of a known type: pieces of text, names of variables (Ref) and other Nodes, in
order. Every name is bound once in a program, so that a subtree may stand wherever all names that it
uses are bound. `sample` draws nothing here: this module is only the shape of programs.
"""


import re

BINDER = re.compile(r"(?:for|,) \w+ (?:<|in) ([^\s,)\]]+)")
DERIVATIVE = re.compile(r"\b(grad|value_and_grad|vjp|jvp|jacrev|jacfwd|hvp|hessian)\(")


class Size:
    """A size symbol plus a constant; a constant alone when the symbol is empty."""

    def __init__(self, symbol, plus=0):
        self.symbol, self.plus = symbol, plus

    def __eq__(self, other):
        return (self.symbol, self.plus) == (other.symbol, other.plus)

    def __hash__(self):
        return hash((self.symbol, self.plus))

    def __str__(self):
        if not self.symbol:
            return str(self.plus)
        return self.symbol if self.plus == 0 else "%s+%d" % (self.symbol, self.plus)

    def least(self):
        """The extent that it has at least, where sizes may be 0."""
        return self.plus


class Type:
    """Scalars, arrays of a scalar, records and tuples. Immutable; compared by structure."""

    def __init__(self, kind, dims=(), parts=(), name=None):
        self.kind, self.dims, self.parts, self.name = kind, tuple(dims), tuple(parts), name

    def key(self):
        return (self.kind, self.dims, tuple(p.key() for p in self.parts), self.name)

    def __eq__(self, other):
        return self.key() == other.key()

    def __hash__(self):
        return hash(self.key())

    def __str__(self):
        if self.kind == "tuple":
            return "(%s)" % ", ".join(map(str, self.parts))
        dims = "[%s]" % ",".join(map(str, self.dims)) if self.dims else ""
        if self.kind == "record":
            return dims + "%s[%s]" % (self.name.name, ",".join(map(str, self.name.sizes)))
        return dims + self.kind


class RecordDecl:
    """type NAME[sizes] = {fields}."""

    def __init__(self, name, sizes, fields):
        self.name, self.sizes, self.fields = name, sizes, fields

    def __str__(self):
        fields = ", ".join("%s: %s" % (name, ty) for name, ty in self.fields)
        return "type %s[%s] = {%s};" % (self.name, ",".join(map(str, self.sizes)), fields)

    def type(self, *dims):
        return Type("record", dims, [ty for _, ty in self.fields], self)

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


REAL, INT, BOOL = Type("f64"), Type("i64"), Type("bool")


def array(*dims):
    return Type("f64", dims)


class Ref:
    """A use of a variable."""

    def __init__(self, name):
        self.name = name


class Node:
    def __init__(self, ty, *parts, binds=()):
        self.ty, self.parts, self.binds = ty, list(parts), tuple(binds)

    def text(self):
        return "".join(p.text() if isinstance(p, Node) else p.name if isinstance(p, Ref) else p
                       for p in self.parts)

    def children(self):
        return [p for p in self.parts if isinstance(p, Node)]

    def free(self):
        names = set()
        for p in self.parts:
            if isinstance(p, Ref):
                names.add(p.name)
            elif isinstance(p, Node):
                names |= p.free()
        return names - set(self.binds)

    def count(self):
        return 1 + sum(c.count() for c in self.children())

    def below(self):
        """Every node under this one, the nearest first."""
        layer = self.children()
        while layer:
            yield from layer
            layer = [c for node in layer for c in node.children()]

    def orders(self, own):
        """Of derivatives taken here, each of which runs loops with few stored states in it once more for each step."""
        stored = sum("binomial" in str(p) for node in self.below() for p in node.parts if not isinstance(p, Node))
        return stored and sum(2 if name in ("hvp", "hessian") else 1 for name in DERIVATIVE.findall(own))

    def loops(self, helpers):
        """How many loops over symbolic sizes stand in one another, at most; helpers: the same of the functions called. With
        few stored states a loop is run again for each step, and so are those of its derivatives."""
        own = "".join("" if isinstance(p, Node) else p.name if isinstance(p, Ref) else p for p in self.parts)
        here = sum(not bound.isdigit() for bound in BINDER.findall(own))
        called = [count for name, count in helpers.items() if name + "(" in own]
        here += 2 * own.count("binomial") + self.orders(own)
        axes = sum(bool(size.symbol) for size in self.ty.dims)
        return max(here + max([c.loops(helpers) for c in self.children()] + called + [0]), axes)

    def copy(self):
        parts = [p.copy() if isinstance(p, Node) else p for p in self.parts]
        return Node(self.ty, *parts, binds=self.binds)


class Function:
    """`rule`: the text of its derivative, which names a twin of it, NAME_twin."""

    def __init__(self, name, sizes, params, body, rule=None):
        self.name, self.sizes, self.params, self.body, self.rule = name, sizes, params, body, rule

    def text(self):
        if not self.rule:
            return self.plain(self.name)
        return "%s\n%s\n%s" % (self.plain(self.name + "_twin"), self.plain(self.name), self.rule)

    def plain(self, name):
        params = ", ".join("%s: %s" % (name, ty) for name, ty in self.params)
        sizes = "[%s]" % ",".join(self.sizes) if self.sizes else ""
        return "fn %s%s(%s) -> %s =\n    %s;" % (name, sizes, params, self.body.ty, self.body.text())


class Program:
    """`directives`: the lines of the oracle's specification. `exports`: after `export`. `fixed`: lines as they are.
    `odd`: with comments, tabs and carriage returns wherever white space may be."""

    def __init__(self):
        self.records, self.functions, self.exports, self.directives, self.fixed = [], [], [], [], []
        self.odd = False

    def text(self):
        lines = [str(r) for r in self.records]
        lines += self.fixed
        lines += [f.text() for f in self.functions]
        lines += ["export %s;" % e for e in self.exports]
        text = "\n".join(lines) + "\n"
        if self.odd:
            text = text.replace(" = ", "\t=// f64, \r\n").replace("; ", " ;\r\n\r\n\t").replace(", ", " ,//\n")
        return "".join("//! %s\n" % d for d in self.directives) + text

    def copy(self):
        other = Program()
        other.records, other.directives = list(self.records), list(self.directives)
        other.exports, other.fixed, other.odd = list(self.exports), list(self.fixed), self.odd
        other.functions = [Function(f.name, list(f.sizes), list(f.params), f.body.copy(), f.rule)
                           for f in self.functions]
        return other
