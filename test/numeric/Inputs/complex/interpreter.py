"""A second interpreter of the IR, over complex numbers: reads what `bpc --emit=ir` and bpc-opt print, and evaluates a function.

It shares nothing with the compiler but the meaning of the IR, which the head of ir/ir.h states. A value is an Array; floats are complex,
integers int, booleans bool. There are no f32 and no calls here: derivatives are resolved before.
"""
import itertools
import math
import re

from functions import ELEMENTWISE


class Unsupported(Exception):
    pass


class Stopped(Exception):
    """A check of the program does not hold."""


class Array:
    __slots__ = ("dims", "data")

    def __init__(self, dims, data):
        self.dims, self.data = dims, data

    def rest(self, k):
        """The elements behind the first k axes."""
        return math.prod(self.dims[k:])


def scalar(x):
    return Array([], [x])


# ---- reading ----

class Inst:
    def __init__(self, outs, op, text, types, regions, yields):
        self.outs, self.op, self.text, self.types, self.regions, self.yields = outs, op, text, types, regions, yields
        self.names = re.findall(r"%[\w.]+", text)


class Function:
    def __init__(self, name, sizes, params, result_types, body, returned):
        self.name, self.sizes, self.params, self.result_types = name, sizes, params, result_types
        self.body, self.returned = body, returned


def split_types(text):
    return [(t[1:-1] if t.startswith("(") and t.endswith(")") else t) for t in re.findall(r"(?:\[[^\]]*\])?(?:f64|f32|i64|i32|bool)", text)]


def dims_of(type_text):
    return type_text[1:type_text.index("]")].split(",") if type_text.startswith("[") else []


class Reader:
    def __init__(self, text):
        self.lines, self.at = [line.strip() for line in text.splitlines()], 0

    def next(self):
        self.at += 1
        return self.lines[self.at - 1]

    def functions(self):
        out, exports = {}, {}
        while self.at < len(self.lines):
            line = self.next()
            if line.startswith("func "):
                f = self.function(line)
                out[f.name] = f
            elif line.startswith("export "):
                m = re.match(r'export @("?)([^" ]+)\1 as ([\w]+)', line)
                exports[m.group(3)] = m.group(2)
        return out, exports

    def function(self, line):
        m = re.match(r"func @([\w.\"]+?)(?:\[(.*?)\])?\((%.*|)\) -> \(.*\{$", line)
        if not m:
            raise Unsupported(line)
        params = re.findall(r"(%[\w.]+): ((?:\[[^\]]*\])?\w+)", m.group(3).split(") -> ")[0])
        body, last = self.block()
        sizes = [s.strip() for s in (m.group(2) or "").split(",") if s]
        return Function(m.group(1), sizes, params, split_types(line.split(") -> ")[1]), body, last)

    def block(self):
        """Instructions up to the closing brace; and what is yielded or returned."""
        body, yields = [], ""
        while True:
            line = self.next()
            if line.startswith("}"):
                self.closing = line
                return body, yields
            if line.startswith(("yield", "return")):
                yields = line
            elif line:
                body.append(self.inst(line))

    def inst(self, line):
        outs, equals, rest = line.partition(" = ")
        if not equals or not re.fullmatch(r"%[\w.]+(, %[\w.]+)*", outs):
            outs, rest = "", line
        op, _, text = rest.partition(" ")
        regions, yields = [], []
        if text.endswith("{"):
            while True:
                body, last = self.block()
                regions.append(body)
                yields.append(last)
                if not self.closing.endswith("{"):
                    break
            types = self.closing[1:]
        else:
            text, _, types = text.rpartition(" : ") if outs else (text, "", "")
        return Inst(re.findall(r"%[\w.]+", outs), op, text, split_types(types), regions, yields)


# ---- evaluating ----

class Frame:
    def __init__(self, sizes):
        self.sizes, self.values = dict(sizes), {}

    def size(self, text):
        return eval(re.sub(r"[A-Za-z_][\w.]*", lambda m: "S[%r]" % m.group(0), text), {"S": self.sizes})

    def dims(self, type_text):
        return [self.size(d) for d in dims_of(type_text)]

    def run(self, body):
        for inst in body:
            special = getattr(self, "do_" + inst.op, None)
            if special:
                results = special(inst)
            elif inst.op in ELEMENTWISE:
                results = [self.elementwise(inst)]
            else:
                raise Unsupported(inst.op)
            for name, value in zip(inst.outs, results or []):
                self.values[name] = value

    def args(self, inst):
        return [self.values[n] for n in inst.names]

    def elementwise(self, inst):
        if "f32" in inst.types[0]:
            raise Unsupported("f32")
        args = self.args(inst)
        f = ELEMENTWISE[inst.op]
        return Array(args[0].dims, [f(*xs) for xs in zip(*[a.data for a in args])])

    def do_const(self, inst):
        elem = inst.types[0]
        return [scalar(inst.text == "true" if elem == "bool" else int(inst.text) if elem[0] == "i" else complex(float(inst.text)))]

    def do_convert(self, inst):
        (x,), elem = self.args(inst), inst.types[0].rpartition("]")[2]
        if elem in ("f32", "i32"):
            raise Unsupported(elem)
        f = (lambda v: v if isinstance(v, complex) else complex(v)) if elem == "f64" else (lambda v: math.trunc(v.real))
        return [Array(x.dims, [f(v) for v in x.data])]

    def do_size(self, inst):
        return [scalar(self.size(inst.text))]

    def do_dim(self, inst):
        self.sizes[inst.text.split(" as ")[1]] = self.args(inst)[0].data[0]

    def do_check(self, inst):
        if not self.values[inst.names[0]].data[0]:
            raise Stopped(inst.text)

    def do_stop(self, inst):
        """The value itself: factorizations of matrices stop what they are given, since their derivatives are rules, but are analytic.
        Of a program that stops something itself the derivative is another one, unless what it stops cancels."""
        return self.args(inst)

    def do_broadcast(self, inst):
        (x,), dims = self.args(inst), self.dims(inst.types[0])
        return [Array(dims, x.data * math.prod(dims[:len(dims) - len(x.dims)]))]

    def do_iota(self, inst):
        dims = self.dims(inst.types[0])
        return [Array(dims, list(range(dims[0])))]

    def place(self, x, index):
        """Where the element or sub-array lies, and its length."""
        at = 0
        for k, i in enumerate(index):
            if not 0 <= i < x.dims[k]:
                raise Stopped("index out of range")
            at = at * x.dims[k] + i
        n = x.rest(len(index))
        return at * n, n

    def indices(self, inst):
        inside, _, put = inst.text.partition("]")
        index = [self.values[n].data[0] for n in re.findall(r"%[\w.]+", inside)[1:]]
        return self.values[inst.names[0]], index, self.values[put[2:].strip()] if put else None

    def do_index(self, inst):
        x, index, _ = self.indices(inst)
        at, n = self.place(x, index)
        return [Array(x.dims[len(index):], x.data[at:at + n])]

    def do_update(self, inst):
        x, index, v = self.indices(inst)
        at, n = self.place(x, index)
        return [Array(x.dims, x.data[:at] + v.data + x.data[at + n:])]

    def do_add_at(self, inst):
        x, index, v = self.indices(inst)
        at, n = self.place(x, index)
        return [Array(x.dims, x.data[:at] + [a + b for a, b in zip(x.data[at:at + n], v.data)] + x.data[at + n:])]

    def do_slice(self, inst):
        x, (lo,), _ = self.indices(inst)
        dims, n = self.dims(inst.types[0]), x.rest(1)
        if lo < 0 or lo + dims[0] > x.dims[0]:
            raise Stopped("slice out of range")
        return [Array(dims, x.data[lo * n:(lo + dims[0]) * n])]

    def do_add_slice(self, inst):
        x, (lo,), v = self.indices(inst)
        at, n = lo * x.rest(1), len(v.data)
        return [Array(x.dims, x.data[:at] + [a + b for a, b in zip(x.data[at:at + n], v.data)] + x.data[at + n:])]

    def do_transpose(self, inst):
        x = self.values[inst.names[0]]
        perm = [int(k) for k in re.search(r"\(([\d, ]*)\)", inst.text).group(1).split(",")]
        dims = [x.dims[k] for k in perm]
        steps = [x.rest(k + 1) for k in perm]
        return [Array(dims, [x.data[sum(i * s for i, s in zip(index, steps))] for index in itertools.product(*map(range, dims))])]

    def do_reshape(self, inst):
        return [Array(self.dims(inst.types[0]), self.args(inst)[0].data)]

    def do_array(self, inst):
        args = self.args(inst)
        return [Array([len(args)] + args[0].dims, [v for a in args for v in a.data])]

    def do_concat(self, inst):
        args = self.args(inst)
        return [Array([sum(a.dims[0] for a in args)] + args[0].dims[1:], [v for a in args for v in a.data])]

    def do_reverse(self, inst):
        (x,) = self.args(inst)
        n = x.rest(1)
        return [Array(x.dims, [v for i in reversed(range(x.dims[0])) for v in x.data[i * n:(i + 1) * n]])]

    def do_reduce(self, inst):
        kind, axes = inst.text.split()[:2]
        x, axes = self.args(inst)[0], int(axes)
        n = x.rest(axes)
        return [Array(x.dims[axes:], [REDUCE[kind](x.data[j::n]) for j in range(n)])]

    def do_contract(self, inst):
        spec = re.match(r'"(\w*),(\w*)->(\w*)"', inst.text).groups()
        args = self.args(inst)
        extent = {label: d for labels, x in zip(spec, args) for label, d in zip(labels, x.dims)}
        order = list(spec[2]) + sorted(set(spec[0] + spec[1]) - set(spec[2]))
        steps = [[x.rest(labels.index(o) + 1) if o in labels else 0 for o in order] for labels, x in zip(spec, args)]
        dims = [extent[o] for o in spec[2]]
        inner = list(itertools.product(*[range(extent[o]) for o in order[len(dims):]]))
        out = []
        for outer in itertools.product(*map(range, dims)):
            total = 0.0j
            for rest in inner:
                at = [sum(i * s for i, s in zip(outer + rest, step)) for step in steps]
                total += args[0].data[at[0]] * args[1].data[at[1]]
            out.append(total)
        return [Array(dims, out)]

    def do_if(self, inst):
        side = 0 if self.values[inst.names[0]].data[0] else 1
        self.run(inst.regions[side])
        return [self.values[n] for n in re.findall(r"%[\w.]+", inst.yields[side])]

    def do_loop(self, inst):
        head = re.match(r"(%[\w.]+) < (.*?)( reverse)?( checkpoint\([^)]*\))?( (?:slice|carry|acc)\(.*?)?\s*\{$", inst.text)
        count, groups = self.size(head.group(2).strip()), grouped(head.group(5) or "", r"(%[\w.]+) = (%[\w.]+)")
        given = grouped(inst.yields[0], r"(%[\w.]+)")
        carried = [self.values[v] for _, v in groups["carry"] + groups["acc"]]
        names = [n for n, _ in groups["carry"] + groups["acc"]]
        stacks = [[] for _ in given["stack"]]
        order = range(count - 1, -1, -1) if head.group(3) else range(count)
        for i in order:
            self.values[head.group(1)] = scalar(i)
            for name, of in groups["slice"]:
                x = self.values[of]
                n = x.rest(1)
                self.values[name] = Array(x.dims[1:], x.data[i * n:(i + 1) * n])
            self.values.update(zip(names, carried))
            self.run(inst.regions[0])
            carried = [self.values[n] for n in given["carry"] + given["acc"]]
            for stack, name in zip(stacks, given["stack"]):
                stack.append(self.values[name].data)
        types = inst.types[len(carried):]
        rows = [stack[::-1] if head.group(3) else stack for stack in stacks]
        return carried + [Array(self.dims(t), [v for row in r for v in row]) for t, r in zip(types, rows)]


def grouped(text, pattern):
    return {kind: re.findall(pattern, "".join(re.findall(r"\b%s\(([^)]*)\)" % kind, text))) for kind in ("slice", "carry", "acc", "stack")}


def log_sum(xs):
    most = max((x.real for x in xs), default=-math.inf)
    if not math.isfinite(most):
        return complex(most)
    return ELEMENTWISE["log"](sum(ELEMENTWISE["exp"](x - most) for x in xs)) + most


def extreme(better):
    """The first index of the largest or smallest real part."""
    def find(xs):
        best = 0
        for i, x in enumerate(xs):
            if better(x.real, xs[best].real):
                best = i
        return best
    return find


ARGMAX, ARGMIN = extreme(lambda a, b: a > b), extreme(lambda a, b: a < b)
REDUCE = {"sum": lambda xs: sum(xs[1:], xs[0]) if xs else 0.0j, "max": lambda xs: xs[ARGMAX(xs)] if xs else complex(-math.inf),
          "min": lambda xs: xs[ARGMIN(xs)] if xs else complex(math.inf), "logsumexp": log_sum, "any": any, "all": all, "argmax": ARGMAX,
          "argmin": ARGMIN}


def evaluate(function, sizes, args):
    """The results of a function; args: an Array for each parameter."""
    frame = Frame(sizes)
    frame.values.update(zip([name for name, _ in function.params], args, strict=True))
    frame.run(function.body)
    return [frame.values[n] for n in re.findall(r"%[\w.]+", function.returned)]
