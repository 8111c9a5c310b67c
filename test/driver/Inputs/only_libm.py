"""only_libm.py OBJECT: fails when the object needs a symbol that is not a function of libm (memcpy, memmove and
memset, which every C compiler may call, are let through)."""
import ctypes
import ctypes.util
import subprocess
import sys

libm = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
text = subprocess.run(["nm", "-u", sys.argv[1]], capture_output=True, text=True, check=True).stdout
needed = [line.split()[-1] for line in text.splitlines()]
freestanding = {"memcpy", "memmove", "memset"}
other = [name for name in needed if name not in freestanding and not hasattr(libm, name)]
print("needs:", " ".join(needed))
if other:
    print("not in libm:", " ".join(other))
    sys.exit(1)
