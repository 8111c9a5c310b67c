"""readme_blocks.py README FOLDER: writes the model and the host of the README as FOLDER/model.bp and host.c."""
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)
model = next(body for kind, body in blocks if "export fn" in body)
host = next(body for kind, body in blocks if kind == "c")
open(sys.argv[2] + "/model.bp", "w", encoding="utf-8").write(model)
open(sys.argv[2] + "/host.c", "w", encoding="utf-8").write(host)
