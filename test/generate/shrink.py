"""Cuts a failing program down while it fails for the same reason."""
from tree import BOOL, INT, Node, Ref

MOST_RUNS = 250


def smallest(ty):
    """The plainest expression of a type."""
    if ty == BOOL:
        return [Node(ty, "true"), Node(ty, "false")]
    if ty == INT:
        return [Node(ty, "0")]
    if ty.kind == "record" and ty.dims:
        return [Node(ty, "[", smallest(ty.name.type())[0], " for z0 < %s]" % ty.dims[0])]
    if ty.kind == "record":
        parts = []
        for name, field in ty.name.fields:
            parts += [", " if parts else "", name + " = ", smallest(field)[0]]
        return [Node(ty, ty.name.name + "(", *parts, ")")]
    if ty.kind == "tuple":
        parts = []
        for part in ty.parts:
            parts += [", " if parts else "", smallest(part)[0]]
        return [Node(ty, "(", *parts, ")")]
    if ty.dims:
        return [Node(ty, "ones(%s)" % ", ".join(map(str, ty.dims)))]
    return [Node(ty, "0.5")]


def replacements(node, params):
    """Smaller nodes that may stand in place of this one."""
    names = node.free() | {name for name, _ in params}
    for below in node.below():
        if below.ty == node.ty and below.free() <= names:
            yield below
    for name, ty in params:
        if ty == node.ty and node.count() > 1:
            yield Node(ty, Ref(name))
    for leaf in smallest(node.ty):
        if node.text() != leaf.text() and (node.count() > 1 or len(leaf.text()) < len(node.text())):
            yield leaf


def places(node):
    """(parent, position) of every node below, the nearest first."""
    layer = [node]
    while layer:
        following = []
        for parent in layer:
            for k, part in enumerate(parent.parts):
                if isinstance(part, Node):
                    yield parent, k
                    following.append(part)
        layer = following


def expression_cuts(program):
    for f in program.functions:
        holder = Node(f.body.ty, f.body)
        for parent, k in places(holder):
            old = parent.parts[k]
            for new in replacements(old, f.params):
                parent.parts[k] = new
                f.body = holder.parts[0]
                yield
                parent.parts[k] = old
                f.body = holder.parts[0]


def list_cuts(items):
    for k in reversed(range(len(items))):
        old = items.pop(k)
        yield
        items.insert(k, old)


def cuts(program):
    """Makes one change after another, each undone when the caller goes on."""
    if program.odd:
        program.odd = False
        yield
        program.odd = True
    yield from expression_cuts(program)
    yield from list_cuts(program.functions)
    yield from list_cuts(program.records)
    yield from list_cuts(program.fixed)
    if len(program.exports) > 1:
        yield from list_cuts(program.exports)
    yield from list_cuts(program.directives)
    for f in program.functions:
        if f.rule:
            rule, f.rule = f.rule, None
            yield
            f.rule = rule
        if f.name == "f":
            yield from list_cuts(f.params)
            yield from list_cuts(f.sizes)


def shrink(program, verdict, trial):
    """The smallest program found, which is not the last one tried: a cut that is left in the middle stays made."""
    runs, again, best = 0, True, program.copy()
    while again and runs < MOST_RUNS:
        again, program = False, best.copy()
        for _ in cuts(program):
            runs += 1
            now = trial.run(program.text())
            if now.kind == verdict.kind:
                best, verdict, again = program.copy(), now, True
                break
            if runs >= MOST_RUNS:
                break
    return best, verdict
