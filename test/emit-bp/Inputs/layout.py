"""layout.py BPC SCRATCH MODEL...: prints each model that exports something and formats what was printed."""
import subprocess
import sys

bpc, scratch, models = sys.argv[1], sys.argv[2], sys.argv[3:]
printed = 0
for model in models:
    with open(model, encoding="utf-8") as text:
        if not any(line.startswith("export") for line in text):
            continue
    subprocess.run([bpc, model, "--emit=bp", "-w", "-o", scratch], check=True)
    if subprocess.run([bpc, "fmt", "--check", scratch]).returncode != 0:
        sys.exit("%s is printed in another layout" % model)
    printed += 1
sys.exit(0 if printed > 10 else "only %d models were printed" % printed)
