"""Memory and time that long programs take to compile. The first bound of each row is in MB above what the smallest
program takes, the second in seconds of processor time (generous: it catches what is quadratic).

usage: compile_cost.py BPC FOLDER
"""
import os
import resource
import subprocess
import sys

bpc, folder = sys.argv[1:]


def straight_line(n):
    forms = ("a{0}*x", "a{0}*a{1} + 0.5", "exp(-a{0}*a{0})", "sin(a{0}) + y")
    lines = ["let a0 = x*y;"]
    lines += ["let a%d = %s;" % (i, forms[i % 4].format(i - 1, max(i - 8, 0))) for i in range(1, n)]
    return "fn f(x: f64, y: f64) -> f64 {\n  %s\n  a%d\n}\n" % ("\n  ".join(lines), n - 1)


def wide_record(n):
    fields = ", ".join("a%d: f64" % i for i in range(n))
    products = " + ".join("r.a%d*r.a%d" % (i, (7*i + 1) % n) for i in range(n))
    return "type R = { %s };\nfn f(r: R) -> f64 {\n  %s\n}\n" % (fields, products)


def nested_ifs(n):
    heads = ["if x > %d.0 { sin(x*y)*%d.0 } else {" % (n - i, i + 1) for i in range(n)]
    return "fn f(x: f64, y: f64) -> f64 {\n%s\nx*y%s\n}\n" % ("\n".join(heads), " }" * n)


def else_ifs(n):
    heads = ["else if x < %d.0 { sin(x*y)*%d.0 }" % (i, i) for i in range(1, n)]
    return "fn f(x: f64, y: f64) -> f64 =\n  if x < 0.0 { x*y }\n  %s\n  else { y };\n" % "\n  ".join(heads)


def chain_of_gates(n):
    lines = ["let a%d = relu(w[%d]*a%d + 0.1);" % (i + 1, i, i) for i in range(n)]
    return "fn f[n,m](w: [n]f64, a0: [m]f64) -> f64 {\n  %s\n  sum(a%d)\n}\n" % ("\n  ".join(lines), n)


def compile(name, text):
    """(MB, seconds) of a child, in a process of its own so that the peak is its."""
    path = os.path.join(folder, name + ".bp")
    with open(path, "w") as out:
        out.write(text)
    child = os.fork()
    if child == 0:
        ok = subprocess.run([bpc, path, "-o", path[:-3] + ".o"]).returncode == 0
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(path + ".used", "w") as out:
            out.write("%d %f" % (used.ru_maxrss, used.ru_utime + used.ru_stime))
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0, name + " does not compile"
    kilobytes, seconds = open(path + ".used").read().split()
    return int(kilobytes)/1024, float(seconds)


least, _ = compile("least", straight_line(2) + "export hessian(f) as h;\n")
failed = False
for name, text, megabytes, seconds in (
        ("line_hessian", straight_line(3000) + "export hessian(f) as h;\n", 135, 10),
        ("line_grad", straight_line(10000) + "export grad(f) as g;\n", 170, 10),
        ("record", wide_record(900) + "export grad(f) as g;\n", 60, 10),
        ("gates", chain_of_gates(200) + "export grad(f) as g;\n", 60, 10),
        ("else_ifs", else_ifs(800) + "export grad(f) as g;\n", 60, 10),
        ("ifs", nested_ifs(100) + "export hessian(f) as h;\n", 60, 10)):
    mb, s = compile(name, text)
    print("%-13s %6.0f MB %6.2f s" % (name, mb - least, s))
    failed = failed or mb - least > megabytes or s > seconds
sys.exit(failed)
