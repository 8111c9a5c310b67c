"""gradcheck_functions.py BPC MODEL...: `bpc gradcheck` of every function of the models, at one random point.

All must agree, but for those without a float to differentiate by, and extern ones, which must say so.
"""
import re
import subprocess
import sys

bpc, models = sys.argv[1], sys.argv[2:]
failures = checked = 0
for model in models:
    text = open(model, encoding="utf-8").read()
    for extern, name in re.findall(r"^(?:export )?(extern )?fn (\w+)", text, re.M):
        ran = subprocess.run([bpc, "gradcheck", model, name, "--points=1"], capture_output=True, text=True)
        said = ran.stdout + ran.stderr
        without = ran.returncode == 1 and ("holds a float" in said or extern and "E0801" in said)
        agrees = ran.returncode == 0 and " 0 disagree" in said and re.search(r"[1-9]\d* comparisons", said)
        checked += bool(agrees)
        if not agrees and not without:
            failures += 1
            print("%s %s:\n%s" % (model, name, said))
print("%d functions agree, %d failures" % (checked, failures))
sys.exit(1 if failures or checked < 2*len(models) else 0)
