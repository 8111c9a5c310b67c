"""Holds what `bpc MODEL --emit=memory` reports against NAME_work: the slots of each export, at several sizes.

usage: memory_total.py BPC "CC WITH ITS FLAGS" FOLDER MODEL...
"""
import os
import random
import re
import shlex
import subprocess
import sys

bpc, cc, folder, models = sys.argv[1], shlex.split(sys.argv[2]), sys.argv[3], sys.argv[4:]
rng = random.Random(7)


def evaluate(expression, names):
    return eval(expression.replace("/", "//"), {"min": min, "max": max}, dict(names))


def sections(report):
    """name -> (total as reported, {slot: bytes}, {symbol: bound})"""
    found = {}
    for line in report.splitlines():
        head = re.match(r"(\w+): (.*) bytes, each slot", line)
        slot = re.match(r"  (\S.*?) +(\d+) +(\S+) +(\S+) +\[.*?\]\w+  (\S.*)$", line)
        bound = re.match(r"  (\w+) <= (.*)$", line)
        if head:
            current = found[head.group(1)] = (head.group(2), {}, {})
        elif bound:
            current[2][bound.group(1)] = bound.group(2)
        elif slot:
            if "(on the stack)" not in line:
                assert current[1].setdefault(slot.group(2), slot.group(1)) == slot.group(1), line
        else:
            assert line.startswith("  bytes "), line
    return found


def check(model):
    base = os.path.join(folder, os.path.splitext(os.path.basename(model))[0])
    subprocess.run([bpc, model, "-o", base + ".o"], check=True)
    report = subprocess.run([bpc, model, "--emit=memory", "-o", "-"], check=True, capture_output=True, text=True).stdout
    header = open(base + ".h").read()
    takes = {name: re.findall(r"\w+ (\w+)(?:,|$)", args)
             for name, args in re.findall(r"size_t (\w+)_work\(([^)]*)\);", header)}
    exports = sections(report)
    assert exports.keys() == takes.keys(), (exports.keys(), takes.keys())
    lines, wanted = [], []
    for name, (total, slots, bounds) in exports.items():
        for trial in range(8):
            names = {arg: rng.choice((0, 1, 2, 3, 5, 8, 17, 64, 1000)) for arg in takes[name] if arg != "void"}
            lines.append("printf(\"%%zu\\n\", %s_work(%s));" % (name, ", ".join(str(v) for v in names.values())))
            known = dict(names)
            known.update({symbol: evaluate(bound, names) for symbol, bound in bounds.items()})
            sizes = [max(evaluate(text, known), 0) for text in slots.values()]
            wanted.append((name, names, sum((size + 63) // 64 * 64 for size in sizes)))
            assert evaluate(total, known) in (sum(sizes), wanted[-1][2]), (name, total, names, sizes)
    with open(base + "_main.c", "w") as out:
        out.write('#include "%s.h"\n#include <stdio.h>\n' % os.path.basename(base))
        for extern, args in re.findall(r"^extern fn (\w+)\((.*?)\) -> f64;", open(model).read(), re.M):
            out.write("double %s(%s) { return 1.0; }\n" % (extern, re.sub(r"(\w+): f64", r"double \1", args)))
        out.write("int main(void) { %s return 0; }\n" % "\n".join(lines))
    subprocess.run(cc + ["-Wno-unused-parameter", "-Wno-missing-prototypes", "-I" + folder, base + "_main.c", base + ".o", "-lm", "-o", base + "_main"], check=True)
    got = subprocess.run([base + "_main"], check=True, capture_output=True, text=True).stdout.split()
    assert len(got) == len(wanted)
    for number, (name, names, bytes_) in zip(got, wanted):
        assert int(number) == bytes_, "%s%s: reported %d, %s_work gives %s" % (name, names, bytes_, name, number)
    return len(got)


total = sum(check(model) for model in models)
assert total >= 8 * len(models)
print("%d workspaces agree" % total)
