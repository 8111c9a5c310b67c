"""gradcheck-all.py BPC MODEL: `bpc gradcheck` of every function g_... of the model, as it stands and, with every f64
written as real, at f32. Says which failed; 1 then, or where the model has none."""
import re
import subprocess
import sys
import tempfile

bpc, model = sys.argv[1:]
with open(model) as file:
    text = file.read()
failures = 0
functions = re.findall(r"^fn (g_\w+)", text, re.M)
with tempfile.NamedTemporaryFile("w", suffix=".bp") as narrow:
    narrow.write(re.sub(r"\bf64\b", "real", text))
    narrow.flush()
    for name in functions:
        for where, width in (model, "f64"), (narrow.name, "f32"):
            command = [bpc, "gradcheck", where, name, f"--real={width}", "--points=2"]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0 or " 0 disagree" not in run.stdout:
                failures += 1
                print(f"{name} at {width}:\n{run.stdout}{run.stderr}")
sys.exit(1 if failures or not functions else 0)
