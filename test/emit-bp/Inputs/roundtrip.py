"""Prints a program as bp source, compiles that again, and compares every export of both on random inputs.

usage: roundtrip.py BPC BPC-OPT MODEL [--again ...] [--set name=integer] [--dominant name] [--skip EXPORT] [--option OPTION]
                    [--header] [--near TOLERANCE]

Sizes and integer scalars are 3 unless set; elements of integer arrays are 0 or 1, so that they index anything; square
matrices that are called dominant are symmetric and positive definite. What is skipped calls functions of C.
--again 'WHAT = OPERATOR => OPERATOR': exports one more function called WHAT, of the program and of what was printed, where an
export of the program has become a function: 'g = jvp[p](grad[p](loss)) => jvp[p](loss_grad)'.
--header: the C header is the same too, but for the names of results.
Numbers are compared by position: the language does not name results.
"""
import argparse
import math
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../driver/Inputs"))
from exports_host import split  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("bpc")
parser.add_argument("opt")
parser.add_argument("model")
parser.add_argument("--again", action="append", default=[])
parser.add_argument("--set", action="append", default=[])
parser.add_argument("--option", action="append", default=[])
parser.add_argument("--dominant", action="append", default=[])
parser.add_argument("--skip", action="append", default=[])
parser.add_argument("--header", action="store_true")
parser.add_argument("--near", type=float, default=1e-12)
args = parser.parse_args()
known = dict((name, int(value)) for name, value in (item.split("=") for item in args.set))


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("%s\n%s%s" % (" ".join(command), done.stdout, done.stderr))
    return done.stdout


def exports(ir):
    """name -> (function, sizes, [(parameter, type)])"""
    heads = {}
    for name, sizes, params in re.findall(r"^func @([\w.]+)(?:\[([^\]]*)\])?\((.*)\) -> ", ir, re.M):
        heads[name] = (split(sizes), [part.lstrip("%").split(": ", 1) for part in split(params)])
    return {alias: (f,) + heads[f] for f, alias in re.findall(r"^export @([\w.]+) as ([\w.]+)", ir, re.M)}


def array(dims, element):
    return element() if not dims else [array(dims[1:], element) for _ in range(dims[0])]


def argument(name, kind, sizes):
    dims, scalar = re.match(r"(?:\[(.*)\])?(\w+)$", kind).groups()
    dims = [int(eval(d, {}, sizes)) for d in split(dims)] if dims else []
    if scalar.startswith("f"):
        element = lambda: round(random.uniform(0.3, 1.2), 3)
    elif not dims:
        element = lambda: known.get(name, 3)
    elif scalar == "bool":
        element = lambda: random.random() < 0.5
    else:
        element = lambda: random.randrange(2)
    value = array(dims, element)
    if name in args.dominant:
        value = [[(value[i][j] + value[j][i])/2 + (3.0 if i == j else 0.0) for j in range(dims[0])] for i in range(dims[0])]
    return str(value).replace(" ", "").replace("True", "true").replace("False", "false")


def evaluate(path, f, sizes, values):
    command = [args.opt, path, "--passes=derive", "--eval", f] + values
    if sizes:
        command += ["--sizes", ",".join("%s=%d" % item for item in sizes.items())]
    text = run(*command)
    return [float(x) for x in re.findall(r"[-+]?(?:inf|nan|\d+\.?\d*(?:e[-+]?\d+)?)", text)]


def interface(program, options):
    """Structs and prototypes, without the names of results and of the module."""
    text = re.sub(r"/\*.*?\*/", "", run(args.bpc, program, "--emit=header", "-o", "-", *options), flags=re.S)
    text = re.sub(r"\s+", " ", re.sub(r"^#.*", "", text, flags=re.M))
    protos = re.findall(r"int (\w+)\((.*?)\);", text)
    results = r"(?<!const )\b(\w+) \*(?!work)\w+"
    return (sorted(re.findall(r"typedef struct \{.*?\} \w+;", text)), re.findall(r"size_t \w+\(.*?\);", text),
            [(name, re.sub(results, r"\1 *", params)) for name, params in protos])


def compare(first, second, only):
    a, b = exports(run("cat", first)), exports(run("cat", second))
    what = "again" if only else "as exported"
    if not a or set(a) != set(b):
        sys.exit("%s: exports differ: %s and %s" % (what, sorted(a), sorted(b)))
    for name in [only] if only else sorted(set(a) - set(args.skip)):
        f, sizes, params = a[name]
        g, sizes_again, params_again = b[name]
        if [kind for _, kind in params] != [kind for _, kind in params_again] or sizes != sizes_again:
            sys.exit("%s %s: parameters differ:\n%s\n%s" % (what, name, params, params_again))
        values_of = {s: known.get(s, 3) for s in sizes}
        values = [argument(p, kind, values_of) for p, kind in params]
        x, y = evaluate(first, f, values_of, values), evaluate(second, g, values_of, values)
        scale = max([abs(v) for v in x if math.isfinite(v)] + [1e-300])
        if len(x) != len(y) or not x:
            sys.exit("%s %s: %d and %d numbers" % (what, name, len(x), len(y)))
        for u, v in zip(x, y):
            same = u == v or (math.isnan(u) and math.isnan(v)) or abs(u - v) <= args.near * (abs(u) + 0.01 * scale)
            if not same:
                sys.exit("%s %s: %r is not %r" % (what, name, u, v))
        print("%s %s: %d numbers agree" % (what, name, len(x)))


random.seed(7)
with tempfile.TemporaryDirectory() as folder:
    printed = folder + "/printed.bp"
    run(args.bpc, args.model, "--emit=bp", "-o", printed, *args.option)
    if args.header and interface(args.model, args.option) != interface(printed, []):
        sys.exit("the headers differ:\n%s\n%s" % (interface(args.model, args.option), interface(printed, [])))
    for again in [None] + args.again:
        name, operators = re.match(r"(\w+) = (.*)", again).groups() if again else (None, "")
        operators = (operators.split(" => ") * 2)[:2]
        paths = [folder + "/first.bpir", folder + "/second.bpir"]
        for path, program, operator in zip(paths, (args.model, printed), operators):
            more = ["--export", "%s as %s" % (operator, name)] if again else []
            options = args.option if program == args.model else []
            run(args.bpc, program, "--emit=ir", "-o", path, *options, *more)
        compare(paths[0], paths[1], name)
