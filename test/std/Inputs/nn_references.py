#!/usr/bin/env python3
"""Writes nn.bp: std/nn against NumPy (and mpmath for the activations), and gradients against differences.

The references are formulas of the papers that std/nn names, written over whole arrays in NumPy; nothing of them is
shared with the library. Run it again after adding a test:  nn_references.py > ../nn.bp
"""
import numpy as np
from mpmath import mp, mpf, erf, exp, log, sqrt, tanh, pi, diff

mp.dps = 40
rng = np.random.default_rng(7)


def text(x):
    x = np.asarray(x)
    if x.ndim == 0:
        return repr(float(x)) if x.dtype.kind == "f" else repr(int(x))
    return "[" + ", ".join(text(y) for y in x) + "]"


def draw(*shape):
    return np.round(rng.normal(size=shape), 3)


OUT = []


def test(title, *lines):
    OUT.append('test "%s" {\n%s\n}' % (title, "\n".join("  " + line for line in lines)))


def near(rank, call, want, tol=1e-13):
    return "assert apart%d(%s, %s) < %g;" % (rank, call, text(want), tol)


def smooth(call, at, tol=1e-8):
    """The gradient of sum(w*call) by a vector x, against differences."""
    return "assert slope_error(|x| %s, %s) < %g;" % (call, text(at), tol)


# ---- activations: value and derivative at points on both sides, and at the kink

def sigma(x):
    return 1 / (1 + exp(-x))


ACTIVATIONS = {
    "leaky_relu(x, 0.1)": lambda x: x if x > 0 else x / 10,
    "elu(x, 1.5)": lambda x: x if x > 0 else mpf(1.5) * (exp(x) - 1),
    "gelu(x)": lambda x: x * (1 + erf(x / sqrt(mpf(2)))) / 2,
    "gelu_tanh(x)": lambda x: x / 2 * (1 + tanh(sqrt(2 / pi) * (x + mpf("0.044715") * x ** 3))),
    "silu(x)": lambda x: x * sigma(x),
    "mish(x)": lambda x: x * tanh(log(1 + exp(x))),
}
points = [-8.0, -2.5, -0.3, 0.2, 1.7, 9.0]
for call, f in ACTIVATIONS.items():
    f_exact = (lambda f: lambda x: f(mpf(x)))(f)
    test("activation " + call,
         near(1, call.replace("(x", "(" + text(points)), [float(f_exact(x)) for x in points]),
         near(1, "slopes(|x| %s, %s)" % (call, text(points)), [float(diff(f_exact, x)) for x in points]),
         "assert all(isfinite(slopes(|x| %s, [-1000.0, 1000.0, 0.0])));" % call)
test("derivatives at the kinks",
     "assert slopes(|x| leaky_relu(x, 0.1), [0.0])[0] == 0.1;",
     "assert slopes(|x| elu(x, 1.5), [0.0])[0] == 1.5;")

# ---- softmax and losses

def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


x, p = draw(5), softmax(draw(5))
w = draw(5)
test("softmax", near(1, "softmax(%s)" % text(x), softmax(x)), near(1, "log_softmax(%s)" % text(x), np.log(softmax(x))),
     smooth("dot(softmax(x), %s)" % text(w), x), smooth("dot(log_softmax(x), %s)" % text(w), x))
test("cross entropy", near(0, "cross_entropy(%s, 2)" % text(x), -np.log(softmax(x)[2])),
     near(0, "cross_entropy_probs(%s, %s)" % (text(x), text(p)), -(p * np.log(softmax(x))).sum()),
     smooth("cross_entropy(x, 2)", x), smooth("cross_entropy_probs(x, %s)" % text(p), x),
     near(0, "binary_cross_entropy(0.7, 0.25)", -0.25 * np.log(1 / (1 + np.exp(-0.7))) - 0.75 * np.log(1 - 1 / (1 + np.exp(-0.7)))))
extreme = np.array([1000.0, -1000.0, 0.0])
for call, value, slope in (
        ("cross_entropy(x, 0)", 0.0, [0.0, 0.0, 0.0]), ("cross_entropy(x, 1)", 2000.0, [1.0, -1.0, 0.0]),
        ("cross_entropy_probs(x, [0.0, 1.0, 0.0])", 2000.0, [1.0, -1.0, 0.0]),
        ("dot(softmax(x), [2.0, 3.0, 5.0])", 2.0, [0.0, 0.0, 0.0]),
        ("dot(log_softmax(x), [2.0, 3.0, 5.0])", -6000.0 - 5000.0, [-8.0, 3.0, 5.0]),
        ("binary_cross_entropy(x[0], 0.0)", 1000.0, [1.0, 0.0, 0.0]),
        ("binary_cross_entropy(x[1], 1.0)", 1000.0, [0.0, -1.0, 0.0])):
    test("at logits of 1000: " + call, near(0, call.replace("(x", "(" + text(extreme)), value),
         near(1, "gradient(|x| %s, %s)" % (call, text(extreme)), slope),
         "assert all(isfinite(curvature(|x| %s, %s)));" % (call, text(extreme)))
a, b = draw(3, 4), draw(3, 4)
test("distances", near(0, "mse(%s, %s)" % (text(a), text(b)), ((a - b) ** 2).mean()),
     near(0, "mae(%s, %s)" % (text(a), text(b)), abs(a - b).mean()),
     near(0, "huber(1.5, 1.0, 2.0)", 0.125), near(0, "huber(-1.5, 2.0, 2.0)", 2 * (3.5 - 1)))

# ---- normalisation

gain, bias = draw(5), draw(5)
ln = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * gain + bias
test("layer_norm", near(1, "layer_norm(%s, %s, %s, 1e-5)" % (text(x), text(gain), text(bias)), ln),
     smooth("dot(layer_norm(x, %s, %s, 1e-5), %s)" % (text(gain), text(bias), text(w)), x))
test("rms_norm", near(1, "rms_norm(%s, %s, 1e-5)" % (text(x), text(gain)), x / np.sqrt((x ** 2).mean() + 1e-5) * gain),
     smooth("dot(rms_norm(x, %s, 1e-5), %s)" % (text(gain), text(w)), x))
X = draw(4, 5)
bn = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5) * gain + bias
test("batch_norm", near(2, "batch_norm(%s, %s, %s, 1e-5)" % (text(X), text(gain), text(bias)), bn),
     near(1, "batch_moments(%s).0" % text(X), X.mean(0)), near(1, "batch_moments(%s).1" % text(X), X.var(0)),
     smooth("sum(batch_norm(reshape(x, 4, 5), %s, %s, 1e-5)*%s)" % (text(gain), text(bias), text(draw(4, 5))), X.ravel(), 1e-7))

# ---- layers

W = draw(3, 5)
test("linear", near(1, "linear(%s, %s, %s)" % (text(W), text(draw(3) * 0), text(x)), W @ x))
img, K, kb = draw(2, 5, 6), draw(3, 2, 2, 3), draw(3)


def conv(x, K, b, s=1):
    o, _, kh, kw = K.shape
    oh, ow = (x.shape[1] - kh) // s + 1, (x.shape[2] - kw) // s + 1
    y = np.zeros((o, oh, ow))
    for i in range(oh):
        for j in range(ow):
            y[:, i, j] = np.tensordot(K, x[:, s * i:s * i + kh, s * j:s * j + kw], 3) + b
    return y


args = "%s, %s, %s" % (text(img), text(K), text(kb))
test("conv2d", near(3, "conv2d(%s)" % args, conv(img, K, kb)),
     near(3, "conv2d_stride(%s, 2, 2, 2)" % args, conv(img, K, kb, 2)),
     near(3, "pad2d(%s, 1)" % text(img), np.pad(img, ((0, 0), (1, 1), (1, 1)))),
     near(3, "conv2d(pad2d(%s, 1), %s, %s)" % (text(img), text(K), text(kb)), conv(np.pad(img, ((0, 0), (1, 1), (1, 1))), K, kb)))
wc = draw(3, 4, 4)
test("conv2d, gradient", smooth("sum(conv2d(reshape(x, 2, 5, 6), %s, %s)*%s)" % (text(K), text(kb), text(wc)), img.ravel()),
     smooth("sum(conv2d(%s, reshape(x, 3, 2, 2, 3), %s)*%s)" % (text(img), text(kb), text(wc)), K.ravel()),
     smooth("sum(conv2d_stride(pad2d(reshape(x, 2, 5, 6), 1), %s, %s, 2, 3, 3)*%s)" % (text(K), text(kb), text(draw(3, 3, 3))), img.ravel()))
win = img[:, :4, :6].reshape(2, 2, 2, 3, 2)
test("pooling", near(3, "max_pool2d(%s, 2, 2, 3)" % text(img), win.max((2, 4))),
     near(3, "avg_pool2d(%s, 2, 2, 3)" % text(img), win.mean((2, 4))),
     smooth("sum(max_pool2d(reshape(x, 2, 5, 6), 2, 2, 3)*%s)" % text(draw(2, 2, 3)), img.ravel()),
     smooth("sum(avg_pool2d(reshape(x, 2, 5, 6), 2, 2, 3)*%s)" % text(draw(2, 2, 3)), img.ravel()))
table = draw(4, 3)
test("embedding", near(2, "embedding(%s, [2, 0, 2])" % text(table), table[[2, 0, 2]]),
     smooth("sum(embedding(reshape(x, 4, 3), [2, 0, 2])*%s)" % text(draw(3, 3)), table.ravel()))

# ---- recurrent cells and attention

s = lambda z: 1 / (1 + np.exp(-z))
Wx, Wh, cb, h0, c0, xi = draw(4, 3, 2), draw(4, 3, 3), draw(4, 3), draw(3), draw(3), draw(2)
z = Wx @ xi + Wh @ h0 + cb
c1 = s(z[1]) * c0 + s(z[0]) * np.tanh(z[2])
h1 = s(z[3]) * np.tanh(c1)
call = "lstm_cell(%s, %s, %s, %%s, %s, %s)" % (text(Wx), text(Wh), text(cb), text(c0), text(xi))
test("lstm_cell", near(1, call % text(h0) + ".0", h1), near(1, call % text(h0) + ".1", c1),
     smooth("dot((%s).0, %s)" % (call % "x", text(draw(3))), h0))
gx, gh, bx, bh = draw(3, 3, 2), draw(3, 3, 3), draw(3, 3), draw(3, 3)
i, h = gx @ xi + bx, gh @ h0 + bh
r, u = s(i[0] + h[0]), s(i[1] + h[1])
g1 = (1 - u) * np.tanh(i[2] + r * h[2]) + u * h0
call = "gru_cell(%s, %s, %s, %s, %%s, %s)" % (text(gx), text(gh), text(bx), text(bh), text(xi))
test("gru_cell", near(1, call % text(h0), g1), smooth("dot(%s, %s)" % (call % "x", text(draw(3))), h0))
Q, Kk, V = draw(3, 4), draw(5, 4), draw(5, 2)
test("attention", near(2, "attention(%s, %s, %s)" % (text(Q), text(Kk), text(V)), softmax(Q @ Kk.T / 2) @ V),
     smooth("sum(attention(reshape(x, 3, 4), %s, %s)*%s)" % (text(Kk), text(V), text(draw(3, 2))), Q.ravel()),
     smooth("sum(attention(%s, reshape(x, 5, 4), %s)*%s)" % (text(Q), text(V), text(draw(3, 2))), Kk.ravel()))
Q, Kk, V = draw(4, 4), draw(4, 4), draw(4, 2)
S = Q @ Kk.T / 2
S[np.triu_indices(4, 1)] = -np.inf
test("causal_attention", near(2, "causal_attention(%s, %s, %s)" % (text(Q), text(Kk), text(V)), softmax(S) @ V),
     smooth("sum(causal_attention(reshape(x, 4, 4), %s, %s)*%s)" % (text(Kk), text(V), text(draw(4, 2))), Q.ravel()))

HEAD = '''// Written by Inputs/nn_references.py: std/nn against NumPy, and gradients against differences.
// RUN: %bpc test %s
// RUN: %bpc test %s --interpret
import "std/nn";

fn apart0(a: f64, b: f64) -> f64 = abs(a - b)/(1.0 + abs(b));
fn apart1[n](a: [n]f64, b: [n]f64) -> f64 = max(apart0(a[i], b[i]) for i);
fn apart2[n,m](a: [n,m]f64, b: [n,m]f64) -> f64 = max(apart0(a[i,j], b[i,j]) for i, j);
fn apart3[n,m,k](a: [n,m,k]f64, b: [n,m,k]f64) -> f64 = max(apart0(a[i,j,l], b[i,j,l]) for i, j, l);

fn gradient[n](f: fn([n]f64) -> f64, x: [n]f64) -> [n]f64 = grad(f)(x);
fn curvature[n](f: fn([n]f64) -> f64, x: [n]f64) -> [n,n]f64 = hessian(f)(x);
fn slopes[n](f: fn(f64) -> f64, x: [n]f64) -> [n]f64 = [grad(f)(x[i]) for i];
fn difference[n](f: fn([n]f64) -> f64, x: [n]f64, i: i64, h: f64) -> f64 =
  (f(x with [i] = x[i] + h) - f(x with [i] = x[i] - h))/(2.0*h);
// The gradient against differences, extrapolated once (Richardson).
fn slope_error[n](f: fn([n]f64) -> f64, x: [n]f64) -> f64 {
  let g = grad(f)(x);
  max(abs(g[i] - (4.0*difference(f, x, i, 5e-4) - difference(f, x, i, 1e-3))/3.0)/(1.0 + abs(g[i])) for i)
}
'''
print(HEAD)
print("\n".join(OUT))
