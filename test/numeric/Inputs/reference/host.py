"""Compiles a model with bpc, loads the object, and calls its functions by what the header says of them.

The header's comments name every leaf with its extents; that order is the order of `trees.leaves`.
"""
import ctypes
import itertools
import math
import os
import re
import subprocess

from trees import at, floats, leaves


class Failed(Exception):
    pass


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed("$ %s\n%s%s" % (" ".join(command), done.stdout, done.stderr))
    return done.stdout


class Leaf:
    def __init__(self, path, dims, unused):
        self.path, self.dims, self.unused = path, dims, unused


def parse_leaves(text):
    """`p {a {w[n], k (not written)}, t[2]}` as leaves in order."""
    tokens = re.findall(r"\(not written\)|\[[^]]*\]|[{},]|[A-Za-z_]\w*", text)
    out, path = [], []
    for token in tokens:
        if token == "{":
            out.pop()
        elif token == "}":
            path.pop()
        elif token == ",":
            path.pop()
        elif token.startswith("["):
            out[-1].dims = [d.strip() for d in token[1:-1].split(",")]
        elif token.startswith("("):
            out[-1].unused = True
        else:
            path.append(token)
            out.append(Leaf(tuple(path), [], False))
    return out


class Function:
    """One export: its parameters in C, and the leaves behind each input and result."""

    def __init__(self, comment, name, parameters):
        self.name = name
        groups = [(kind, parse_leaves(text)) for kind, text in re.findall(r"\*   (in|out) +(.*)", comment)]
        self.ins = [g for kind, g in groups if kind == "in"]
        self.outs = [g for kind, g in groups if kind == "out"]
        types = [p.strip() for p in parameters.split(",")]
        self.n_sizes = len(types) - len(groups) - 1
        self.own_sizes = [p.split()[-1] for p in types[:self.n_sizes]]
        self.in_types = types[self.n_sizes:self.n_sizes + len(self.ins)]
        self.out_types = types[self.n_sizes + len(self.ins):-1]


def parse_structs(header):
    """For each struct, the C types of its leaves in order."""
    structs = {}
    for body, name in re.findall(r"typedef struct \{(.*?)\} (\w+);", header, re.S):
        structs[name] = []
        for field_type in re.findall(r"(\w+) [*\w, ]+;", body):
            structs[name] += structs.get(field_type, [field_type])
    return structs


def number_type(c_type):
    return {"double": ctypes.c_double, "float": ctypes.c_float, "bool": ctypes.c_bool}.get(c_type, ctypes.c_int64)


class Module:
    made = itertools.count(1)

    def __init__(self, bpc, cc, source, directory, options, exports=()):
        name = os.path.join(directory, "m")
        # Of a name that is open already the loader would give the library that it has.
        library = "%s%d.so" % (name, next(Module.made))
        run([bpc, source, "-o", name + ".o"] + options + ["--export=" + e for e in exports])
        run(cc.split() + ["-shared", name + ".o", "-o", library, "-lm"])
        with open(name + ".h", encoding="utf-8") as handle:
            self.header = handle.read()
        self.structs = parse_structs(self.header)
        self.library = ctypes.CDLL(os.path.abspath(library))
        self.library.m_error.restype = ctypes.c_char_p
        found = re.findall(r"/\* export (.*?)\*/\s*size_t \w+\([^)]*\);\s*int (\w+)\(([^)]*)\);", self.header, re.S)
        self.functions = {n: Function(c, n, re.sub(r"\s+", " ", p)) for c, n, p in found}

    def leaf_types(self, c_type, group):
        word = c_type.replace("const ", "").split(" ")[0]
        types = self.structs.get(word, [word] * len(group))
        assert len(types) == len(group), (c_type, types)
        return types

    def inputs(self, f, args):
        """What is passed, the sizes by name, and the integer scalars."""
        given = split_tuples(args, f.ins)
        assert len(given) == len(f.ins), "%s takes %d arguments, not %d" % (f.name, len(f.ins), len(given))
        sizes, passed, whole, keep = {}, [], [], []
        for value, group, c_type in zip(given, f.ins, f.in_types):
            arrays = []
            for leaf, paths, t in zip(group, leaves(value), self.leaf_types(c_type, group), strict=True):
                bind(sizes, leaf.dims, extents(value, paths))
                numbers = [at(value, p) for p in paths]
                make = number_type(t)
                if "*" in c_type:
                    arrays.append((make * max(1, len(numbers)))(*numbers))
                    continue
                arrays.append(make(numbers[0]))
                if make is ctypes.c_int64:
                    whole.append(arrays[0])
                    sizes.setdefault(leaf.path[0], numbers[0])
            passed.append(packed(c_type, arrays, keep))
        return passed, sizes, whole, keep

    def call(self, name, args):
        """The floats of all results, in order."""
        f = self.functions[name]
        passed, sizes, whole, keep = self.inputs(f, args)
        results = []
        for group, c_type in zip(f.outs, f.out_types, strict=True):
            arrays = []
            for leaf, t in zip(group, self.leaf_types(c_type, group)):
                count = math.prod(eval(d.replace("/", "//"), {}, sizes) for d in leaf.dims)
                arrays.append((number_type(t) * max(1, count))())
                if t in ("double", "float") and not leaf.unused:
                    results.append((arrays[-1], count))
            passed.append(packed(c_type, arrays, keep))
        self.invoke(f, [ctypes.c_int64(sizes[n]) for n in f.own_sizes], passed, whole)
        return [array[i] for array, count in results for i in range(count)]

    def invoke(self, f, sizes, passed, whole):
        need = getattr(self.library, f.name + "_work")
        need.restype = ctypes.c_size_t
        work = ctypes.create_string_buffer(need(*sizes, *whole) + 64)
        start = (ctypes.addressof(work) + 63) // 64 * 64
        status = getattr(self.library, f.name)(*sizes, *passed, ctypes.c_void_p(start))
        if status:
            raise Failed("%s: status %d, %s" % (f.name, status, self.library.m_error(status)))


def split_tuples(args, groups):
    """A tuple that is a cotangent is passed as one parameter a component, and so on inwards."""
    out, rest = [], list(args)
    while rest:
        value = rest.pop(0)
        if isinstance(value, tuple) and (len(out) == len(groups) or names_in(value) != [l.path[1:] for l in groups[len(out)]]):
            rest[:0] = [c for c in value if floats(c)]
        else:
            out.append(value)
    return out


def names_in(x):
    """The names of the leaves of x, as the header has them."""
    if isinstance(x, list):
        return names_in(x[0])
    if isinstance(x, (dict, tuple)):
        items = x.items() if isinstance(x, dict) else (("_%d" % i, v) for i, v in enumerate(x))
        return [(key,) + path for key, v in items for path in names_in(v)]
    return [()]


def extents(value, leaf):
    """The array's extents at a leaf, axes of outer arrays first."""
    dims, path = [], leaf[0] if leaf else ()
    if not leaf:
        while isinstance(value, list):
            dims.append(len(value))
            value = value[0] if value else None
        return dims
    for key in path:
        if isinstance(value, list):
            dims.append(len(value))
        value = value[key]
    return dims


def bind(sizes, names, dims):
    for name, extent in zip(names, dims):
        if re.fullmatch(r"[A-Za-z_]\w*", name):
            sizes.setdefault(name, extent)


def packed(c_type, arrays, keep):
    """A record is a struct of one pointer a leaf, however deep it nests: an array of pointers."""
    keep.append(arrays)
    if len(arrays) == 1 and re.search(r"\b(double|float|int64_t|bool)\b", c_type):
        return arrays[0]
    struct = (ctypes.c_void_p * len(arrays))(*[ctypes.addressof(a) for a in arrays])
    keep.append(struct)
    return struct
