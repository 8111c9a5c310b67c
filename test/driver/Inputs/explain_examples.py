"""explain_examples.py BPC [CODE...]: runs the examples that `bpc explain` shows, of every code or of some.

The wrong one must give its code and no other, as text and as JSON, the right one must give none; codes from E0901 on
are warnings, with which a run succeeds. See
support/examples.def for how an example is written. Codes without examples are listed in UNSHOWN.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

# Nothing that a person would run gives these: a text of 4 GiB, an error of bpc itself, too little memory.
UNSHOWN = {"E0609", "E0615", "E0803"}

binaries, wanted = os.path.dirname(os.path.abspath(sys.argv[1])), sys.argv[2:]
environment = dict(os.environ, PATH=binaries + ":" + os.environ["PATH"])
failures = []


def bpc(*arguments):
    return subprocess.run([os.path.join(binaries, "bpc"), *arguments], capture_output=True, text=True)


def examples(code):
    """The texts behind `Wrong:` and `Right:`."""
    parts = re.split(r"^(?:Wrong|Right):\n", bpc("explain", code).stdout, flags=re.M)
    return ["\n".join(line[4:] for line in part.strip("\n").split("\n")) for part in parts[1:]]


def run(example, as_json):
    """Writes the files of an example into a new folder and runs its commands there."""
    files, commands, name = {}, [], "model.bp"
    for line in example.split("\n"):
        if line.startswith("$ "):
            commands.append(line[2:])
        elif line.startswith("// file "):
            name = line[len("// file "):]
        else:
            files.setdefault(name, []).append(line)
    exports = any(line.startswith("export") for line in files.get("model.bp", []))
    commands = commands or ["bpc model.bp" if exports else "bpc test model.bp"]
    if as_json:
        commands = [re.sub(r"\bbpc ", "bpc --diagnostics=json ", command) for command in commands]
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.write("\n".join(lines) + "\n")
        script = "set -e\n" + "\n".join(commands)
        return subprocess.run(["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


def severity(code):
    return "warning" if code >= "E0901" else "error"


def check_json(code, text, labels):
    """Every line is an object of the documented form, and all places of the text stand in it."""
    places = []
    for line in text.splitlines():
        row = json.loads(line)
        if set(row) - {"severity", "code", "message", "labels", "notes", "hint"}:
            failures.append("%s: unknown key in %s" % (code, line))
        if row["severity"] != severity(code) or row["code"] != code or not row["message"]:
            failures.append("%s: not that %s: %s" % (code, severity(code), line))
        if not isinstance(row["notes"], list) or not isinstance(row.get("hint", ""), str):
            failures.append("%s: notes or hint of %s" % (code, line))
        for label in row["labels"]:
            if set(label) - {"file", "line", "column", "length", "text"}:
                failures.append("%s: unknown key in the label %s" % (code, label))
            places.append("%s:%d:%d" % (label["file"], label["line"], label["column"]))
    if places != labels:
        failures.append("%s: the text has the places %s, JSON %s" % (code, labels, places))


def check(code):
    shown = examples(code)
    if code in UNSHOWN or len(shown) != 2:
        if code not in UNSHOWN or shown:
            failures.append("%s has %d examples" % (code, len(shown)))
        return
    wrong = run(shown[0], False)
    output = wrong.stdout + wrong.stderr
    codes = re.findall(r"\[(E\d{4})\]", output)
    if (wrong.returncode != 0) != (severity(code) == "error") or codes != [code]:
        failures.append("%s: the wrong example gives %s:\n%s" % (code, codes, output))
    if "bpc-opt" not in shown[0]:
        labels = re.findall(r"^ *(?:::: )?(\S+:\d+:\d+)(?=$|: error|: warning)", output, re.M)
        check_json(code, run(shown[0], True).stderr, labels)
    right = run(shown[1], False)
    if right.returncode != 0 or re.search(r"\[E\d{4}\]", right.stdout + right.stderr):
        failures.append("%s: the right example fails:\n%s" % (code, right.stdout + right.stderr))


codes = wanted or [line.split()[0] for line in bpc("explain").stdout.splitlines()]
for each in codes:
    check(each)
print("\n".join(failures))
print("%d codes, %d failures" % (len(codes), len(failures)))
sys.exit(1 if failures or len(codes) < 80 and not wanted else 0)
