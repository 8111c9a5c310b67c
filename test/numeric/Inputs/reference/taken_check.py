#!/usr/bin/env python3
"""What is not taken never reaches a derivative, in random programs.

  taken_check.py BPC WORK-FOLDER COUNT SEED

Each function comes twice. In `d` values that are taken stand beside others that are not (behind an `if`, a `select`, an index, a loop that
does not run), and those have no finite value or derivative at the point. In `r` only what is taken is written. Values and first and second
derivatives in all modes must agree. COUNT programs are compiled and run, and the first of them interpreted, too.
"""
import os
import random
import subprocess
import sys

POINT = "(0.0, 0.7, 1.3, 1.0, -1.0, 0, 1)"
PARAMETERS = "a: f64, b: f64, c: f64, p: f64, q: f64, k0: i64, k1: i64"
TRUE = ["p > 0.0", "k1 == 1", "b > a", "!(q > 0.0)", "p > 0.0 && b < 5.0"]
FALSE = ["q > 0.0", "k0 == 1", "b < a", "!(p > 0.0)", "q > 0.0 || b > 5.0"]
ZEROS = ["a", "a*b", "a*a", "2.0*a", "a*sin(b)", "sin(a)", "(a + a*c)"]
POLES = ["sqrt(Z)", "log(Z)", "1.0/(Z)", "(Z)**0.5", "(Z)**(-1.0)", "log(Z)*(Z)", "sqrt(Z)*c", "cbrt(Z)", "atan2(Z, 2.0*(Z))", "acos(1.0 + Z)",
         "b/sqrt(Z)", "root_j(Z)", "root_v(Z)", "lgamma(Z)", "(Z)/(Z)"]
SMOOTH = ["sin(G)", "tanh(G)", "exp(0.1*(G))", "(G)*(G)", "sin(G)/(c + 2.0)", "sigmoid(G)"]
SPOILT = ["sin(B)", "exp(B)", "sqrt(B)", "abs(B)", "rule_j(B)", "tanh(B)"]
# Ways to take G and leave B: T and F are true and false conditions, C is either, with G and B as ONE and TWO in the order of an `if`;
# S, V, W, I are new names. The second column says what it is.
CHOICES = [
    ("(if C { ONE } else { TWO })", "G"), ("select(C, ONE, TWO)", "G"), ("{ let V = [G, B, B]; V[k0] }", "G"), ("{ let V = [B, G, B]; V[k1] }", "G"),
    ("{ let (V, W) = if T { (G, c) } else { (B, B) }; V*W }", "(G*c)"), ("{ let (V, W) = if F { (B, B) } else { (c, G) }; V*W }", "(G*c)"),
    ("(G + sum(B*f64(I + 1) for I < k0))", "G"), ("(loop S = G for I < k0 { S*B })", "G"), ("(loop S = G for I < 2 { if T { S } else { S*B } })", "G"),
    ("(@checkpoint(binomial = 2) loop S = G for I < 3 { if F { S + B } else { S } })", "G"),
    ("(@checkpoint(every = 2) loop S = G for I < 3 { if T { S } else { S*B } })", "G"),
    ("(loop S = G while q > 0.0 max_iter 3 { S*B })", "G"), ("(loop (S = G, V = B) for I < 2 { if T { (S, V) } else { (V, V) } }).0", "G"),
    ("{ let V = scan S = G for I < 3 { if I < 1 { S } else { S + B } }; V[k0] }", "G"),
    ("{ let V = (zeros(3) with [k0] = G) with [k1] = B; V[k0] }", "G"), ("{ let V = concat([G, B], [B]); V[k0] }", "G"),
    ("{ let V = [if I == k0 { G } else { B } for I < 3]; V[k0] }", "G"), ("{ let V = [[G, B], [B, B]]; (V')[k0, k0] }", "G"),
    ("{ let V = if T { Pair(u = G, v = B) } else { Pair(u = B, v = G) }; V.u }", "G"), ("(checkpoint { if C { ONE } else { TWO } })", "G"),
    ("apply(|V| if C { ONE*V } else { TWO*V }, c)", "(G*c)"), ("grad(|V: f64| if T { G*V*V } else { B*V })(c)", "(G*2.0*c)"),
    ("batch[z](|V: f64| if C { ONE*V } else { TWO*V })([c, 2.0])[0]", "(G*c)"), ("two_j(G, B).0", "(2.0*G)"), ("two_v(G, B).0", "(2.0*G)"),
    ("rule_j(select(C, ONE, TWO))", "rule_j(G)"), ("select(T, rule_j(G), rule_v(B))", "rule_j(G)"), ("select(F, rule_j(B), rule_v(G))", "rule_j(G)"),
    ("(sin([G, B]))[k0]", "sin(G)"), ("(reverse([B, G]))[k0]", "G"), ("(cumsum([G, B]))[k0]", "G"), ("sum([G, B][0:1])", "G"),
    ("(reshape([G, B, B, B], 2, 2))[k0, k0]", "G"), ("(select(T, [G, B], [B, B]))[k0]", "G"), ("(diag([G, B]))[k0, k0]", "G"),
    ("{ let V = [[B, 0.5], [1.0, B]] @ [G, c]; if T { G } else { sum(V) } }", "G"),
    ("{ let V = [G, c] @ [[B, B], [1.0, B]]; select(F, V[0]*V[1], G) }", "G"),
    ("{ let V = [[B, G], [G, B]] @ [[G, 0.5], [c, B]]; sum((if q > 0.0 { V[I, 0] } else { G }) for I < 2) }", "(2.0*G)"),
    ("{ let V = [[B, 1.0], [0.5, 2.0]] @ [G, c]; sum((if I == k1 { V[I] } else { 0.0 }) for I < 2) }", "(0.5*G + 2.0*c)"),
    ("(loop S = G for I < 2 { let V = [[B, S], [S, 1.0]] @ [S, c]; S + 0.1*(if T { S } else { V[1] }) })", "(1.1*1.1*(G))"),
    ("{ let V = product_v([[B, 1.0], [0.5, B]], [G, c]); if T { G } else { V[0] } }", "G"),
    ("{ let V = product_j([[B, 1.0], [0.5, B]], [G, c]); if T { G } else { V[0] } }", "G"),
    ("(scatter(2, I => (if I == k0 { G } else { B }) for I < 2))[k0]", "G"), ("(stack([G, B], [B, B]))[k0, 0]", "G"),
]
HELPERS = """
fn root_j(u: f64) -> f64 = sqrt(u);
derivative root_j(u: f64) { jvp(du: f64) = 0.5/sqrt(u)*du; }
fn root_v(u: f64) -> f64 = sqrt(u);
derivative root_v(u: f64) { vjp(y: f64, dy: f64) = dy/(2.0*y); }
fn rule_j(u: f64) -> f64 = 2.0*sin(u);
derivative rule_j(u: f64) { jvp(du: f64) = 2.0*cos(u)*du; }
fn rule_v(u: f64) -> f64 = 2.0*sin(u);
derivative rule_v(u: f64) { vjp(y: f64, dy: f64) = 2.0*cos(u)*dy; }
fn two_j(u: f64, v: f64) -> (f64, f64) = (2.0*u, 3.0*v);
derivative two_j(u: f64, v: f64) { jvp(du: f64, dv: f64) = (2.0*du, 3.0*dv); }
fn two_v(u: f64, v: f64) -> (f64, f64) = (2.0*u, 3.0*v);
derivative two_v(u: f64, v: f64) { vjp(y: (f64, f64), dy: (f64, f64)) = (2.0*dy.0, 3.0*dy.1); }
fn product_j[n](A: [n,n]f64, u: [n]f64) -> [n]f64 = A @ u;
derivative product_j[n](A: [n,n]f64, u: [n]f64) { jvp(dA: [n,n]f64, du: [n]f64) = dA @ u + A @ du; }
fn product_v[n](A: [n,n]f64, u: [n]f64) -> [n]f64 = A @ u;
derivative product_v[n](A: [n,n]f64, u: [n]f64) { vjp(y: [n]f64, dy: [n]f64) = (outer(dy, u), A' @ dy); }
type Pair = { u: f64, v: f64 };
fn apply(f: fn(f64) -> f64, u: f64) -> f64 = f(u);
fn near(a: f64, b: f64) -> bool = abs(a - b) <= 1e-9*(1.0 + abs(a) + abs(b));
fn same[n,m](a: [n,m]f64, b: [n,m]f64) -> bool = all(near(a[i, j], b[i, j]) for i, j);
"""
OPERATORS = ["jacrev(%s)", "jacfwd(%s)", "hessian(%s)", "jacrev[a, b, c](%s)", "jacfwd[a](%s)", "hessian[a](%s)", "jacrev(grad[a, b](%s))"]


def fill(text, parts):
    """Words for what they stand for, all at once."""
    out, word = "", ""
    for c in text + " ":
        if c.isalnum() or c == "_":
            word += c
        else:
            out, word = out + parts.get(word, word) + c, ""
    return out[:-1]


class Function:
    """Random values: (as in d, as in r) of those that are taken, text of those that are not."""

    def __init__(self, draw):
        self.draw, self.names, self.lets = draw, 0, []
        self.taken, self.untaken = ["a", "b", "c"], []

    def name(self):
        self.names += 1
        return "v%d" % self.names

    def leaf(self):
        x = self.draw.choice(self.taken + ["0.5", "1.5"])
        return x, x

    def good(self, depth):
        if depth <= 0:
            return self.leaf()
        form = self.draw.randrange(9)
        x, y = self.good(depth - 1), self.good(depth - 1) if form < 2 else None
        if form < 2:
            return tuple("(%s %s %s)" % (u, "+*"[form], v) for u, v in zip(x, y))
        if form == 2:
            smooth = self.draw.choice(SMOOTH)
            return tuple(fill(smooth, {"G": "(%s)" % u}) for u in x)
        return self.choice(x)

    def choice(self, x):
        text, meaning = self.draw.choice(CHOICES)
        b = self.bad(self.draw.randrange(3))
        true = self.draw.random() < 0.5
        parts = {k: self.name() for k in "SVWI"}
        parts.update(G=x[0], B=b, T=self.draw.choice(TRUE), F=self.draw.choice(FALSE), C=self.draw.choice(TRUE if true else FALSE),
                     ONE=x[0] if true else b, TWO=b if true else x[0])
        return fill(text, parts), fill(meaning, {"G": x[1]})

    def bad(self, depth):
        if depth <= 0 or self.draw.random() < 0.25:
            if self.untaken and self.draw.random() < 0.75:
                return self.draw.choice(self.untaken)
            return "(%s)" % fill(self.draw.choice(POLES), {"Z": self.draw.choice(ZEROS)})
        x, g, condition = self.bad(depth - 1), self.good(depth - 1)[0], self.draw.choice(TRUE + FALSE)
        return self.draw.choice(["(%s + %s)" % (x, g), "(%s*%s)" % (x, g), fill(self.draw.choice(SPOILT), {"B": x}),
                                 "(%s*%s)" % (x, self.bad(depth - 1)), "(%s/%s)" % (g, x), "max(%s, %s)" % (x, g),
                                 "select(%s, %s, %s)" % (condition, x, g), "(if %s { %s } else { %s })" % (condition, x, self.bad(depth - 1))])

    def let(self):
        is_taken = self.draw.random() < 0.5
        x = self.good(2) if is_taken else (self.bad(2), None)
        name = self.name()
        self.lets.append((name, x))
        (self.taken if is_taken else self.untaken).append(name)

    def bodies(self):
        for _ in range(self.draw.randrange(1, 5)):
            self.let()
        result = self.good(4)
        for k in range(2):
            yield "".join("let %s = %s; " % (name, x[k]) for name, x in self.lets if x[k]) + result[k]


def program(draw, n):
    text = HELPERS
    for i in range(n):
        d, r = Function(draw).bodies()
        text += "fn d%d(%s) -> f64 { %s }\nfn r%d(%s) -> f64 { %s }\n" % (i, PARAMETERS, d, i, PARAMETERS, r)
        text += 'test "%d" {\n  assert near(d%d%s, r%d%s);\n' % (i, i, POINT, i, POINT)
        for operator in OPERATORS:
            text += "  assert same(%s%s, %s%s);\n" % (operator % ("d%d" % i), POINT, operator % ("r%d" % i), POINT)
        text += "}\n"
    return text


def main(bpc, folder, count, seed):
    os.makedirs(folder, exist_ok=True)
    failed = 0
    for i in range(int(count)):
        path = os.path.join(folder, "taken%d.bp" % i)
        with open(path, "w", encoding="utf-8") as file:
            file.write(program(random.Random("%s %d" % (seed, i)), 8))
        for options in [["-O1"], ["-O3"], ["--interpret"]] if i == 0 else [["-O1"]]:
            job = subprocess.run([bpc, "test", path] + options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if job.returncode:
                print("bpc test %s %s\n%s" % (path, " ".join(options), job.stdout[-2000:]))
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
