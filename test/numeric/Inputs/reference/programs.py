"""The programs of examples/models written a second time, by other formulas, for programs_check.py.

Every function and every export of every program has an entry of its name, as a Fn with arguments at which it is smooth. Where the model is
an algorithm the mathematics beside it is taken: a rotation is the exponential of a matrix, a filter inverts its covariances, a normal
distribution is erf's, a Runge-Kutta step its tableau, a convolution its definition.
"""
import math

from duals import chain, erf, exp, lgamma, log, primal, reciprocal, sigmoid, sin, sqrt, tanh
from operators import Fn, batch, grad, hessian, hvp, jacobian, value_and_grad, vjp
from trees import Record


class Model:
    """`exports`: of the program, by name. `closed`: for a function that C cannot call, by its name, one in its place. `real`: has reals, so
    it holds in single precision, too. `foreign`: C of its extern functions."""

    def __init__(self, functions, exports, closed=None, real=False, foreign=""):
        self.functions, self.exports, self.closed, self.real, self.foreign = functions, exports, closed or {}, real, foreign


# ---- small things ----

def uniform(rng, lo, hi, *dims):
    if not dims:
        return rng.uniform(lo, hi)
    return [uniform(rng, lo, hi, *dims[1:]) for _ in range(dims[0])]


def total(items):
    s = 0.0
    for v in items:
        s = s + v
    return s


def inner(x, y):
    return total(a * b for a, b in zip(x, y, strict=True))


def apply(A, x):
    return [inner(row, x) for row in A]


def across(A):
    return [list(column) for column in zip(*A)]


def product(A, B):
    return [apply(across(B), row) for row in A]


def entrywise(f, A, B):
    return [[f(a, b) for a, b in zip(p, q)] for p, q in zip(A, B)]


def log_sum(x):
    most = max(primal(v) for v in x)
    return log(total(exp(v - most) for v in x)) + most


# ---- ba ----

def skew(r):
    return [[0.0, -r[2], r[1]], [r[2], 0.0, -r[0]], [-r[1], r[0], 0.0]]


def rotate(r, v):
    """exp of the skew matrix of r, by its three coefficients."""
    angle = sqrt(inner(r, r))
    half = sin(0.5 * angle) / angle
    once = apply(skew(r), v)
    twice = apply(skew(r), once)
    return [a + sin(angle) / angle * b + 2.0 * half * half * c for a, b, c in zip(v, once, twice)]


def project(cam, X):
    x, y, z = rotate(cam["r"], [a - b for a, b in zip(X, cam["c"])])
    u, v = x / z, y / z
    radius = u * u + v * v
    bent = 1.0 + cam["k"][0] * radius + cam["k"][1] * radius * radius
    return [cam["x0"][0] + cam["f"] * bent * u, cam["x0"][1] + cam["f"] * bent * v]


def residual(cam, X, w, z):
    return [w * p - w * q for p, q in zip(project(cam, X), z)]


def residuals(cams, pts, w, cam, pt, z):
    return ([residual(cams[c], pts[p], v, s) for c, p, v, s in zip(cam, pt, w, z)], [(1.0 - v) * (1.0 + v) for v in w])


def jacobian_blocks(cams, pts, w, cam, pt, z):
    block = jacobian(RESIDUAL, ["cam", "X", "w"])
    return [block.call(cams[c], pts[p], v, s) for c, p, v, s in zip(cam, pt, w, z)]


def half_sse(cams, pts, w, cam, pt, z):
    r, q = residuals(cams, pts, w, cam, pt, z)
    return 0.5 * total(v * v for row in r for v in row) + 0.5 * total(v * v for v in q)


def new_cam(rng):
    return Record("Cam", {"r": uniform(rng, 0.1, 0.5, 3), "c": uniform(rng, -0.2, 0.2, 3), "f": uniform(rng, 0.5, 2.0),
                          "x0": uniform(rng, -0.5, 0.5, 2), "k": uniform(rng, -0.3, 0.3, 2)})


def new_scene(rng):
    nc, np, no = rng.choice([(2, 1, 2), (1, 2, 2)])
    return [[new_cam(rng) for _ in range(nc)], uniform(rng, 2.0, 3.0, np, 3), uniform(rng, 0.3, 1.2, no),
            [rng.randrange(nc) for _ in range(no)], [rng.randrange(np) for _ in range(no)], uniform(rng, -1.0, 1.0, no, 2)]


SCENE = ["cams", "pts", "w", "cam", "pt", "z"]
RESIDUAL = Fn("residual", ["cam", "X", "w", "z"], residual,
              lambda r: [new_cam(r), uniform(r, 2.0, 3.0, 3), uniform(r, 0.3, 1.2), uniform(r, -1.0, 1.0, 2)])
HALF_SSE = Fn("half_sse", SCENE, half_sse, new_scene)
BA = Model([
    Fn("rotate", ["r", "v"], rotate, lambda r: [uniform(r, 0.1, 0.6, 3), uniform(r, -1.0, 1.0, 3)]),
    Fn("project", ["cam", "X"], project, lambda r: [new_cam(r), uniform(r, 2.0, 3.0, 3)]),
    RESIDUAL,
    HALF_SSE,
    Fn("residuals", SCENE, residuals, new_scene),
    Fn("jacobian_blocks", SCENE, jacobian_blocks, new_scene),
], {"ba_grad": value_and_grad(HALF_SSE, ["cams", "pts", "w"]), "ba_hvp": hvp(HALF_SSE, ["cams", "pts", "w"])})


# ---- black_scholes ----

def normal_cdf(x):
    return 0.5 + 0.5 * erf(x * math.sqrt(0.5))


def price(S, K, r, sig, T):
    discounted = K * exp(-r * T)
    spread = sig * sqrt(T)
    middle = log(S / discounted) / spread
    return S * normal_cdf(middle + 0.5 * spread) - discounted * normal_cdf(middle - 0.5 * spread)


PRICE = Fn("price", ["S", "K", "r", "sig", "T"], price,
           lambda r: [uniform(r, 80.0, 120.0), uniform(r, 80.0, 120.0), uniform(r, 0.01, 0.1), uniform(r, 0.1, 0.4), uniform(r, 0.5, 2.0)])
GREEKS = value_and_grad(PRICE, ["S", "r", "sig", "T"])
BLACK_SCHOLES = Model([
    Fn("Phi", ["x"], normal_cdf, lambda r: [uniform(r, -2.0, 2.0)]),
    PRICE,
], {"greeks": GREEKS, "second_greeks": hessian(PRICE, ["S", "sig"]), "book_greeks": batch(GREEKS, "n", 3)})


# ---- gmm ----

def triangle(q, l):
    """The lower triangular matrix of exp(q) and l, column by column."""
    d, rest = len(q), iter(l)
    Q = [[exp(q[i]) if i == j else 0.0 for j in range(d)] for i in range(d)]
    for j in range(d):
        for i in range(j + 1, d):
            Q[i][j] = next(rest)
    return Q


def qx(q, l, v):
    return apply(triangle(q, l), v)


def log_mgamma(a, p):
    return total([lgamma(a - 0.5 * j) for j in range(p)]) + 0.25 * p * (p - 1) * math.log(math.pi)


def gmm_loglik(g, X, gam, m):
    n, k, d = len(X), len(g["alpha"]), len(g["q"][0])
    weights = [a - log_sum(g["alpha"]) for a in g["alpha"]]
    matrices = [triangle(q, l) for q, l in zip(g["q"], g["l"])]
    densities = 0.0
    for x in X:
        away = [apply(Q, [a - b for a, b in zip(x, mu)]) for Q, mu in zip(matrices, g["mu"])]
        densities = densities + log_sum([w + total(q) - 0.5 * inner(y, y) for w, q, y in zip(weights, g["q"], away)])
    prior = 0.0
    for Q, q in zip(matrices, g["q"]):
        prior = prior + 0.5 * gam * gam * total(v * v for row in Q for v in row) - float(m) * total(q)
    freedom = d + m + 1
    scale = freedom * d * log(gam / math.sqrt(2.0)) - log_mgamma(0.5 * freedom, d)
    return densities - 0.5 * n * d * math.log(2.0 * math.pi) + prior - k * scale


def new_gmm(rng):
    n, k, d = rng.choice([(2, 2, 2), (1, 2, 3), (3, 1, 2)])
    g = Record("Gmm", {"alpha": uniform(rng, -1.0, 1.0, k), "mu": uniform(rng, -1.0, 1.0, k, d), "q": uniform(rng, -0.5, 0.5, k, d),
                       "l": uniform(rng, -1.0, 1.0, k, d * (d - 1) // 2)})
    return [g, uniform(rng, -1.0, 1.0, n, d), uniform(rng, 0.5, 1.5), rng.randint(1, 3)]


GMM_LOGLIK = Fn("gmm_loglik", ["g", "X", "gam", "m"], gmm_loglik, new_gmm)
GMM = Model([
    GMM_LOGLIK,
    Fn("qx", ["q", "l", "v"], qx, lambda r: [uniform(r, -0.5, 0.5, 3), uniform(r, -1.0, 1.0, 3), uniform(r, -1.0, 1.0, 3)]),
    Fn("log_mgamma", ["a", "p"], log_mgamma, lambda r: [uniform(r, 2.5, 4.0), r.randint(1, 4)]),
    Fn("real_tri", ["i", "j", "d"], lambda i, j, d: float([(b, a) for b in range(d) for a in range(b + 1, d)].index((j, i))),
       lambda r: [3, r.randrange(3), r.randint(4, 6)]),
], {"gmm_grad": value_and_grad(GMM_LOGLIK, ["g"])}, 
          closed={"tri": "fn real_tri(i: i64, j: i64, d: i64) -> f64 = f64(tri(i, j, d));"})


# ---- kalman ----

def inverse(S):
    """By Gauss and Jordan, and the determinant: S is far from singular, so nothing is exchanged."""
    n, determinant = len(S), 1.0
    rows = [list(row) + [1.0 if i == j else 0.0 for j in range(n)] for i, row in enumerate(S)]
    for p in range(n):
        determinant = determinant * rows[p][p]
        rows[p] = [v / rows[p][p] for v in rows[p]]
        for i in range(n):
            if i != p:
                rows[i] = [v - rows[i][p] * w for v, w in zip(rows[i], rows[p])]
    return [row[n:] for row in rows], determinant


def kalman_loglik(p, ys):
    x, P, ll = p["m0"], p["P0"], 0.0
    A, C = p["A"], p["C"]
    for y in ys:
        x = apply(A, x)
        P = entrywise(lambda a, b: a + b, product(product(A, P), across(A)), p["Q"])
        S = entrywise(lambda a, b: a + b, product(product(C, P), across(C)), p["R"])
        S = entrywise(lambda a, b: 0.5 * (a + b), S, across(S))
        back, determinant = inverse(S)
        e = [a - b for a, b in zip(y, apply(C, x))]
        gain = product(across(product(C, P)), back)
        x = [a + b for a, b in zip(x, apply(gain, e))]
        P = entrywise(lambda a, b: a - b, P, product(gain, product(C, P)))
        ll = ll - 0.5 * inner(e, apply(back, e)) - 0.5 * log(determinant * (2.0 * math.pi) ** len(y))
    return ll


def definite(rng, n, least):
    A = uniform(rng, 0.0, 0.2, n, n)
    return [[v + (least if i == j else 0.0) for j, v in enumerate(row)] for i, row in enumerate(A)]


def new_filter(rng):
    T, m, k = rng.choice([(2, 2, 1), (2, 1, 2), (1, 2, 2)])
    p = Record("Lgss", {"A": uniform(rng, -0.5, 0.5, m, m), "C": uniform(rng, -1.0, 1.0, k, m), "Q": definite(rng, m, 0.7),
                        "R": definite(rng, k, 0.9), "m0": uniform(rng, -1.0, 1.0, m), "P0": definite(rng, m, 1.1)})
    return [p, uniform(rng, -1.0, 1.0, T, k)]


KALMAN_LOGLIK = Fn("loglik", ["p", "ys"], kalman_loglik, new_filter)
KALMAN = Model([KALMAN_LOGLIK], {"kalman_grad": value_and_grad(KALMAN_LOGLIK, ["p"])})


# ---- logistic ----

def log_post(beta, alpha, X, y):
    normal = lambda x, deviation: -0.5 * (x / deviation) * (x / deviation) - math.log(deviation * math.sqrt(2.0 * math.pi))
    out = total(normal(b, 2.5) for b in beta) + normal(alpha, 5.0)
    for row, label in zip(X, y):
        out = out + log(sigmoid((inner(row, beta) + alpha) * (2.0 * label - 1.0)))
    return out


def new_regression(rng):
    n, d = rng.choice([(3, 2), (1, 3), (4, 1)])
    return [uniform(rng, -1.0, 1.0, d), uniform(rng, -1.0, 1.0), uniform(rng, -1.0, 1.0, n, d), [rng.randrange(2) for _ in range(n)]]


LOG_POST = Fn("log_post", ["beta", "alpha", "X", "y"], log_post, new_regression)
LOGISTIC = Model([LOG_POST], {"log_post_grad": value_and_grad(LOG_POST, ["beta", "alpha"]),
                              "precision": hessian(LOG_POST, ["beta", "alpha"])})


# ---- lotka ----

def lotka_rhs(th, u):
    return [u[0] * (th[0] - th[1] * u[1]), u[1] * (th[2] * u[0] - th[3])]


STAGES = ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0))
WEIGHTS = (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)


def runge_kutta(f, u, h):
    slopes = []
    for row in STAGES:
        slopes.append(f([v + h * total(a * k[i] for a, k in zip(row, slopes)) for i, v in enumerate(u)]))
    return [v + h * total(b * k[i] for b, k in zip(WEIGHTS, slopes)) for i, v in enumerate(u)]


def lotka_sse(th, u0, data, h, steps):
    u, e = list(u0), 0.0
    for seen in data:
        for _ in range(steps):
            u = runge_kutta(lambda w: lotka_rhs(th, w), u, h)
        e = e + total((a - b) * (a - b) for a, b in zip(u, seen))
    return e


new_rates = lambda r: uniform(r, 0.2, 1.2, 4)
SSE = Fn("sse", ["th", "u0", "data", "h", "steps"], lotka_sse,
         lambda r: [new_rates(r), uniform(r, 0.5, 1.5, 2), uniform(r, 0.5, 1.5, r.randint(1, 2), 2), uniform(r, 0.01, 0.1), r.randint(1, 2)])
LOTKA = Model([
    Fn("rhs", ["th", "u"], lotka_rhs, lambda r: [new_rates(r), uniform(r, 0.5, 1.5, 2)]),
    Fn("closed_rk4", ["th", "u", "h"], lambda th, u, h: runge_kutta(lambda w: lotka_rhs(th, w), u, h),
       lambda r: [new_rates(r), uniform(r, 0.5, 1.5, 2), uniform(r, 0.01, 0.3)]),
    SSE,
], {"lotka_grad": value_and_grad(SSE, ["th", "u0"]), "lotka_hess": hessian(SSE, ["th", "u0"])},
    closed={"rk4": "fn closed_rk4(th: [4]f64, u: [2]f64, h: f64) -> [2]f64 = rk4(|w| rhs(th, w), u, h);"})


# ---- lstm ----

def lstm_cell(p, hp, cp, x):
    h, c = [], []
    for i, before in enumerate(cp):
        forget, keep, new, out = (p["b"][g][i] + inner(p["Wx"][g][i] + p["Wh"][g][i], list(x) + list(hp)) for g in range(4))
        c.append(sigmoid(forget) * before + sigmoid(keep) * tanh(new))
        h.append(sigmoid(out) * tanh(c[-1]))
    return h, c


def lstm_unrolled(p, Wo, xs):
    width = len(p["b"][0])
    h, c, errors = [0.0] * width, [0.0] * width, []
    for x, following in zip(xs, xs[1:]):
        h, c = lstm_cell(p, h, c, x)
        errors += [(a - b) * (a - b) for a, b in zip(apply(Wo, h), following)]
    return total(errors) / float(len(xs) - 1)


def new_cell(rng, d, h):
    return Record("Cell", {"Wx": uniform(rng, -1.0, 1.0, 4, h, d), "Wh": uniform(rng, -1.0, 1.0, 4, h, h), "b": uniform(rng, -0.5, 0.5, 4, h)})


def new_step(rng):
    d, h = rng.choice([(2, 1), (1, 2), (1, 1)])
    return [new_cell(rng, d, h), uniform(rng, -0.5, 0.5, h), uniform(rng, -0.5, 0.5, h), uniform(rng, -1.0, 1.0, d)]


def new_sequence(rng):
    T, d, h = rng.choice([(3, 1, 2), (3, 2, 1), (2, 1, 1)])
    return [new_cell(rng, d, h), uniform(rng, -1.0, 1.0, d, h), uniform(rng, -1.0, 1.0, T, d)]


UNROLLED = Fn("unrolled", ["p", "Wo", "xs"], lstm_unrolled, new_sequence)
CHECKPOINTED = Fn("checkpointed", ["p", "Wo", "xs"], lstm_unrolled, new_sequence)
LSTM = Model([
    Fn("cell", ["p", "hp", "cp", "x"], lstm_cell, new_step),
    UNROLLED,
    CHECKPOINTED,
], {"lstm_loss": UNROLLED, "lstm_grad": value_and_grad(UNROLLED, ["p", "Wo"]),
    "lstm_grad_checkpointed": value_and_grad(CHECKPOINTED, ["p", "Wo"])}, real=True)


# ---- mlp ----

def mlp_logits(p, x):
    hidden = [v if primal(v) > 0.0 else 0.0 for v in (inner(row + [b], list(x) + [1.0]) for row, b in zip(p["W1"], p["b1"]))]
    return [inner(row + [b], hidden + [1.0]) for row, b in zip(p["W2"], p["b2"])]


def mlp_loss(p, X, y):
    """Minus the mean log probability of the labels."""
    out = 0.0
    for x, label in zip(X, y):
        o = mlp_logits(p, x)
        out = out + log(total(exp(v - o[label]) for v in o))
    return out / float(len(X))


def new_mlp(rng, d, h, c):
    return Record("Mlp", {"W1": uniform(rng, -1.0, 1.0, h, d), "b1": uniform(rng, -1.0, 1.0, h),
                          "W2": uniform(rng, -1.0, 1.0, c, h), "b2": uniform(rng, -1.0, 1.0, c)})


def new_samples(rng):
    n, d, h, c = rng.choice([(2, 2, 2, 2), (3, 1, 3, 2), (1, 2, 1, 3)])
    return [new_mlp(rng, d, h, c), uniform(rng, -1.0, 1.0, n, d), [rng.randrange(c) for _ in range(n)]]


LOSS = Fn("loss", ["p", "X", "y"], mlp_loss, new_samples)
LOSS_BATCHED = Fn("loss_batched", ["p", "X", "y"], mlp_loss, new_samples)
MLP = Model([
    Fn("logits", ["p", "x"], mlp_logits, lambda r: [new_mlp(r, 2, 3, 2), uniform(r, -1.0, 1.0, 2)]),
    LOSS,
    LOSS_BATCHED,
], {"step": value_and_grad(LOSS, ["p"]), "step_batched": value_and_grad(LOSS_BATCHED, ["p"]), "curvature": hvp(LOSS, ["p"])}, real=True)


# ---- rules ----

def bessel_value(n, x):
    """The power series; of a negative order by symmetry."""
    if n < 0:
        return (-1.0) ** n * bessel_value(-n, x)
    return sum((-1.0) ** k / math.factorial(k) / math.factorial(k + n) * (0.5 * x) ** (2 * k + n) for k in range(30))


def bessel_at(n, x):
    return chain(x, lambda v: bessel_value(n, v), lambda v, y: 0.5 * bessel_at(n - 1, v) - 0.5 * bessel_at(n + 1, v))


def bessel_j(n, x):
    """As its rule has it, it does not change with n."""
    return bessel_at(round(primal(n)), x)


def softplus_rule(x):
    return log(1.0 + exp(x))


def histogram(idx, w, nb):
    return [total([v for v, k in zip(w, idx) if k == b]) for b in range(nb)]


def updated(a, i, v):
    return [2.0 * v if k == 0 else v if k == i else x for k, x in enumerate(a)]


def convolution(x, w):
    out = [0.0] * (len(x) - len(w) + 1)
    for j, weight in enumerate(w):
        out = [o + weight * v for o, v in zip(out, x[j:])]
    return out


def root2(x):
    """Newton's method as the mean of x and 2/x, as often as the program does."""
    while abs(primal(x) * primal(x) - 2.0) > 1e-12:
        x = 0.5 * (x + 2.0 * reciprocal(x))
    return x


BESSEL = Fn("bessel_j", ["n", "x"], bessel_j, lambda r: [float(r.randint(2, 4)), uniform(r, 0.5, 4.0)])
SOFTPLUS1 = Fn("softplus1", ["x"], softplus_rule, lambda r: [uniform(r, -2.0, 2.0)])
MY_SIGMOID = Fn("my_sigmoid", ["x"], lambda x: 0.5 + 0.5 * tanh(0.5 * x), lambda r: [uniform(r, -2.0, 2.0)])
HIST = Fn("hist", ["idx", "w", "nb"], histogram, lambda r: [[r.randrange(3) for _ in range(5)], uniform(r, -1.0, 1.0, 5), 3])
UPD = Fn("upd", ["a", "i", "v"], updated, lambda r: [uniform(r, -1.0, 1.0, 4), r.randrange(4), uniform(r, -1.0, 1.0)])
CONV = Fn("conv", ["x", "w"], convolution, lambda r: [uniform(r, -1.0, 1.0, 4), uniform(r, -1.0, 1.0, r.randint(1, 3))])
ROOT2 = Fn("root2", ["x0"], root2, lambda r: [uniform(r, 1.7, 1.9)])
RULES = Model([BESSEL, SOFTPLUS1, MY_SIGMOID, HIST, UPD, CONV, ROOT2], {
    "bessel_j_grad": grad(BESSEL), "softplus1_hess": hessian(SOFTPLUS1), "my_sigmoid_grad": value_and_grad(MY_SIGMOID),
    "hist_vjp": vjp(HIST, ["w"]), "upd_vjp": vjp(UPD, ["a", "v"]), "conv_vjp": vjp(CONV), "root2_grad": grad(ROOT2),
}, foreign="""/* By the trapezoidal rule, which converges geometrically: for whole orders the integrand is periodic. */
#include <math.h>
double bessel_j(double n, double x);
double bessel_j(double n, double x) {
    double sum = 0;
    for (int k = 0; k < 64; k++)
        sum += cos(n * (k * 3.14159265358979323846 / 32) - x * sin(k * 3.14159265358979323846 / 32));
    return sum / 64;
}
""")

MODELS = {"ba": BA, "black_scholes": BLACK_SCHOLES, "gmm": GMM, "kalman": KALMAN, "logistic": LOGISTIC, "lotka": LOTKA, "lstm": LSTM,
          "mlp": MLP, "rules": RULES}
