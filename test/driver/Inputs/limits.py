"""Programs at and far beyond every limit: each ends with the message that is named here, or compiles, in
less than 5 s of processor time and 1 GB of memory (sanitizers: a fifth as large, and no bounds).

    limits.py FOLDER BPC [sanitized]
"""
import os
import resource
import subprocess
import sys

DEEP = MANY = 20000 if len(sys.argv) > 3 else 100000


def nest(before, inside, after, n=DEEP):
    return before * n + inside + after * n


def scalar(text):
    return "export fn f(x: f64) -> f64 = %s;\n" % text


def chain(first, link, n, last):
    return first + "".join(link.format(i=i, p=i - 1) for i in range(1, n)) + last


def listing(text, n, between=", "):
    return between.join(text.format(i=i) for i in range(n))


OK, DEEP_CODE, LARGE = "", "E0106", "E0804"
CHAIN = "fn q{i}(x: f64) -> f64 = q{p}(x) + 1.0;\n"
CASES = {
    "parens": (scalar(nest("(", "x", ")")), DEEP_CODE),
    "minus": (scalar("-" * DEEP + "x"), DEEP_CODE),
    "powers": (scalar("x**" * DEEP + "x"), DEEP_CODE),
    "sum": (scalar("x+" * DEEP + "x"), DEEP_CODE),
    "ifs": (scalar(nest("if x > 0.0 { ", "x", " } else { 0.0 }")), DEEP_CODE),
    "else-ifs": (scalar("if x > 0.0 { x } else " * DEEP + "{ 0.0 }"), DEEP_CODE),
    "blocks": (scalar(nest("{ ", "x", " }")), DEEP_CODE),
    "lambdas": ("fn g(h: fn(f64) -> f64) -> f64 = h(1.0);\n" + scalar(nest("g(|y| ", "x", ")")), DEEP_CODE),
    "records": ("type R = %s;\n" % nest("{ a: ", "f64", " }"), DEEP_CODE),
    "tuples": ("fn f(x: %s) -> f64 = 1.0;\n" % nest("(", "f64", ", f64)"), DEEP_CODE),
    "function types": ("fn f(x: %s) -> f64 = 1.0;\n" % nest("fn(", "f64", ") -> f64"), DEEP_CODE),
    "arrays": ("fn f(x: %sf64) -> f64 = 1.0;\n" % ("[2]" * DEEP), DEEP_CODE),
    "fields": (scalar("x" + ".a" * DEEP), DEEP_CODE),
    "indices": (scalar("x" + "[0]" * DEEP), DEEP_CODE),
    "calls": (scalar(nest("sin(", "x", ")")), DEEP_CODE),
    "withs": (scalar("x" + " with [0] = 1.0" * DEEP), DEEP_CODE),
    "comprehensions": (scalar(nest("[", "x", " for i < 2]")), DEEP_CODE),
    "loops": (scalar(nest("loop a = x for i < 2 { ", "a", "}")), DEEP_CODE),
    "derivatives": ("fn g(x: f64) -> f64 = x;\nexport %s as h;\n" % nest("grad(", "g", ")"), DEEP_CODE),
    "derivatives of derivatives": ("fn g(x: f64) -> f64 = sin(x*x);\nexport %s as h;\n" % nest("grad(", "g", ")", 30),
                                   LARGE),
    "binders": (scalar("sum(x for %s)" % listing("i{i} < 2", 900)), LARGE),
    "loops in loops": (scalar(nest("sum(x*", "x", " for i < 2)", 100)), LARGE),
    "calls through functions": (chain("fn q0(x: f64) -> f64 = x;\n", CHAIN, MANY, "export fn g(x: f64) -> f64 = q%d(x);\n"
                                      % (MANY - 1)), LARGE),
    "callers first": ("export fn g(x: f64) -> f64 = q%d(x);\n" % (MANY - 1)
                      + "".join(CHAIN.format(i=i, p=i - 1) for i in range(MANY - 1, 0, -1))
                      + "fn q0(x: f64) -> f64 = x;\n", LARGE),
    "deep calls through functions": (
        chain("fn q0(x: f64) = x;\n", "fn q{i}(x: f64) = %s;\n" % nest("sin(", "q{p}(x)", ")", 900), 50,
              "export fn g(x: f64) -> f64 = q49(x);\n"), LARGE),
    "calls that double": (chain("fn q0(x: f64) -> f64 = x*x;\n", "fn q{i}(x: f64) -> f64 = q{p}(q{p}(x));\n", 60,
                                "export fn g(x: f64) -> f64 = q59(x);\n"), LARGE),
    "function arguments that double": (
        chain("fn a0(f: fn(f64) -> f64, x: f64) -> f64 = f(f(x));\n",
              "fn a{i}(f: fn(f64) -> f64, x: f64) -> f64 = a{p}(|y| a{p}(f, y), x);\n", 40,
              "export fn g(x: f64) -> f64 = a39(|y| y*y, x);\n"), LARGE),
    "specialised calls that double": (
        chain("fn a0(f: fn(f64) -> f64, x: f64) -> f64 = f(x);\n",
              "fn a{i}(f: fn(f64) -> f64, x: f64) -> f64 = a{p}(f, a{p}(f, x));\n", 40,
              "export fn g(x: f64) -> f64 = a39(|y| y*y, x);\n"), LARGE),
    "types that double": (chain("type T0 = { a: f64 };\n", "type T{i} = {{ a: T{p}, b: T{p} }};\n", 60, ""), DEEP_CODE),
    "types in types": (chain("type T0 = { a: f64 };\n", "type T{i} = {{ a: T{p} }};\n", MANY, ""), DEEP_CODE),
    "tuples that double": ("export fn f(x: f64) -> f64 {\n let y0 = (x, x);\n"
                           + "".join("let y%d = (y%d, y%d);\n" % (i, i - 1, i - 1) for i in range(1, 60)) + "x }\n",
                           DEEP_CODE),
    "functions": ("".join("fn q%d(x: f64) -> f64 = x*%d.0;\n" % (i, i) for i in range(MANY)) + scalar("q7(x)"), OK),
    "wrong functions": ("".join("fn q%d(x: f64) -> f64 = y%d;\n" % (i, i) for i in range(MANY)), "E0201"),
    "wrong blocks": ("".join("fn q%d(x: f64) -> f64 { let y = (x + ; y }\n" % i for i in range(MANY)), "E0105"),
    "one function many times": ("fn f(x: f64) -> f64 = x;\n" * MANY, "E0203"),
    "fields of a record": ("type R = {%s};\n" % listing("f{i}: f64", 10000), DEEP_CODE),
    "one field many times": ("type R = {%s};\n" % listing("f: f64", 10000), "E0203"),
    "1000 fields": ("type R = {%s};\nexport fn f(r: R) -> f64 = r.f0*r.f999;\nexport grad(f);\n"
                    % listing("f{i}: f64", 1000), OK),
    "parameters": ("export fn f(%s) -> f64 = x0;\n" % listing("x{i}: f64", MANY), DEEP_CODE),
    "sizes": ("export fn f[%s](x: f64) -> f64 = x;\n" % listing("n{i}", MANY), DEEP_CODE),
    "arguments": (scalar("max(%s)" % listing("x", MANY)), "E0304"),
    "components": (scalar("{ let t = (%s); t.0 }" % listing("x", MANY)), DEEP_CODE),
    "axes": ("fn f(x: [%s]f64) -> f64 = 1.0;\n" % listing("2", 100), "E0318"),
    "a long line": (scalar("[%s][3]" % listing("x*2.0", 3000)), OK),
    "a megabyte in a line": (scalar("[%s][3]" % listing("x*{i}.0", MANY)), None),
    "a long name": (scalar("a" * 1000000), "E0201"),
    "a long number": (scalar("1" * 1000000 + ".0"), "E0102"),
    "a long comment": ("//" + "a" * 1000000 + "\n" + scalar("x"), OK),
    "a long path": ('import "%s";\n' % ("a" * 1000000), "E0607"),
    "zeros": ("\0" * 1000000, "E0108"),
    "zeros in a comment": ("//" + "\0" * 1000000, "E0108"),
    "bytes": ("\xff" * 1000000, "E0101"),
    "a polynomial": ("fn f[n](x: [%s]f64) -> f64 = 1.0;\n" % "*".join(["(n+1)"] * 200), "E0406"),
    "a long polynomial": ("fn f[%s](x: [%s]f64) -> f64 = 1.0;\n"
                          % (listing("n{i}", 30), listing("(n{i}+1)", 30, "*")), "E0406"),
    "a size": ("fn f(x: [99999999999999999999]f64) -> f64 = 1.0;\n", "E0103"),
    "rules": ("fn g(x: f64) -> f64 = x;\n" + "derivative g(x: f64) { jvp(dx: f64) = dx; }\n" * 10000, "E0203"),
    "tests": ("".join('test "t%d" { assert true; }\n' % i for i in range(10000)), "E0608"),
    "imports": ('import "std/nn";\n' * 10000 + scalar("x"), OK),
    "imports of imports": ('import "deep0.bp";\n' + scalar("x"), DEEP_CODE),
    "an import of itself": ('import "an-import-of-itself.bp";\n' + scalar("x"), "E0610"),
    "a long string": ('test "%s" { assert true; }\n' % ("a" * 1000000) + scalar("x"), OK),
    "a large parameter": ("export fn f(x: [4294967296, 4294967296, 4]f64) -> f64 = x[0,0,0];\n", OK),
    "a large range": (scalar("f64(sum(reverse(concat(iota(9223372036854775807), [1]))))"), "E0406"),
    "a large range, stored": (scalar("f64(sum(sort(iota(9223372036854775807))))"), "E0406"),
    "a large range, not stored": (scalar("f64(sum(iota(9223372036854775807)))"), OK),
    "large parts": ("export fn f[n](x: [n]f64) -> f64 = sum(concat(x, zeros(9223372036854775807)));\n", "E0406"),
    "a large shape": (scalar("sum(reshape(zeros(16), 4611686018427387904, 4))"), "E0406"),
    "a large matrix": (scalar("det(x*eye(3037000500))"), "E0406"),
    "many large axes": ("export fn f[n](x: [n]f64) -> [n*n*n*n*n*n]f64 = [x[0] for i < n*n*n*n*n*n];\n", OK),
    "a large Hessian": ("fn g(x: [4000000000000]f64) -> f64 = norm2(x);\nexport hessian(g);\n", OK),
}
DEEP_IMPORTS = 200
# What else these texts may go through: the same bounds, and a status of 0 or 1.
OTHERS = [["--emit=tokens"], ["--emit=ast"], ["fmt"]], [["--emit=bp"], ["--emit=c"], ["--emit=memory"]]


def measured(command):
    """The finished job, its processor seconds, and the most memory that any job had so far, in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    job = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return job, after.ru_utime - before.ru_utime, after.ru_maxrss >> 10


def wrong_status(job, code):
    message = job.stderr.decode("latin-1")
    if len(message) > 100000:
        return "a message of %d bytes" % len(message)
    if code is None:
        good = job.returncode in (0, 1)
    elif code:
        good = job.returncode == 1 and "error[%s]" % code in message.split("\n")[0]
    else:
        good = job.returncode == 0
    return "" if good else "expected %s, status %d: %s" % (code or "success", job.returncode, message[:300])


def run(folder, bpc, name, sanitized):
    text, code = CASES[name]
    path = os.path.join(folder, name.replace(" ", "-") + ".bp")
    with open(path, "w", encoding="latin-1") as file:
        file.write(text)
    commands = [([path, "-o", os.path.join(folder, "limits.o")], code)]
    for others in OTHERS[:1 if code or sanitized else 2]:
        commands += [((other + [path] if other == ["fmt"] else [path] + other), None) for other in others]
    found = []
    for arguments, expected in commands:
        job, seconds, megabytes = measured([bpc] + arguments)
        wrong = wrong_status(job, expected)
        if not wrong and not sanitized and (seconds > 5 or megabytes > 1024):
            wrong = "%.1f s, %d MB at most so far" % (seconds, megabytes)
        if wrong:
            found.append("%s: %s" % (" ".join(arguments), wrong))
    os.remove(path)
    return "\n".join(found)


def write_imports(folder):
    for i in range(DEEP_IMPORTS):
        with open(os.path.join(folder, "deep%d.bp" % i), "w", encoding="ascii") as file:
            file.write('import "deep%d.bp";\n' % (i + 1) if i + 1 < DEEP_IMPORTS else "")


def main(folder, bpc, sanitized):
    os.makedirs(folder, exist_ok=True)
    write_imports(folder)
    failed = 0
    for name in CASES:
        wrong = run(folder, bpc, name, sanitized)
        if wrong:
            print("%s: %s" % (name, wrong))
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], len(sys.argv) > 3))
