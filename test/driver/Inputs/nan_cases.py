"""--sanitize=nan on the functions of nan.bp: nan_cases.py BPC nan.bp

Each case says what is called, and the message, what stands under the caret, the label there and the notes; or the
value, where nothing may be found. All levels must say the same.
"""
import re
import subprocess
import sys

bpc, model = sys.argv[1:]

INF, NAN = "an infinity", "NaN"
# function, arguments, operation, what it made, where, source under the caret, label, note
FOUND = [
    ("ratio", "x=1 y=0", "/", INF, "", "x / y", "1 / 0 = inf", ""),
    ("ratio", "x=0 y=0", "/", NAN, "", "x / y", "0 / 0 = nan", ""),
    ("grad(norm)", "x=[0,0]", "/", INF, "the reverse sweep of norm", "sqrt(sum(x[i] * x[i] for i))",
     "the adjoint of this: 0.5 / 0 = inf", ""),
    ("jvp(norm)", "x=[0,0] d_x=[1,0]", "/", INF, "the tangents of norm", "sqrt(sum(x[i] * x[i] for i))",
     "the tangent of this: 0.5 / 0 = inf", ""),
    ("table", "x=[[1,2],[3,0]]", "log", INF, "", "log(x[i, j])", "log(0) = -inf", "at i = 1, j = 1"),
    ("whole", "x=[[1,2],[3,1000]]", "exp", INF, "", "exp(x)", "exp(1000) = inf", "at element [1, 1]"),
    ("total", "x=[1e308,1e308,1]", "+", INF, "", "sum(x)", "1e+308 + 1e+308 = inf", "at element [1]"),
    ("product", "a=[[1,1e200],[0,1]] b=[[1,0],[0,1e200]]", "*", INF, "", "a @ b",
     "9.9999999999999997e+199 * 9.9999999999999997e+199 = inf", "at element [0, 1], term = 1"),
    ("product", "a=[[1e308,1e308],[0,1]] b=[[1,0],[1,1]]", "+", INF, "", "a @ b", "1e+308 + 1e+308 = inf",
     "at element [0, 0], term = 1"),
    ("vjp[a](product)", "a=[[1,2],[3,4]] b=[[1e300,0],[0,1]] bar=[[1e300,0],[0,0]]", "*", INF,
     "the reverse sweep of product", "a @ b", "the adjoint of this: 1.0000000000000001e+300 * "
     "1.0000000000000001e+300 = inf", "at element [0, 0], term = 0"),
    ("steps", "x=1", "sqrt", NAN, "", "sqrt(y - 0.5)", "sqrt(-0.044910139437772612) = nan", "at t = 2"),
    ("grad(marked)", "x=0", "/", INF, "the reverse sweep of marked", "sqrt(y)",
     "the adjoint of this: 0.5 / 0 = inf", "at t = 7"),
    ("grad(scarce)", "x=0", "/", INF, "the reverse sweep of scarce", "sqrt(y)",
     "the adjoint of this: 0.5 / 0 = inf", "at t = 7"),
    ("history", "x=1e60", "*", INF, "", "y * y", "9.9999999999999964e+239 * 9.9999999999999964e+239 = inf",
     "at t = 2"),
    ("until", "x=1e100", "*", INF, "", "y * y * 1e200",
     "9.9999999999999997e+199 * 9.9999999999999997e+199 = inf", "at iteration = 0"),
    ("narrow", "x=1e39", "f32", INF, "", "f32(x)", "f32(9.9999999999999994e+38) = inf", ""),
    ("grad(gathered)", "x=[1,1,1] k=[2,2,0]", "+", INF, "the reverse sweep of gathered", "x[k[i]]",
     "the adjoint of this: 1e+308 + 1e+308 = inf", "at i = 1"),
    ("solved", "a=[[1e-200,0],[0,1]] b=[1e200,1]", "/", INF, "", "solve(a, b)",
     "9.9999999999999997e+199 / 9.9999999999999998e-201 = inf", None),
    ("chosen", "x=0", "log", INF, "", "log(x)", "log(0) = -inf", ""),
    ("grad(through_root)", "x=0", "/", INF, "the reverse sweep of through_root", "dy / (2.0 * y)",
     "3 / 0 = inf", ""),
    ("grad(slope)", "x=0", "pow", INF, "the reverse sweep of slope", "abs(x) ** -0.5", "pow(0, -0.5) = inf", ""),
    ("jvp(slope)", "x=0 d_x=1", "pow", INF, "the tangents of slope", "abs(x) ** -0.5", "pow(0, -0.5) = inf", ""),
    ("batch[k](spread)", "x=[[[1,2],[0,0]]]", "/", NAN, "", "x[i, j] / sum(x[i, k] for k)", "0 / 0 = nan",
     "at element [0], i = 1, j = 0"),
    ("outside", "x=200", "tgamma", INF, "", "tgamma(x)", "tgamma(200) = inf", ""),
]
# the whole message, and the label
OTHERS = [
    ("grad[x](power)", "x=0 y=0.5", "a derivative is an infinity, in the reverse sweep of power",
     "the adjoint of this: inf, from 0.5, 0"),
    ("hvp(loss)", "x=[1e-160,1] d_x=[1,0]", "a derivative is an infinity, in the tangents of the reverse sweep of loss",
     "the tangent of the adjoint of this: inf, from 1, 1e+160, 9.9999999999999999e-161"),
    ("grad(grad(grad(bend)))", "x=0", "a derivative is an infinity, in the reverse sweep of the reverse sweep of "
     "the reverse sweep of bend", "the adjoint of the adjoint of the adjoint of this: inf, from 0"),
    ("layer", "p.W=[[1,2],[3,inf]] p.b=[1,2] x=[1,2]", "the argument `p.W` holds an infinity", "p.W[1, 1] = inf"),
    ("layer", "p.W=[[1,2],[3,1]] p.b=[1,2] x=[1,nan]", "the argument `x` holds NaN", "x[1] = nan"),
    ("jvp[x](power)", "x=1 y=1 d_x=nan", "the argument `d_x` holds NaN", "d_x = nan"),
    ("nothing", "x=[]", "the result `out` holds an infinity", "out = -inf"),
    ("literal", "x=-1", "the result `out` holds NaN", "out = nan"),
    ("factor", "a=[[1,0],[0,0]]", "the matrix is singular", "`pivot[1]` is 0.0"),
]
# nothing is found: the value
FINE = [
    ("grad(norm)", "x=[3,4]", [0.6, 0.8]),
    ("grad[y](power)", "x=0 y=2", [0]),
    ("grad(guarded)", "x=0", [0]),
    ("masked", "x=[1,2]", [2]),
    ("grad(masked)", "x=[1,2]", [0, 1]),
    ("grad(nothing)", "x=[1,1]", [0.5, 0.5]),
    ("grad(nothing)", "x=[]", []),
    ("volume", "a=[[1,0],[0,0]]", [0]),
    ("grad(volume)", "a=[[1,2,3],[2,4,6],[1,0,1]]", [4, 4, -4, -2, -2, 2, 0, 0, 0]),
]


def run(function, arguments, level):
    command = [bpc, "run", model, function, "--sanitize=nan", level]
    for argument in arguments.split():
        command += ["--arg", argument]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def fail(case, what, got):
    print("%s\n  expected: %s\n  got: %s" % (case, what, got))
    sys.exit(1)


def expect(case, done, first, label, note=None):
    lines = done.stderr.splitlines()
    if done.returncode != 1 or not lines or not lines[0].endswith(first):
        fail(case, first, done.stderr or done.stdout)
    if not lines[2].split("^")[-1].strip() == label:
        fail(case, label, done.stderr)
    notes = [line.split("note: ")[1] for line in lines if "note: at" in line]
    if note is not None and notes != [note] * bool(note):
        fail(case, note, done.stderr)


def check():
    for case in FOUND:
        function, arguments, operation, made, sweep, source, label, note = case
        first = "error[E0616]: `%s` made %s%s" % (operation, made, ", in " + sweep if sweep else "")
        done = run(function, arguments, "-O3")
        expect(case, done, first, label, note)
        line = done.stderr.splitlines()
        if line[1].split("|", 1)[1][line[2].index("^") - line[2].index("|") - 1:][:line[2].count("^")] != source:
            fail(case, source, done.stderr)
        again = run(function, arguments, "-O0")
        if again.stderr != done.stderr:
            fail(case, done.stderr, again.stderr)
    for case in OTHERS:
        expect(case, run(case[0], case[1], "-O2"), case[2], case[3])
    for case in FINE:
        done = run(case[0], case[1], "-O1")
        values = [float(x) for x in re.findall(r"[-+0-9.e]+|nan|inf", done.stdout)]
        if done.returncode or len(values) != len(case[2]) or any(
                abs(x - y) > 1e-14 * (1 + abs(y)) for x, y in zip(values, case[2])):
            fail(case, case[2], done.stdout + done.stderr)


check()
print("%d cases" % (len(FOUND) + len(OTHERS) + len(FINE)))
