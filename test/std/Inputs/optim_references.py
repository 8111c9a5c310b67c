#!/usr/bin/env python3
"""Writes optim.bp: std/optim against NumPy over three steps, for a record, a tuple and an array.

Run it again after adding a test:  optim_references.py > ../optim.bp
"""
import numpy as np

rng = np.random.default_rng(11)
P0 = np.round(rng.normal(size=9), 3)
G = [np.round(rng.normal(size=9), 3) for _ in range(3)]


def text(x):
    return "[" + ", ".join(repr(float(v)) for v in x) + "]"


def run(step, n_state):
    p, state = P0.copy(), [np.zeros(9) for _ in range(n_state)]
    for t, g in enumerate(G):
        p, *state = step(p, g, *state, t + 1)
    return p


def adam(p, g, m, v, t, lr=0.1, b1=0.9, b2=0.999, eps=1e-8):
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    return p - lr * (m / (1 - b1 ** t)) / (np.sqrt(v / (1 - b2 ** t)) + eps), m, v


def momentum(p, g, m, t):
    m = 0.9 * m + g
    return p - 0.1 * m, m


def nesterov(p, g, m, t):
    m = 0.9 * m + g
    return p - 0.1 * (g + 0.9 * m), m


def adagrad(p, g, v, t):
    v = v + g * g
    return p - 0.1 * g / (np.sqrt(v) + 1e-8), v


def rmsprop(p, g, v, t):
    v = 0.9 * v + 0.1 * g * g
    return p - 0.1 * g / (np.sqrt(v) + 1e-8), v


METHODS = [
    ("sgd", 0, "sgd(p, g, 0.1)", lambda p, g, t: (p - 0.1 * g,)),
    ("momentum", 1, "momentum(p, g, m, 0.1, 0.9)", momentum),
    ("nesterov", 1, "nesterov(p, g, m, 0.1, 0.9)", nesterov),
    ("adagrad", 1, "adagrad(p, g, m, 0.1, 1e-8)", adagrad),
    ("rmsprop", 1, "rmsprop(p, g, m, 0.1, 0.9, 1e-8)", rmsprop),
    ("adam", 2, "adam(p, g, m, v, t + 1, 0.1)", adam),
    ("adamw", 2, "adamw(p, g, m, v, t + 1, 0.1, 0.01)", lambda p, g, m, v, t: adam(p * (1 - 0.1 * 0.01), g, m, v, t)),
]
FORMS = {
    "record": ("Layer[3,2]", "Layer(W = reshape(x[0:6], 3, 2), b = x[6:8], s = x[8])", "concat(reshape(p.W, 6), p.b, [p.s])"),
    "tuple": ("([4]f64, [5]f64)", "(x[0:4], x[4:9])", "concat(p.0, p.1)"),
    "array": ("[9]f64", "x", "p"),
}
print('''// Written by Inputs/optim_references.py: std/optim against NumPy, for a record, a tuple and an array of parameters.
// RUN: %bpc test %s
// RUN: %bpc test %s --interpret
import "std/optim";

type Layer[n,m] = { W: [n,m]f64, b: [m]f64, s: f64 };
fn apart[n](a: [n]f64, b: [n]f64) -> f64 = max(abs(a[i] - b[i])/(1.0 + abs(b[i])) for i);
fn near(a: f64, b: f64) -> bool = abs(a - b) <= 1e-14*(1.0 + abs(b));''')
for form, (ty, make, flat) in FORMS.items():
    print("fn make_%s(x: [9]f64) -> %s = %s;\nfn flat_%s(p: %s) -> [9]f64 = %s;" % (form, ty, make, form, ty, flat))
print("fn start() -> [9]f64 = %s;\nfn gradients() -> [3,9]f64 = [%s];" % (text(P0), ",\n  ".join(map(text, G))))
for name, n_state, call, step in METHODS:
    want = run(step, n_state)
    for form, (ty, _, _) in FORMS.items():
        zero = "0.0*p0"
        carries = ["p = p0", "m = " + zero, "v = " + zero][:n_state + 1]
        head = "(%s)" % ", ".join(carries) if n_state else carries[0]
        last = "(loop %s for t < 3 { let g = make_%s(gradients()[t]); %s })" % (head, form, call) + (".0" if n_state else "")
        print('test "%s of a %s" {\n  let p0 = make_%s(start());\n  assert apart(flat_%s(%s), %s) < 1e-13;\n}'
              % (name, form, form, form, last, text(want)))
n = np.linalg.norm(P0)
print('test "norms and clipping" {\n  let x = start();\n  let p = make_record(x);')
print("  assert near(global_norm(p), %r);" % float(n))
print("  assert near(l2(p, 0.3), %r);" % float(0.15 * n * n))
print("  assert apart(flat_record(clip_by_global_norm(p, 0.5)), %s) < 1e-14;" % text(P0 * 0.5 / n))
print("  assert apart(flat_record(clip_by_global_norm(p, 100.0)), x) == 0.0;")
print("  assert apart(clip_by_norm(x, 0.5), %s) < 1e-14;" % text(P0 * 0.5 / n))
print("  assert apart(flat_record(clip_by_value(p, -0.5, 0.25)), %s) == 0.0;" % text(np.clip(P0, -0.5, 0.25)))
print("  assert all(isfinite(flat_record(clip_by_global_norm(0.0*p, 0.5))));")
print("  assert apart(flat_record(clip_by_global_norm(1e200*p, 0.5)), flat_record(clip_by_global_norm(p, 0.5))) < 1e-14;")
print("  assert near(global_norm(1e200*p)/1e200, global_norm(p)) && near(global_norm(1e-200*p)/1e-200, global_norm(p)) && global_norm(0.0*p) == 0.0;")
print("  assert apart(1e190*flat_record(clip_by_global_norm(1e-170*p, 0.5e-190)), flat_record(clip_by_global_norm(p, 0.5))) < 1e-14;\n}")
print('test "gradients through penalties" {\n  let p = make_record(start());')
print("  assert apart(flat_record(grad(penalty)(p)), %s) < 1e-14;" % text(0.3 * P0))
print("  assert apart(flat_record(grad(norm)(p)), %s) < 1e-14;\n}" % text(P0 / n))
print("fn penalty(p: Layer[3,2]) -> f64 = l2(p, 0.3);\nfn norm(p: Layer[3,2]) -> f64 = global_norm(p);")
print('test "schedules" {')
for t in (0, 3, 10, 25):
    print("  assert near(cosine_schedule(%d, 10, 0.5, 0.1), %r);" % (t, float(0.1 + 0.2 * (1 + np.cos(np.pi * min(t / 10, 1))))))
    print("  assert near(step_schedule(%d, 4, 0.5, 0.1), %r);" % (t, float(0.5 * 0.1 ** (t // 4))))
    print("  assert near(exponential_schedule(%d, 4, 0.5, 0.1), %r);" % (t, float(0.5 * 0.1 ** (t / 4))))
    warm = 0.5 * (t + 1) / 5 if t < 5 else 0.1 + 0.2 * (1 + np.cos(np.pi * min((t - 5) / 15, 1)))
    print("  assert near(warmup_cosine_schedule(%d, 5, 20, 0.5, 0.1), %r);" % (t, float(warm)))
print("}")
