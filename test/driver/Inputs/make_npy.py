"""Writes npy files for the tests: make_npy.py FILE DESCR SHAPE NUMBER... [--fortran] [--version=2] [--header=TEXT]"""
import struct
import sys

options = [a for a in sys.argv[1:] if a.startswith("--")]
path, descr, shape, *numbers = [a for a in sys.argv[1:] if not a.startswith("--")]
given = dict((o[2:].split("=", 1) + ["1"])[:2] for o in options)
version = int(given.get("version", "1"))

codes = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u8": "Q", "b1": "B"}
kind = float if descr[1:2] == "f" else int
data = b"".join(struct.pack((">" if descr[0] == ">" else "<") + codes.get(descr[1:], "d"), kind(x)) for x in numbers)
header = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, "fortran" in given, shape)
header = given.get("header", header).encode() + b"\n"
length = struct.pack("<H" if version == 1 else "<I", int(given.get("length", len(header))))
with open(path, "wb") as out:
    out.write(b"\x93NUMPY" + bytes([version, 0]) + length + header + data)
