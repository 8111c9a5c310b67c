"""nameless.py BPC MODEL...: fails when `--emit=bp` of a model calls a value v1, v2, ..."""
import re
import subprocess
import sys

bpc, models = sys.argv[1], sys.argv[2:]
failed = not models
for model in models:
    text = subprocess.run([bpc, model, "--emit=bp"], capture_output=True, text=True, check=True).stdout
    names = sorted(set(re.findall(r"\bv\d+\b", text)))
    if names or "let " not in text:
        print("%s: %s" % (model, " ".join(names)))
        failed = True
sys.exit(failed)
