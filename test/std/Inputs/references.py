#!/usr/bin/env python3
"""Writes scalars.def: values and gradients of the scalar functions of std/special and std/prob.

The references are textbook formulas in 60 digits by mpmath, with its numerical differentiation; nothing of them is
shared with the library. Run it again after adding a row:  references.py > scalars.def
A row: how it is called in bp, over a, b, c; the point; the value; the partial derivatives; the tolerance.
"""
from mpmath import mp, mpf, erf, erfinv, quad, gammainc, inf, log, exp, pi, gamma, loggamma, beta, binomial, erfc, sqrt, fabs, diff, factorial

mp.dps = 60
EPS = 4e-15


def Phi(x):
    return erfc(-x / sqrt(mpf(2))) / 2


def quantile(p):
    p = mpf(p)
    lo, hi = mpf(-40), mpf(40)
    for _ in range(220):
        mid = (lo + hi) / 2
        if Phi(mid) < p:
            lo = mid
        else:
            hi = mid
    return (lo + hi) / 2


def normal(y, m, s):
    return log(exp(-(y - m) ** 2 / (2 * s * s)) / (s * sqrt(2 * pi)))


def student(y, nu, m, s):
    return log(gamma((nu + 1) / 2) / gamma(nu / 2) / sqrt(nu * pi) / s * (1 + ((y - m) / s) ** 2 / nu) ** (-(nu + 1) / 2))


def sigma(x):
    return 1 / (1 + exp(-x))


def logbeta(a, b):
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def neg_binomial(n, a, b):
    return log(gamma(n + a) / gamma(a) / factorial(n) * (b / (b + 1)) ** a * (1 / (b + 1)) ** n)


def neg_binomial_2(n, mu, phi):
    return loggamma(n + phi) - loggamma(phi) - log(factorial(n)) + n * log(mu / (mu + phi)) + phi * log(phi / (mu + phi))


ROWS = []


def row(text, f, *points, tol=EPS):
    for point in points:
        ROWS.append((text, f, point if isinstance(point, tuple) else (point,), tol))


# ---- std/special
row("logit(a)", lambda a: log(a / (1 - a)), 0.3, 1e-9, 0.999)
row("expit(a)", sigma, 0.3, -40.0, 40.0)
row("log_sigmoid(a)", lambda a: log(sigma(a)), 0.3, -1000.0, 30.0, 1000.0)
row("log1m_exp(a)", lambda a: log(1 - exp(a)), -1e-9, -0.5, -3.0, -60.0)
row("log_sum_exp(a, b)", lambda a, b: log(exp(a) + exp(b)), (1.0, 2.0), (1000.0, -1000.0), (700.0, 701.0))
row("log1p_square(a)", lambda a: log(1 + a * a), 0.0, 1e-9, 0.75, -3.0, 1e300)
row("log_gamma_kernel(a, b)", lambda a, b: a * log(b) - b - loggamma(a), (0.5, 2.0), (12.0, 11.0), (1e9, 1.0001e9), tol=1e-11)
row("log_beta_kernel(a, b, c)", lambda a, b, c: b * log(a) + c * log(1 - a) - logbeta(b, c), (0.3, 0.5, 2.0), (0.3, 12.0, 30.0),
    (0.3, 3.001e8, 7e8), tol=1e-11)
row("log_diff_exp(a, b)", lambda a, b: log(exp(a) - exp(b)), (2.0, 1.0), (1000.0, -1000.0), (1e-3, 0.0))
row("xlogy(a, b)", lambda a, b: a * log(b), (2.0, 3.0), (0.0, 3.0))
row("xlog1py(a, b)", lambda a, b: a * log(1 + b), (2.0, 3.0), (2.0, 1e-12), (0.0, 3.0))
row("lbeta(a, b)", logbeta, (2.5, 0.25), (3.0, 11.5), (20.0, 12.0), (1e8, 0.5), (1e10, 2e10), (1e-3, 1e5), (10.0, 10.0), tol=3e-14)
row("beta(a, b)", lambda a, b: gamma(a) * gamma(b) / gamma(a + b), (2.5, 0.25), (3.0, 4.0), tol=2e-14)
row("lchoose(a, b)", lambda a, b: loggamma(a + 1) - loggamma(b + 1) - loggamma(a - b + 1), (10.0, 3.0), (1e6, 3.0), (40.0, 20.0),
    (12.5, 0.0), (1e6, 0.0), (7.0, 7.0), tol=2e-13)
row("gamma(a)", gamma, 0.5, 4.5, 30.25, -0.5, -1.5, 1e-9, tol=2e-14)
row("gamma(a)", gamma, 170.5, tol=4e-13)
row("lmultigamma(3, a)", lambda a: log(pi ** (mpf(3) / 2) * gamma(a) * gamma(a - mpf(1) / 2) * gamma(a - 1)), 1.75, 12.0, tol=2e-14)
row("erf_inv(a)", erfinv, 1e-300, 1e-9, 0.3, -0.75, 0.9999, -0.999999999, tol=1e-14)
row("normal_pdf(a)", lambda a: exp(-a * a / 2) / sqrt(2 * pi), 0.5, -6.0)
row("normal_cdf(a)", Phi, 0.5, -6.0, -30.0, 3.0, tol=2e-13)
row("normal_log_cdf(a)", lambda a: log(Phi(a)), 0.5, -4.99, -5.01, -6.0, -40.0, -1e4, 3.0, tol=2e-13)
row("normal_log_cdf(a)", lambda a: -a * a / 2 - log(-a * sqrt(2 * pi)) - 1 / a ** 2, -1e120, tol=2e-13)
row("normal_quantile(a)", quantile, 0.5, 0.3, 0.01, 1e-12, 1e-300, 0.999, tol=2e-14)
row("gamma_p(a, b)", lambda a, b: gammainc(a, 0, b, regularized=True), (2.5, 1.5), (0.3, 0.01), (0.5, 4.0), (30.0, 25.0), (30.0, 45.0),
    (1000.0, 990.0), (10.0, 1e-8), (12.0, 0.001), (1000.0, 400.0), tol=2e-13)
row("gamma_q(a, b)", lambda a, b: gammainc(a, b, inf, regularized=True), (2.5, 1.5), (0.5, 4.0), (0.5, 60.0), (30.0, 45.0), (3.0, 200.0), (1.0, 2.2), (2.0, 4.5), (20.0, 21.5), (0.999999, 2.2),
    tol=2e-13)
# ---- std/prob, continuous
row("normal_lpdf(a, b, c)", normal, (1.5, 0.5, 2.0), (-3.0, 4.0, 0.1))
row("std_normal_lpdf(a)", lambda a: normal(a, 0, mpf(1)), 1.5)
row("student_t_lpdf(a, b, c, 2.0)", lambda a, b, c: student(a, b, c, mpf(2)), (1.5, 3.0, 0.5), (-30.0, 1.0, 0.5), (1.5, 1e7, 0.5),
    tol=3e-14)
row("student_t_lpdf(a, b, c, 2.0)", lambda a, b, c: loggamma((b + 1) / 2) - loggamma(b / 2) - log(b * pi) / 2 - log(2)
    - (b + 1) / 2 * log(1 + ((a - c) / 2) ** 2 / b), (1e100, 3.0, 0.5), (-1e100, 3.0, 0.5), (40.0, 1e-3, 0.5), tol=3e-14)
row("student_t_lpdf(0.75, 4.0, a, b)", lambda a, b: student(mpf(0.75), mpf(4), a, b), (0.5, 2.0))
row("cauchy_lpdf(a, b, c)", lambda a, b, c: log(1 / (pi * c * (1 + ((a - b) / c) ** 2))), (1.5, 0.5, 2.0), (1e6, 0.5, 2.0),
    (1e100, 0.5, 2.0))
for name in ("laplace", "double_exponential"):
    row(name + "_lpdf(a, b, c)", lambda a, b, c: log(exp(-fabs(a - b) / c) / (2 * c)), (1.5, 0.5, 2.0), (-1.5, 0.5, 2.0))
row("logistic_lpdf(a, b, c)", lambda a, b, c: log(exp(-(a - b) / c) / (c * (1 + exp(-(a - b) / c)) ** 2)), (1.5, 0.5, 2.0),
    (-2000.0, 0.5, 2.0), (2000.0, 0.5, 2.0))
row("gumbel_lpdf(a, b, c)", lambda a, b, c: log(exp(-(a - b) / c - exp(-(a - b) / c)) / c), (1.5, 0.5, 2.0))
row("skew_normal_lpdf(0.75, a, b, c)", lambda a, b, c: log(2 / b * exp(-((mpf(0.75) - a) / b) ** 2 / 2) / sqrt(2 * pi)
    * Phi(c * (mpf(0.75) - a) / b)), (0.5, 2.0, 3.0), (1.5, 0.25, 4.0), tol=1e-13)
row("half_cauchy_lpdf(a, b)", lambda a, b: log(2 / (pi * b * (1 + (a / b) ** 2))), (1.5, 0.5), (1e6, 2.0))
row("rayleigh_lpdf(a, b)", lambda a, b: log(a / b ** 2 * exp(-a * a / (2 * b * b))), (1.5, 0.5), (1e-3, 2.0))
row("lognormal_lpdf(a, b, c)", lambda a, b, c: log(exp(-(log(a) - b) ** 2 / (2 * c * c)) / (a * c * sqrt(2 * pi))), (1.5, 0.5, 2.0),
    (1e-10, 0.5, 2.0))
row("exponential_lpdf(a, b)", lambda a, b: log(b * exp(-b * a)), (1.5, 0.5), (0.0, 0.5))
row("gamma_lpdf(a, b, c)", lambda a, b, c: log(c ** b / gamma(b) * a ** (b - 1) * exp(-c * a)), (1.5, 0.5, 2.0), (1.5, 1.0, 2.0),
    (0.2, 7.0, 3.0), tol=2e-14)
row("gamma_lpdf(a, b, c)", lambda a, b, c: b * log(c) - loggamma(b) + (b - 1) * log(a) - c * a, (1.0001, 1e8, 1e8), (0.9999, 1e9, 1e9),
    (50.0, 12.0, 0.25), (50.0, 12.0, 1e-4), (1e-6, 12.0, 0.25), (0.5, 1e9, 1e9), tol=1e-11)
row("inv_gamma_lpdf(a, b, c)", lambda a, b, c: b * log(c) - loggamma(b) - (b + 1) * log(a) - c / a, (1.0001, 1e8, 1e8), (0.02, 12.0, 0.25),
    tol=1e-11)
for name in ("inv_gamma", "inverse_gamma"):
    row(name + "_lpdf(a, b, c)", lambda a, b, c: log(c ** b / gamma(b) * a ** (-b - 1) * exp(-c / a)), (1.5, 0.5, 2.0), (0.2, 7.0, 3.0),
        tol=2e-14)
row("chi_square_lpdf(a, b)", lambda a, b: log(a ** (b / 2 - 1) * exp(-a / 2) / (2 ** (b / 2) * gamma(b / 2))), (1.5, 3.0), (9.0, 2.0),
    tol=2e-14)
row("weibull_lpdf(a, b, c)", lambda a, b, c: log(b / c * (a / c) ** (b - 1) * exp(-(a / c) ** b)), (1.5, 0.5, 2.0), (1.5, 3.0, 2.0),
    tol=2e-14)
row("pareto_lpdf(a, b, c)", lambda a, b, c: log(c * b ** c / a ** (c + 1)), (3.0, 2.0, 1.5))
row("half_normal_lpdf(a, b)", lambda a, b: log(2 * exp(-a * a / (2 * b * b)) / (b * sqrt(2 * pi))), (1.5, 2.0))
row("beta_lpdf(a, b, c)", lambda a, b, c: log(a ** (b - 1) * (1 - a) ** (c - 1) / beta(b, c)), (0.3, 0.5, 2.0), (0.3, 1.0, 1.0),
    (0.9, 30.0, 4.0), tol=3e-14)
row("beta_lpdf(a, b, c)", lambda a, b, c: log(a ** (b - 1) * (1 - a) ** (c - 1)) - logbeta(b, c), (0.5, 1e6, 1e6), tol=2e-11)
row("beta_lpdf(a, b, c)", lambda a, b, c: (b - 1) * log(a) + (c - 1) * log(1 - a) - logbeta(b, c), (0.50001, 1e8, 1e8), (0.3, 3e8, 7e8),
    (0.30001, 3e9, 7e9), (0.2, 12.0, 60.0), (0.01, 12.0, 60.0), (0.9, 12.0, 60.0), (0.2, 2e9, 8e9), tol=2e-11)
row("uniform_lpdf(a, b, c)", lambda a, b, c: log(1 / (c - b)) + 0 * a, (1.5, 0.5, 2.0))
# ---- std/prob, discrete
row("bernoulli_lpmf(1, a)", log, 0.3)
row("bernoulli_lpmf(0, a)", lambda a: log(1 - a), 0.3, 1e-12)
row("bernoulli_logit_lpmf(1, a)", lambda a: log(sigma(a)), 0.3, 1000.0, -1000.0)
row("bernoulli_logit_lpmf(0, a)", lambda a: log(sigma(-a)), 0.3, 1000.0, -1000.0)
for n, t in ((3, 10), (0, 10), (10, 10)):
    row("binomial_lpmf(%d, %d, a)" % (n, t), lambda a, n=n, t=t: log(binomial(t, n) * a ** n * (1 - a) ** (t - n)), 0.3, tol=3e-14)
    row("binomial_logit_lpmf(%d, %d, a)" % (n, t),
        lambda a, n=n, t=t: log(binomial(t, n)) + n * log(sigma(a)) + (t - n) * log(sigma(-a)), 0.3, -1000.0, tol=3e-14)
for n in (0, 4, 1000):
    row("poisson_lpmf(%d, a)" % n, lambda a, n=n: log(a ** n * exp(-a) / factorial(n)), 2.5, 900.0, tol=1e-13)
    row("poisson_log_lpmf(%d, a)" % n, lambda a, n=n: n * a - exp(a) - log(factorial(n)), 0.5, tol=1e-13)
row("poisson_lpmf(1000000, a)", lambda a: 1000000 * log(a) - a - loggamma(1000001), 999000.0, 1e6, 5e5, tol=1e-12)
for n in (0, 3):
    row("geometric_lpmf(%d, a)" % n, lambda a, n=n: log((1 - a) ** n * a), 0.3)
for n in (0, 4, 50):
    row("neg_binomial_lpmf(%d, a, b)" % n, lambda a, b, n=n: neg_binomial(n, a, b), (2.5, 0.75), (100.0, 3.0), tol=1e-13)
    row("neg_binomial_2_lpmf(%d, a, b)" % n, lambda a, b, n=n: neg_binomial_2(n, a, b), (2.5, 0.75), (40.0, 100.0), (4.0, 1e8), tol=2e-9)
for n in (0, 3, 10):
    row("beta_binomial_lpmf(%d, 10, a, b)" % n, lambda a, b, n=n: log(binomial(10, n) * beta(n + a, 10 - n + b) / beta(a, b)),
        (2.5, 0.75), (100.0, 300.0), tol=2e-13)
ORDERED = (lambda e, a, b: sigma(a - e), lambda e, a, b: sigma(e - a) - sigma(e - b), lambda e, a, b: sigma(e - b))
for k in range(3):
    row("ordered_logistic_lpmf(%d, a, [b, c])" % k, lambda e, a, b, k=k: log(ORDERED[k](e, a, b)), (0.3, -0.5, 1.25), (40.0, -0.5, 0.75),
        tol=2e-14)
row("categorical_lpmf(1, [a, b, c])", lambda a, b, c: log(b), (0.2, 0.3, 0.5))
row("categorical_logit_lpmf(1, [a, b, c])", lambda a, b, c: b - log(exp(a) + exp(b) + exp(c)), (0.2, 0.3, 0.5), (1000.0, -1000.0, 0.0))
row("multinomial_lpmf([2, 0, 3], [a, b, c])", lambda a, b, c: log(10 * a ** 2 * c ** 3), (0.2, 0.3, 0.5), tol=2e-14)
row("dirichlet_lpdf([0.2, 0.3, 0.5], [a, b, c])",
    lambda a, b, c: log(gamma(a + b + c) / gamma(a) / gamma(b) / gamma(c) * mpf(0.2) ** (a - 1) * mpf(0.3) ** (b - 1) * mpf(0.5) ** (c - 1)),
    (1.5, 1.0, 3.0), tol=2e-14)


def bivariate(y0, y1, s00, s01, s11):
    det = s00 * s11 - s01 ** 2
    q = (s11 * y0 ** 2 - 2 * s01 * y0 * y1 + s00 * y1 ** 2) / det
    return -q / 2 - log(det) / 2 - log(2 * pi)


row("multi_normal_lpdf([a, b], [0.5, -0.25], [[2.0, c], [c, 1.0]])",
    lambda a, b, c: bivariate(a - mpf(0.5), b + mpf(0.25), mpf(2), c, mpf(1)), (1.5, 0.75, 0.6), tol=2e-14)
row("multi_normal_cholesky_lpdf([a, b], [0.5, -0.25], [[2.0, 0.0], [c, 1.0]])",
    lambda a, b, c: bivariate(a - mpf(0.5), b + mpf(0.25), mpf(4), 2 * c, c * c + 1), (1.5, 0.75, 0.6), tol=2e-14)
row("multi_normal_prec_lpdf([a, b], [0.5, -0.25], [[2.0, c], [c, 1.0]])",
    lambda a, b, c: bivariate(a - mpf(0.5), b + mpf(0.25), 1 / (2 - c * c), -c / (2 - c * c), 2 / (2 - c * c)), (1.5, 0.75, 0.6),
    tol=2e-14)


def bivariate_t(y0, y1, nu, s01):
    det = 2 - s01 ** 2
    q = (y0 ** 2 - 2 * s01 * y0 * y1 + 2 * y1 ** 2) / det
    return log(gamma(nu / 2 + 1) / gamma(nu / 2) / (nu * pi * sqrt(det)) * (1 + q / nu) ** (-nu / 2 - 1))


row("multi_student_t_lpdf([a, 0.75], b, [0.5, -0.25], [[2.0, c], [c, 1.0]])",
    lambda a, b, c: bivariate_t(a - mpf(0.5), mpf(1), b, c), (1.5, 4.5, 0.6), tol=2e-14)


def wishart2(w00, w01, w11, nu, s):
    """Scale s times the identity."""
    det = w00 * w11 - w01 ** 2
    multigamma = sqrt(pi) * gamma(nu / 2) * gamma((nu - 1) / 2)
    return log(det ** ((nu - 3) / 2) * exp(-(w00 + w11) / (2 * s)) / (2 ** nu * s ** nu * multigamma))


row("wishart_lpdf([[2.0, a], [a, 1.0]], b, [[c, 0.0], [0.0, c]])", lambda a, b, c: wishart2(mpf(2), a, mpf(1), b, c), (0.6, 4.5, 0.75),
    tol=3e-14)
# of two variables: of the correlation r it is (1 - r^2)^(eta - 1) over the integral of that
row("lkj_corr_cholesky_lpdf([[1.0, 0.0], [0.6, a]], b)",
    lambda a, b: (2 * b - 2) * log(a) - log(quad(lambda r: (1 - r * r) ** (b - 1), [-1, 0, 1])), (0.8, 2.5), tol=2e-14)


def number(x):
    return repr(float(x))


def partials(f, point):
    result = []
    for k in range(len(point)):
        order = tuple(int(i == k) for i in range(len(point)))
        scale = max(fabs(point[k]), mpf(10) ** -20)
        step = scale * mpf(10) ** -25
        result.append(diff(f, tuple(point), order, h=step) if len(point) > 1 else diff(f, point[0], 1, h=step))
    return result


def three(xs):
    return ", ".join([number(x) for x in xs] + ["0.0"] * (3 - len(xs)))


def main():
    print("/* Written by references.py. ROW(call, arguments, point, value, partial derivatives, tolerance) */")
    for text, f, point, tol in ROWS:
        exact = [mpf(x) for x in point]
        mp.dps = 60
        if "quantile" in text:
            value = f(*exact)
            slope = [1 / (exp(-value ** 2 / 2) / sqrt(2 * pi))]
        else:
            mp.dps = 1000 if any(abs(x) >= 900 for x in point) else 60
            value, slope = f(*exact), None
            mp.dps = 1100 if mp.dps > 60 else 90
            slope = partials(f, exact)
            mp.dps = 60
        print('ROW("%s", %d, (%s), %s, (%s), %g)' % (text, len(point), three(point), number(value), three(slope), tol))


main()
