"""Values of bp as Python has them, and their order when they are flattened.

A float is a float (or Dual), an integer an int, an array a list, a tuple a tuple, a record a Record. An array of records is a list of
Records; its leaves come as the C interface has them, each with the array's axes in front.
"""


class Record(dict):
    """Fields in order; `type` is how bp names the type, sizes filled in."""

    def __init__(self, type_text, fields):
        super().__init__(fields)
        self.type = type_text


def is_int(x):
    return isinstance(x, int)


def leaves(x):
    """For each leaf of x, the paths of its elements."""
    if isinstance(x, (dict, tuple)):
        items = x.items() if isinstance(x, dict) else enumerate(x)
        return [[(key,) + p for p in leaf] for key, part in items for leaf in leaves(part)]
    if isinstance(x, list):
        rows = [leaves(row) for row in x]
        if not rows:
            return [[]]
        return [[(i,) + p for i, row in enumerate(rows) for p in row[k]] for k in range(len(rows[0]))]
    return [[()]]


def at(x, path):
    for key in path:
        x = x[key]
    return x


def float_paths(x):
    return [p for leaf in leaves(x) for p in leaf if not is_int(at(x, p))]


def floats(x):
    """All floats of x, in order."""
    return [at(x, p) for p in float_paths(x)]


def mapped(x, f):
    """x with f(element) for every float."""
    if isinstance(x, Record):
        return Record(x.type, {k: mapped(v, f) for k, v in x.items()})
    if isinstance(x, tuple):
        return tuple(mapped(v, f) for v in x)
    if isinstance(x, list):
        return [mapped(v, f) for v in x]
    return x if is_int(x) else f(x)


def filled(x, numbers):
    """x with its floats replaced, in order, by `numbers`."""
    paths, spread = float_paths(x), {}
    for p, number in zip(paths, numbers, strict=True):
        spread[p] = number

    def walk(v, path):
        if isinstance(v, Record):
            return Record(v.type, {k: walk(w, path + (k,)) for k, w in v.items()})
        if isinstance(v, (tuple, list)):
            return type(v)(walk(w, path + (i,)) for i, w in enumerate(v))
        return v if is_int(v) else spread[path]

    return walk(x, ())


def type_text(x):
    """The type of x as bp writes it, with the sizes that it has."""
    if isinstance(x, Record):
        return x.type
    if isinstance(x, tuple):
        return "(%s)" % ", ".join(type_text(v) for v in x)
    if isinstance(x, list):
        dims = []
        while isinstance(x, list):
            dims.append(str(len(x)))
            x = x[0]
        return "[%s]%s" % (",".join(dims), type_text(x))
    return "bool" if isinstance(x, bool) else "i64" if is_int(x) else "f64"
