"""Programs that must have the same values and derivatives: one function of a program, rewritten in a way that means the same.

Each `make_*` changes a copy of the program in place; False where there is no place for the change. Gradients stay the same but for
rounding. So do values, and where only an attribute changed every bit of them; and every bit of the gradient, where a loop without
products has another setting.
"""
import re

from tree import REAL, Function, Node, Ref

ATTRIBUTES = ("checkpoint", "loop_checkpoint")

# What becomes a product with something that all steps of a loop share. Its adjoint is one product of all steps where they are stored
# and a sum step by step where they are computed again: the same but for rounding.
PRODUCT = re.compile(r" @ |\b(sum|mean|dot|outer|cross|trace|solve|cholsolve|trisolve|cholesky|inv|det|logdet|linear|conv2d|attention)\(")


def gradients_alike(kind, text):
    """How the gradients of a program and of its variant agree: `bits` (of code that is not optimised) or `near`."""
    return "bits" if kind.startswith("loop_checkpoint") and not PRODUCT.search(text) else "near"


def places(node):
    """(parent, position) of every float expression below."""
    for k, part in enumerate(node.parts):
        if isinstance(part, Node):
            if part.ty.kind == "f64":
                yield node, k
            yield from places(part)


class Rewriter:
    """`types`: of every name of the program."""

    def __init__(self, types, rng):
        self.types, self.rng, self.fresh = types, rng, 0
        self.kinds = sorted(name[5:] for name in dir(self) if name.startswith("make_"))

    def rewrite(self, kind, program):
        """The program after one change of that kind; None: it does not fit."""
        program = program.copy()
        function = next(f for f in program.functions if f.name == "f")
        holder = Node(function.body.ty, function.body)
        fits = getattr(self, "make_" + kind)(program, holder)
        function.body = holder.parts[0]
        return program if fits else None

    def name(self, stem):
        self.fresh += 1
        return "%s_%d" % (stem, self.fresh)

    def place(self, holder, fits=lambda node: True):
        found = [(parent, k) for parent, k in places(holder) if fits(parent.parts[k])]
        return self.rng.choice(found) if found else (None, None)

    def renamed(self, node):
        """A copy in which everything that is bound has another name."""
        names = {}

        def collect(n):
            names.update({b: self.name(b) for b in n.binds})
            for child in n.children():
                collect(child)

        collect(node)
        for old, new in names.items():
            self.types[new] = self.types.get(old)
        return replaced(node, names)

    # ---- what means the same ----

    def make_plus_zero(self, program, holder):
        parent, k = self.place(holder)
        if parent:
            parent.parts[k] = Node(parent.parts[k].ty, "(", parent.parts[k], self.rng.choice([" + 0.0)", " - 0.0)"]))
        return parent is not None

    def make_times_one(self, program, holder):
        parent, k = self.place(holder)
        if parent:
            parent.parts[k] = Node(parent.parts[k].ty, "(", parent.parts[k], self.rng.choice(["*1.0)", "/1.0)"]))
        return parent is not None

    def make_lets(self, program, holder):
        """Two operands as lets, in an order of their own."""
        def fits(node):
            return not node.binds and str(node.parts[0])[:3] != "(if" and len([c for c in node.children() if c.ty.kind == "f64"]) > 1

        parent, k = self.place(holder, fits)
        if not parent:
            return False
        node = parent.parts[k].copy()
        spots = [i for i, p in enumerate(node.parts) if isinstance(p, Node) and p.ty.kind == "f64"]
        lets = []
        for i in spots:
            name = self.name("z")
            lets += [["let %s = " % name, node.parts[i], "; "]]
            node.parts[i] = Ref(name)
        self.rng.shuffle(lets)
        names = [piece[0][4:-3] for piece in lets]
        parent.parts[k] = Node(node.ty, "{ ", *[p for let in lets for p in let], node, " }", binds=names)
        return True

    def make_outlined(self, program, holder):
        """An expression as a function of what it uses."""
        parent, k = self.place(holder, lambda node: node.count() > 2)
        if not parent:
            return False
        body = parent.parts[k]
        names = sorted(body.free() | {"s_n", "s_m"})
        function = Function(self.name("outlined"), ["n", "m"], [(n, self.types[n]) for n in names], body)
        program.functions.insert(len(program.functions) - 1, function)
        parent.parts[k] = Node(body.ty, function.name + "(", *joined([Ref(n) for n in names]), ")")
        return True

    def make_inlined(self, program, holder):
        """The body of a helper where it is called."""
        helpers = {h.name + "(": h for h in program.functions if h.name != "f" and not h.rule}
        parent, k = self.place(holder, lambda node: node.parts[0] in helpers)
        if not parent:
            return False
        call = parent.parts[k]
        helper = helpers[call.parts[0]]
        given = [p for p in call.parts if isinstance(p, (Node, Ref))]
        names = {name: self.name("q") for name, _ in helper.params}
        body = replaced(self.renamed(helper.body), names)
        lets = [p for (name, _), value in zip(helper.params, given) for p in ("let %s = " % names[name], value, "; ")]
        parent.parts[k] = Node(call.ty, "{ ", *lets, body, " }", binds=names.values())
        return True

    def make_split_sum(self, program, holder):
        """A sum in two halves."""
        def fits(node):
            return node.parts[0] == "sum(" and re.fullmatch(r" for \w+ < [nm](\+1)?\)", str(node.parts[-1]))

        parent, k = self.place(holder, fits)
        if not parent:
            return False
        first, second = parent.parts[k], self.renamed(parent.parts[k])
        for node, bounds in ((first, "0:(%s)/2"), (second, "(%s)/2:%s")):
            i, size = re.match(r" for (\w+) < (.*)\)", node.parts[-1]).groups()
            node.parts[-1] = " for %s in %s)" % (i, bounds.replace("%s", size))
        parent.parts[k] = Node(REAL, "(", first, " + ", second, ")")
        return True

    def make_split_loop(self, program, holder):
        """A loop of one carry in two halves."""
        def fits(node):
            return node.parts[0] == "(" and "loop (" in str(node.parts[1]) and len(node.binds) == 2 and any(
                re.fullmatch(r"\) for \w+ < [nm](\+1)? \{ ", str(p)) for p in node.parts)

        parent, k = self.place(holder, fits)
        if not parent:
            return False
        first, second = parent.parts[k], self.renamed(parent.parts[k])
        between, t, size = self.name("z"), self.name("t"), None
        for node in (first, second):
            at = next(i for i, p in enumerate(node.parts) if str(p).startswith(") for "))
            inner, size = re.match(r"\) for (\w+) < (.*) \{ ", node.parts[at]).groups()
            node.parts[at] = ") for %s < (%s)/2 { " % (inner, size)
        at = next(i for i, p in enumerate(second.parts) if str(p).startswith(") for "))
        second.parts[at] = ") for %s < %s - (%s)/2 { let %s = %s + (%s)/2; " % (t, size, size, inner, t, size)
        second.parts[at - 1] = Ref(between)
        second.binds += (t,)
        parent.parts[k] = Node(first.ty, "{ let %s = " % between, first, "; ", second, " }", binds=[between])
        return True

    # ---- attributes ----

    def make_checkpoint(self, program, holder):
        parent, k = self.place(holder)
        if parent:
            parent.parts[k] = Node(parent.parts[k].ty, "checkpoint { ", parent.parts[k], " }")
        return parent is not None

    def make_loop_checkpoint(self, program, holder):
        """Another setting of a loop, or none."""
        found = [(node, k) for node in all_nodes(holder) for k, p in enumerate(node.parts) if isinstance(p, str) and LOOP.search(p)]
        if not found:
            return False
        node, k = self.rng.choice(found)
        settings = ["", "@checkpoint ", "@checkpoint(every = 1) ", "@checkpoint(every = 2) ", "@checkpoint(binomial = 2) "]
        now = LOOP.search(node.parts[k]).group(1) or ""
        node.parts[k] = LOOP.sub(lambda m: self.rng.choice([s for s in settings if s != now]) + "loop (", node.parts[k])
        return True


LOOP = re.compile(r"(@checkpoint(?:\([^)]*\))? )?\bloop \(")


def joined(parts):
    return [p for i, part in enumerate(parts) for p in ([", ", part] if i else [part])]


def all_nodes(node):
    yield node
    for child in node.children():
        yield from all_nodes(child)


def replaced(node, names):
    """A copy with names replaced, also where they are bound."""
    if not names:
        return node.copy()
    pattern = re.compile(r"\b(%s)\b" % "|".join(map(re.escape, names)))

    def change(part):
        if isinstance(part, Node):
            return replaced(part, names)
        if isinstance(part, Ref):
            return Ref(names.get(part.name, part.name))
        return pattern.sub(lambda m: names[m.group(1)], part)

    return Node(node.ty, *map(change, node.parts), binds=[names.get(b, b) for b in node.binds])
