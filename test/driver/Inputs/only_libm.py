"""only_libm.py OBJECT: fails when the object needs a symbol that is not a function of libm."""
import subprocess
import sys


def symbols(*command):
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in text.splitlines() if line.strip()}


libm = subprocess.run(["gcc", "-print-file-name=libm.so.6"], capture_output=True, text=True, check=True)
other = symbols("nm", "-u", sys.argv[1]) - symbols("nm", "-D", "--defined-only", libm.stdout.strip())
if other:
    print("not in libm:", " ".join(sorted(other)))
    sys.exit(1)
