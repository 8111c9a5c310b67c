#!/usr/bin/env python3
"""Derives DIGAMMA of codegen/vecmath_gamma.c (needs mpmath): psi(x)/(x - r) on [1, 2], r the positive root,
interpolated at Chebyshev nodes and written in powers of x - 3/2. Prints the root in two parts, the error
that rounding the coefficients leaves, and the table."""
from mpmath import cos, digamma, findroot, log, lu_solve, matrix, mp, mpf, nstr, pi, polyval, psi

mp.prec = 300
DEGREE = 22
MIDDLE = mpf(3) / 2
root = findroot(digamma, mpf("1.4616"))


def quotient(x):
    return psi(1, root) if abs(x - root) < mpf(2) ** -80 else digamma(x) / (x - root)


nodes = [cos(pi * (2 * k + 1) / (2 * DEGREE + 2)) / 2 for k in range(DEGREE + 1)]
powers = matrix(DEGREE + 1, DEGREE + 1)
for i, t in enumerate(nodes):
    for j in range(DEGREE + 1):
        powers[i, j] = t**j
exact = lu_solve(powers, matrix([quotient(MIDDLE + t) for t in nodes]))
rounded = [float(c) for c in exact]
grid = [mpf(k) / 400 for k in range(-200, 201)]
error = max(abs(polyval([mpf(c) for c in rounded[::-1]], t) / quotient(MIDDLE + t) - 1) for t in grid)
print("root", float(root).hex(), float(root - mpf(float(root))).hex())
print("relative error 2^" + nstr(log(error, 2), 4))
for c in rounded:
    print("    %s," % c.hex())
