"""habits.py BPC FILE: what people write who come from another language.

FILE holds programs, each under a line `=== TITLE` and followed by a line `--> HINT`. Each must give one error, no
more, whose help or a label contains HINT.
"""
import re
import subprocess
import sys
import tempfile

bpc, cases = sys.argv[1], open(sys.argv[2], encoding="utf-8").read()
failures, count = [], 0
for title, program, hint in re.findall(r"^=== (.*)\n((?:(?!-->).*\n)*)--> (.*)\n", cases, re.M):
    count += 1
    with tempfile.NamedTemporaryFile("w", suffix=".bp", encoding="utf-8") as text:
        text.write(program)
        text.flush()
        ran = subprocess.run([bpc, "test", text.name], capture_output=True, text=True)
    errors = re.findall(r"error\[E\d+\]", ran.stderr)
    said = [line for line in ran.stderr.splitlines() if "= help: " in line or re.match(r" *\| +[-^]+ ", line)]
    if ran.returncode != 1 or len(errors) != 1 or not any(hint in line for line in said):
        failures.append("%s: expected one error with the hint\n  %s\nfound\n%s" % (title, hint, ran.stderr))
print("\n".join(failures))
print("%d cases, %d failures" % (count, len(failures)))
sys.exit(1 if failures or count < 100 else 0)
