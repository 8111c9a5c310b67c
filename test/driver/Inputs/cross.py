"""cross.py BPC FOLDER CC CROSS-CC EMULATOR TRIPLE MODEL.bp SPEC [OPTION...]: every export of a model on another machine.

The same host, with the same inputs, runs here and under the emulator; each number must be the same but for rounding.
Prints how many numbers were compared, and those that differ.
"""
import math
import os
import subprocess
import sys

from exports_host import TYPES, host_text

SEE = "#include <inttypes.h>\n" + "".join("""
static void see_%(t)s(const %(t)s *p, int64_t n) {
    printf("%%d", calls);
    for (int64_t i = 0; p && i < n; i++)
        printf(" %%.17g", (double)p[i]);
    printf("\\n");
}
""" % {"t": t} for t in TYPES)
END = "return good == 0;"
NEAR = {"f64": 1e-10, "f32": 1e-3}  # relative to the largest number of the array


def results(folder, name, spec_path, cc, emulator):
    host = os.path.join(folder, name)
    with open(host + "-host.c", "w", encoding="utf-8") as file:
        file.write(host_text(name, folder, spec_path, SEE, END))
    subprocess.run([*cc.split(), "-std=c17", "-O1", "-Wno-unused-function", "-static", "-I", folder, host + "-host.c", host + ".o",
                    "-lm", "-o", host], check=True)
    out = subprocess.run([*emulator.split(), host], capture_output=True, text=True, check=True).stdout
    return [[float(word) for word in line.split()] for line in out.splitlines()]


def differ(here, there, near):
    scale = max([abs(x) for x in here if math.isfinite(x)], default=0)
    return [(x, y) for x, y in zip(here, there)
            if not (x == y or math.isnan(x) and math.isnan(y) or abs(x - y) <= near * scale)]


def main():
    bpc, folder, cc, cross, emulator, triple, model, spec_path = sys.argv[1:9]
    name = os.path.splitext(os.path.basename(model))[0]
    near = NEAR["f32" if "--real=f32" in sys.argv else "f64"]
    found = []
    for compiler, runner, options in ((cc, "", ["-mcpu=x86-64"]), (cross, emulator, ["--target=" + triple])):
        subprocess.run([bpc, model, "-o", os.path.join(folder, name + ".o"), *options, *sys.argv[9:]], check=True)
        found.append(results(folder, name, spec_path, compiler, runner))
    here, there = found
    wrong = [pair for a, b in zip(here, there) for pair in differ(a, b, near)]
    same = [len(line) for line in here] == [len(line) for line in there]
    print("%s: %d results, %s" % (name, len(here), "%d differ: %s" % (len(wrong), wrong[:3]) if wrong else
                                  "all alike" if same else "of other lengths"))
    sys.exit(bool(wrong) or not same)


main()
