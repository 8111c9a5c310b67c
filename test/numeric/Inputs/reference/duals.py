"""Numbers with nested infinitesimals: derivatives of any order, by definition and forwards only.

This is what compiled derivatives are held against, and shares nothing with the compiler. A Dual is value + tangent*e, where e*e = 0
and each evaluation of a derivative has an e of its own (`tag`), so nested derivatives do not mix. Functions take floats or Duals.
"""
import math

from rounded import through


class Dual:
    __slots__ = ("a", "b", "tag")

    def __init__(self, a, b, tag):
        self.a, self.b, self.tag = a, b, tag

    def __add__(self, y):
        return linear(self, y, 1.0, 1.0)

    __radd__ = __add__

    def __sub__(self, y):
        return linear(self, y, 1.0, -1.0)

    def __rsub__(self, x):
        return linear(x, self, 1.0, -1.0)

    def __neg__(self):
        return Dual(-self.a, -self.b, self.tag)

    def __mul__(self, y):
        t, xa, xb, ya, yb = align(self, y)
        return Dual(xa * ya, plus(times(xb, ya), times(xa, yb)), t)

    __rmul__ = __mul__

    def __truediv__(self, y):
        return self * reciprocal(y)

    def __rtruediv__(self, x):
        return x * reciprocal(self)

    def __pow__(self, y):
        return power(self, y)

    def __rpow__(self, x):
        return power(x, self)

    def __lt__(self, y):
        return primal(self) < primal(y)

    def __le__(self, y):
        return primal(self) <= primal(y)

    def __gt__(self, y):
        return primal(self) > primal(y)

    def __ge__(self, y):
        return primal(self) >= primal(y)


ZERO = 0  # the integer: a tangent that is known to be zero


def plus(x, y):
    return y if x is ZERO else x if y is ZERO else x + y


def times(x, y):
    return ZERO if x is ZERO or y is ZERO else x * y


def align(x, y):
    t = max(x.tag if isinstance(x, Dual) else 0, y.tag if isinstance(y, Dual) else 0)
    xa, xb = (x.a, x.b) if isinstance(x, Dual) and x.tag == t else (x, ZERO)
    ya, yb = (y.a, y.b) if isinstance(y, Dual) and y.tag == t else (y, ZERO)
    return t, xa, xb, ya, yb


def linear(x, y, p, q):
    t, xa, xb, ya, yb = align(x, y)
    return Dual(xa + q * ya, plus(xb, yb if q == 1.0 else times(q, yb)), t)


def primal(x):
    while isinstance(x, Dual):
        x = x.a
    return x


def chain(x, f, slope):
    """f(x), whose derivative at the number below is slope(value, f(value))."""
    if not isinstance(x, Dual):
        return through(x, f, slope)
    y = chain(x.a, f, slope)
    return Dual(y, ZERO if x.b is ZERO else x.b * slope(x.a, y), x.tag)


def function(f, slope):
    return lambda x: chain(x, f, slope)


reciprocal = function(lambda x: 1.0 / x, lambda x, y: -(y * y))
exp = function(math.exp, lambda x, y: y)
log = function(math.log, lambda x, y: 1.0 / x)
log1p = function(math.log1p, lambda x, y: 1.0 / (1.0 + x))
sqrt = function(math.sqrt, lambda x, y: 0.5 / y)
sin = function(math.sin, lambda x, y: cos(x))
cos = function(math.cos, lambda x, y: -sin(x))
tanh = function(math.tanh, lambda x, y: 1.0 - y * y)
erf = function(math.erf, lambda x, y: 2.0 / math.sqrt(math.pi) * exp(-(x * x)))
erfc = function(math.erfc, lambda x, y: -2.0 / math.sqrt(math.pi) * exp(-(x * x)))
lgamma = function(math.lgamma, lambda x, y: polygamma(0, x))


def sigmoid(x):
    return 1.0 / (1.0 + exp(-x)) if primal(x) >= 0 else exp(x) / (1.0 + exp(x))


def softplus(x):
    return log1p(exp(-x)) + x if primal(x) >= 0 else log1p(exp(x))


def relu(x):
    return x if primal(x) > 0 else 0.0 * x


def absolute(x):
    return x if primal(x) >= 0 else -x


def power(x, y):
    if isinstance(y, int):
        r = 1.0
        for _ in range(abs(y)):
            r = r * x
        return r if y >= 0 else 1.0 / r
    return exp(y * log(x))


BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def polygamma_value(n, x):
    """By the recurrence up to 25, then the asymptotic series (DLMF 5.15.8 and 5.11.2)."""
    sign, low = (-1.0) ** (n + 1), 0.0
    while x < 25.0:
        low += sign * math.factorial(n) / x ** (n + 1)
        x += 1.0
    if n == 0:
        return low + math.log(x) - 0.5 / x - sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(BERNOULLI, 1))
    series = math.factorial(n - 1) / x**n + math.factorial(n) / (2 * x ** (n + 1))
    series += sum(b * math.factorial(2 * k + n - 1) / math.factorial(2 * k) / x ** (2 * k + n)
                  for k, b in enumerate(BERNOULLI, 1))
    return low + sign * series


def polygamma(n, x):
    return chain(x, lambda v: polygamma_value(n, v), lambda v, y: polygamma(n + 1, v))
