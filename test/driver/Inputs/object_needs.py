"""object_needs.py BPC FOLDER MODEL.bp...: what objects need and keep.

Each model, at each level and for several processors, must need nothing but libm, memcpy and memset (with --freestanding:
nothing but libm), and have no memory that can be written between calls.
"""
import os
import subprocess
import sys

bpc, folder = sys.argv[1:3]
WAYS = [["-O0"], ["-O3"], ["-O3", "-mcpu=haswell"], ["-O2", "-mcpu=x86-64"], ["-O3", "--freestanding"],
        ["-O1", "--freestanding", "--sanitize=nan"]]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def undefined(path):
    return {line.split()[-1].split("@")[0] for line in run("nm", "-u", path).splitlines() if line.strip()}


def kept(path):
    """Sections of an object that can be written when the program runs, and are not empty."""
    found = []
    for line in run("size", "-A", path).splitlines():
        words = line.split()
        if words and words[0].startswith((".data", ".bss", ".tdata", ".tbss", ".lbss", ".ldata")) \
                and not words[0].startswith(".data.rel.ro") and int(words[1]) > 0:
            found.append(words[0])
    return found


libm = {line.split()[-1].split("@")[0] for line in
        run("nm", "-D", "--defined-only", run("gcc", "-print-file-name=libm.so.6").strip()).splitlines()}
failures = objects = 0
for model in sys.argv[3:]:
    for way in WAYS:
        path = os.path.join(folder, "object.o")
        if model.endswith(".o"):
            path = model
        else:
            subprocess.run([bpc, model, "-o", path] + way, check=True)
        objects += 1
        other = undefined(path) - libm - (set() if "--freestanding" in way else {"memcpy", "memset"})
        for what in sorted(other) + kept(path):
            print("%s %s: %s" % (os.path.basename(model), " ".join(way), what))
            failures += 1
        if model.endswith(".o"):
            break
print("%d objects, %d findings" % (objects, failures))
sys.exit(failures > 0)
