"""The elementwise operations of the IR on complex numbers: each analytic function by its own formula, none by a derivative.

Comparisons, and what chooses by them, look at real parts; so a function that is analytic in pieces stays so within a piece.
"""
import cmath
import math
import operator

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


def re(x):
    return x.real


def negative(x):
    return re(x) < 0.0


def expm1(z):
    a, b = z.real, z.imag
    return complex(math.expm1(a) * math.cos(b) - 2.0 * math.sin(0.5 * b) ** 2, math.exp(a) * math.sin(b))


def log1p(z):
    a, b = z.real, z.imag
    return complex(0.5 * math.log1p(2.0 * a + a * a + b * b), math.atan2(b, 1.0 + a))


def cbrt(z):
    return -cbrt(-z) if negative(z) else cmath.exp(cmath.log(z) / 3.0)


def erf(z):
    """exp(-z*z) times a series of positive terms."""
    if negative(z):
        return -erf(-z)
    if re(z) > 5.5:
        return 1.0 - erfc_fraction(z)
    term, total, n = z, z, 0
    while abs(term) > 1e-18 * abs(total):
        n += 1
        term *= 2.0 * z * z / (2 * n + 1)
        total += term
    return TWO_OVER_SQRT_PI * cmath.exp(-z * z) * total


def erfc_fraction(z):
    """The continued fraction, from behind; for a real part of 2 and more."""
    tail = z
    for k in range(150, 0, -1):
        tail = z + 0.5 * k / tail
    return cmath.exp(-z * z) / (math.sqrt(math.pi) * tail)


def erfc(z):
    return erfc_fraction(z) if re(z) > 2.0 else 1.0 - erf(z)


BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def lgamma(z):
    """Reflected, moved up by the recurrence, then Stirling's series."""
    if re(z) < 0.5:
        s = cmath.sin(math.pi * z)
        return cmath.log(math.pi / (-s if negative(s) else s)) - lgamma(1.0 - z)
    below = 1.0
    while re(z) < 15.0:
        below *= z
        z += 1.0
    series = sum(b / (2 * k * (2 * k - 1) * z ** (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1))
    return (z - 0.5) * cmath.log(z) - z + 0.5 * math.log(2.0 * math.pi) + series - cmath.log(below)


def polygamma(order, z):
    n, sign, low = int(re(order)), (-1.0) ** (int(re(order)) + 1), 0.0
    while re(z) < 25.0:
        low += sign * math.factorial(n) / z ** (n + 1)
        z += 1.0
    if n == 0:
        return low + cmath.log(z) - 0.5 / z - sum(b / (2 * k * z ** (2 * k)) for k, b in enumerate(BERNOULLI, 1))
    series = math.factorial(n - 1) / z**n + math.factorial(n) / (2 * z ** (n + 1))
    series += sum(b * math.factorial(2 * k + n - 1) / math.factorial(2 * k) / z ** (2 * k + n) for k, b in enumerate(BERNOULLI, 1))
    return low + sign * series


def power(z, w):
    n = int(re(w)) if abs(re(w)) < 1e6 else 0
    if w == n and abs(n) <= 64:
        out = 1.0 + 0.0j
        for _ in range(abs(n)):
            out *= z
        return out if n >= 0 else 1.0 / out
    return cmath.exp(w * cmath.log(z))


def atan2(y, x):
    if abs(re(x)) >= abs(re(y)):
        turn = math.copysign(math.pi, re(y)) if negative(x) else 0.0
        return cmath.atan(y / x) + turn
    return math.copysign(0.5 * math.pi, re(y)) - cmath.atan(x / y)


def sigmoid(z):
    return cmath.exp(z) / (1.0 + cmath.exp(z)) if negative(z) else 1.0 / (1.0 + cmath.exp(-z))


def softplus(z):
    return log1p(cmath.exp(z)) if negative(z) else z + log1p(cmath.exp(-z))


def clamp(x, lo, hi):
    return lo if re(x) < re(lo) else hi if re(x) > re(hi) else x


def round_away(x):
    return math.copysign(math.floor(abs(x) + 0.5), x)


def of_real(f):
    return lambda x: complex(f(x.real)) if isinstance(x, complex) else f(x)


def sign_of(x):
    return (x > 0) - (x < 0)


def compared(test):
    return lambda x, y: test(re(x), re(y))


def whole(by_int, by_float):
    """Integers have rules of their own."""
    return lambda x, y: by_int(x, y) if isinstance(x, int) else by_float(x, y)


def int_divide(x, y):
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def wrap(f):
    """i64 arithmetic wraps around."""
    return lambda x, y: (f(x, y) + 2**63) % 2**64 - 2**63 if isinstance(x, int) and not isinstance(x, bool) else f(x, y)


ELEMENTWISE = {
    "add": wrap(operator.add), "sub": wrap(operator.sub), "mul": wrap(operator.mul), "div": whole(int_divide, operator.truediv),
    "rem": whole(lambda x, y: x - y * int_divide(x, y), lambda x, y: x - y * math.trunc(re(x / y))), "neg": operator.neg,
    "min": lambda x, y: y if re(y) < re(x) else x, "max": lambda x, y: y if re(y) > re(x) else x, "abs": lambda x: -x if re(x) < 0 else x,
    "sign": of_real(sign_of), "floor": of_real(math.floor), "ceil": of_real(math.ceil), "round": of_real(round_away),
    "trunc": of_real(math.trunc), "sqrt": cmath.sqrt, "cbrt": cbrt, "exp": cmath.exp, "exp2": lambda z: cmath.exp(z * math.log(2.0)),
    "expm1": expm1, "log": cmath.log, "log2": lambda z: cmath.log(z) / math.log(2.0), "log10": cmath.log10, "log1p": log1p, "sin": cmath.sin,
    "cos": cmath.cos, "tan": cmath.tan, "asin": cmath.asin, "acos": lambda z: 0.5 * math.pi - cmath.asin(z), "atan": cmath.atan,
    "atan2": atan2, "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh, "asinh": cmath.asinh, "acosh": cmath.acosh,
    "atanh": cmath.atanh, "erf": erf, "erfc": erfc, "lgamma": lgamma, "digamma": lambda z: polygamma(0.0, z), "polygamma": polygamma,
    "pow": power, "hypot": lambda x, y: cmath.sqrt(x * x + y * y), "fma": lambda x, y, z: x * y + z, "clamp": clamp,
    "relu": lambda x: x if re(x) > 0.0 else 0.0j, "sigmoid": sigmoid, "softplus": softplus, "select": lambda c, x, y: x if c else y,
    "eq": compared(operator.eq), "ne": compared(operator.ne), "lt": compared(operator.lt), "le": compared(operator.le),
    "gt": compared(operator.gt), "ge": compared(operator.ge), "and": lambda x, y: x and y, "or": lambda x, y: x or y,
    "mul0": lambda x, y: 0.0j if x == 0.0 or y == 0.0 else x * y, "not": operator.not_, "xor": operator.xor, "isnan": lambda x: math.isnan(re(x)), "isfinite": lambda x: math.isfinite(re(x)),
}
