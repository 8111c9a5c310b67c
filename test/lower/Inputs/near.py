"""Compares the numbers on standard input with those of the arguments, shape for shape:
    bpc-opt x.bpir --eval f ... | near.py '[1, 2]' 3.5
"""
import ast
import math
import sys


def read(text):
    names = {"nan": math.nan, "inf": math.inf, "true": True, "false": False}
    return eval(compile(ast.parse(text.strip(), mode="eval"), "value", "eval"), {"__builtins__": {}}, names)


def near(a, b):
    if isinstance(a, list) or isinstance(b, list):
        return isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))


found = sys.stdin.read().strip().splitlines()
wanted = sys.argv[1:]
if len(found) != len(wanted) or not all(near(read(f), read(w)) for f, w in zip(found, wanted)):
    sys.exit("wanted:\n  %s\nfound:\n  %s" % ("\n  ".join(wanted), "\n  ".join(found)))
