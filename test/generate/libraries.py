"""Constructs that call functions which stand before the program: custom rules, generic and constrained functions, the standard library.

Mixed into the Sampler of sample.py. What a program calls is noted in `self.needed` and printed before its own functions.
"""
from tree import REAL, Node, Ref, Type, array

# By name: functions with rules of both forms, right by construction, and their text.
RULED = {
    "ruled_softplus": "fn ruled_softplus(x: f64) -> f64 = max(x, 0.0) + log(1.0 + exp(-abs(x)));\n"
                      "derivative ruled_softplus(x: f64) { jvp(dx: f64) = sigmoid(x)*dx; }",
    "ruled_sigmoid": "fn ruled_sigmoid(x: f64) -> f64 = 1.0/(1.0 + exp(-x));\n"
                     "derivative ruled_sigmoid(x: f64) { vjp(y: f64, dy: f64) = dy*y*(1.0 - y); }",
    "ruled_product": "fn ruled_product(x: f64, y: f64) -> f64 = x*sin(y);\n"
                     "derivative ruled_product(x: f64, y: f64) { vjp(r: f64, dr: f64) = (dr*sin(y), dr*x*cos(y)); }",
    "ruled_ratio": "fn ruled_ratio(x: f64, y: f64) -> f64 = x/(2.0 + y*y);\n"
                   "derivative ruled_ratio(x: f64, y: f64) "
                   "{ jvp(dx: f64, dy: f64) = { let r = 1.0/(2.0 + y*y); r*dx - 2.0*x*y*r*r*dy }; }",
    "ruled_norm": "fn ruled_norm[k](x: [k]f64) -> f64 = sqrt(1.0 + norm2(x));\n"
                  "derivative ruled_norm[k](x: [k]f64) { jvp(dx: [k]f64) = dot(x, dx)/ruled_norm(x); }",
    "ruled_squash": "fn ruled_squash[k](x: [k]f64) -> [k]f64 = tanh(x);\n"
                    "derivative ruled_squash[k](x: [k]f64) { vjp(y: [k]f64, dy: [k]f64) = dy*(1.0 - y*y); }",
    "ruled_shift": "fn ruled_shift[k](x: [k]f64, c: f64) -> [k]f64 = x*c + sin(c);\n"
                   "derivative ruled_shift[k](x: [k]f64, c: f64) { jvp(dx: [k]f64, dc: f64) = dx*c + (x + cos(c))*dc; }",
    # a string of rules, each in the derivative of the one before: both forms by turns
    "ruled_string": "fn ruled_fourth(x: f64) -> f64 = cos(x);\n"
                    "derivative ruled_fourth(x: f64) { vjp(y: f64, dy: f64) = -sin(x)*dy; }\n"
                    "fn ruled_third(x: f64) -> f64 = sin(x);\n"
                    "derivative ruled_third(x: f64) { jvp(dx: f64) = dx*ruled_fourth(x); }\n"
                    "fn ruled_second(x: f64, y: f64) -> f64 = ruled_third(x)*y;\n"
                    "derivative ruled_second(x: f64, y: f64) { vjp(r: f64, dr: f64) = (dr*y*ruled_fourth(x), dr*ruled_third(x)); }\n"
                    "fn ruled_string[k](x: [k]f64) -> f64 = sum(ruled_second(x[i], x[i]) for i < k);\n"
                    "derivative ruled_string[k](x: [k]f64) { jvp(dx: [k]f64) = "
                    "sum((ruled_third(x[i]) + ruled_second(x[i] + 0.5*pi, x[i]))*dx[i] for i < k); }",
}
RULED_REALS = {"ruled_softplus": 1, "ruled_sigmoid": 1, "ruled_product": 2, "ruled_ratio": 2}

GENERIC = ("fn generic_decay[k, T: float](x: [k]T, rate: T) -> T = sum(x*exp(-rate*rate))/T(len(x) + 1);\n"
           "fn generic_half[X: floats](x: X) -> X = 0.5*x;")
CONSTRAINED = ("fn constrained[a,b](x: [a]f64, y: [b]f64) -> f64 where b == a + 1 { sum(x[i]*y[i+1] for i < a) - y[0] }")

STD = {
    "nn": ["gelu(%)", "gelu_tanh(%)", "silu(%)", "mish(%)", "elu(%, 0.7)", "leaky_relu(%, 0.1)", "huber(%, 0.3, 1.0)", "hinge(%, 0.5)",
           "binary_cross_entropy(%, 0.3)"],
    "special": ["normal_cdf(%)", "normal_pdf(%)", "normal_log_cdf(%)", "log_sigmoid(%)", "log_sum_exp(%, 0.5)",
                "lbeta(1.5 + sigmoid(%), 2.5)", "xlogy(%, 1.5)", "erf_inv(0.6*tanh(%))"],
    "prob": ["normal_lpdf(%, 0.3, 1.5)", "normal_lpdf(0.4, %, 2.0)", "student_t_lpdf(%, 4.0, 0.2, 1.5)", "cauchy_lpdf(%, 0.1, 1.2)",
             "logistic_lpdf(%, 0.0, 1.0)", "gamma_lpdf(1.5 + sigmoid(%), 2.0, 1.5)", "bernoulli_logit_lpmf(1, %)",
             "poisson_log_lpmf(2, tanh(%))", "beta_lpdf(0.2 + 0.5*sigmoid(%), 1.5, 2.0)"],
}
STD_ARRAYS = {"softmax": "softmax(%)", "log_softmax": "tanh(log_softmax(%))", "rms_norm": "rms_norm(%, ones(@), 0.5)",
              "layer_norm": "layer_norm(%, ones(@), zeros(@), 0.5)"}


class Libraries:
    def need(self, text):
        if text not in self.needed:
            self.needed.append(text)

    def real_ruled(self, depth, ty, scope):
        name = self.rng.choice(list(RULED_REALS) + ["ruled_norm", "ruled_string"] + self.ruled_helpers())
        if name not in RULED:
            return self.ruled_call(name, depth, scope)
        self.need(RULED[name])
        if name in ("ruled_norm", "ruled_string"):
            return Node(REAL, name + "(", self.array(depth - 1, array(self.size()), scope), ")")
        return Node(REAL, name + "(", *self.joined([self.real(depth - 1, scope) for _ in range(RULED_REALS[name])]), ")")

    def ruled_helpers(self):
        """Helpers that have rules, by their number."""
        return [k for k, h in enumerate(self.helpers) if h.rule and h.body.ty == REAL]

    def ruled_call(self, k, depth, scope):
        helper = self.helpers[k]
        return Node(REAL, helper.name + "(", *self.joined([self.any(depth - 1, t, scope) for _, t in helper.params]), ")")

    def array_ruled(self, depth, ty, scope):
        if len(ty.dims) != 1:
            return None
        name = self.rng.choice(["ruled_squash", "ruled_shift"])
        self.need(RULED[name])
        rest = [", ", self.real(depth - 1, scope)] if name == "ruled_shift" else []
        return Node(ty, name + "(", self.array(depth - 1, ty, scope), *rest, ")")

    def real_generic(self, depth, ty, scope):
        self.need(GENERIC)
        if self.rng.random() < 0.5:
            return Node(REAL, "generic_half(", self.real(depth - 1, scope), ")")
        return Node(REAL, "generic_decay(", self.array(depth - 1, array(self.size()), scope), ", ", self.real(depth - 1, scope), ")")

    def real_constrained(self, depth, ty, scope):
        self.need(CONSTRAINED)
        size = Type("f64", (self.plain_size(),)).dims[0]
        longer = type(size)(size.symbol, 1)
        return Node(REAL, "constrained(", self.array(depth - 1, array(size), scope), ", ", self.array(depth - 1, array(longer), scope), ")")

    def real_std(self, depth, ty, scope):
        library = self.rng.choice(list(STD))
        self.need('import "std/%s";' % library)
        return self.filled("0.5*" + self.rng.choice(STD[library]), REAL, [self.real(depth - 1, scope)])

    def array_std(self, depth, ty, scope):
        if len(ty.dims) != 1:
            return None
        self.need('import "std/nn";')
        template = STD_ARRAYS[self.rng.choice(list(STD_ARRAYS))].replace("@", str(ty.dims[0]))
        return Node(ty, *self.filled(template, ty, [self.array(depth - 1, ty, scope)]).parts)

    def with_rule(self, helper):
        """The helper under a rule that takes its derivative from a twin without one: both forms, any body."""
        names = [name for name, _ in helper.params]
        reals = [(name, ty) for name, ty in helper.params]
        values, tangents = ", ".join(names), ", ".join("d" + n for n in names)
        head = "%s[%s](%s)" % (helper.name, ",".join(helper.sizes), ", ".join("%s: %s" % p for p in reals))
        if self.rng.random() < 0.5:
            given = ", ".join("d%s: %s" % p for p in reals)
            helper.rule = "derivative %s { jvp(%s) = { let (_, t) = jvp(%s_twin)(%s, %s); t }; }" % (head, given, helper.name, values, tangents)
        else:
            result = helper.body.ty
            found = ", ".join("g" + n for n in names)
            helper.rule = "derivative %s { vjp(y: %s, dy: %s) = { let (_, %s) = vjp(%s_twin)(%s, dy); %s }; }" % (
                head, result, result, found, helper.name, values, "(%s)" % found if len(names) > 1 else found)
