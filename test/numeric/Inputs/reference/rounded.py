"""Numbers that know how far rounding may have moved them: running error analysis (Wilkinson).

A Rounded is a float and a bound, to first order and in units of the last place, of what rounding every operation and every input on the way
can have done to it. Functions of duals.py take them in place of floats.
"""


class Rounded(float):
    __slots__ = ("error",)

    def __new__(cls, value, error):
        self = float.__new__(cls, value)
        self.error = error + abs(value)
        return self

    def __add__(self, y):
        return Rounded(float(self) + float(y), self.error + error_of(y)) if isinstance(y, (int, float)) else NotImplemented

    __radd__ = __add__

    def __sub__(self, y):
        return Rounded(float(self) - float(y), self.error + error_of(y)) if isinstance(y, (int, float)) else NotImplemented

    def __rsub__(self, x):
        return Rounded(float(x) - float(self), self.error + error_of(x))

    def __neg__(self):
        return exact(-float(self), self.error)

    def __mul__(self, y):
        if not isinstance(y, (int, float)):
            return NotImplemented
        x, y, ex, ey = float(self), float(y), self.error, error_of(y)
        return Rounded(x * y, abs(y) * ex + abs(x) * ey)

    __rmul__ = __mul__

    def __truediv__(self, y):
        return divided(self, y) if isinstance(y, (int, float)) else NotImplemented

    def __rtruediv__(self, x):
        return divided(x, self)


def divided(x, y):
    ex, ey, x, y = error_of(x), error_of(y), float(x), float(y)
    return Rounded(x / y, ex / abs(y) + abs(x / y / y) * ey)


def exact(value, error):
    """No operation: a change of sign."""
    out = Rounded(value, 0.0)
    out.error = error
    return out


def error_of(x):
    return x.error if isinstance(x, Rounded) else 0.0


def through(x, f, slope):
    """f(x) of a float, whose derivative is slope(x, f(x))."""
    y = f(float(x))
    return Rounded(y, abs(slope(float(x), y)) * x.error) if isinstance(x, Rounded) else y
