"""Runs the oracle on a program's text and says what came of it."""
import os
import re
import subprocess
import tempfile

LIMIT_SECONDS = 60


class Verdict:
    """`kind`: well, crash, hang, or what did not compile or agree, without names and numbers."""

    def __init__(self, kind, output):
        self.kind, self.output = kind, output


def kind_of(output):
    """The first complaint, so that a program that is cut down still fails for the same reason."""
    code = re.search(r"error\[(E\d+)\]: ([a-z ]+)", output)
    if code:
        return "error %s %s" % (code.group(1), code.group(2).strip()[:40])
    found = re.search(r"MISMATCH [^:]*?, ([^:]*): (.*)", output)
    if not found:
        return "unknown"
    if "not compiled" in found.group(2):
        rest = output[found.end():].strip().splitlines()
        return "not compiled " + re.sub(r"[^a-z ]", "", rest[0])[:50] if rest else "not compiled"
    return "mismatch " + re.sub(r"o_\w+|\d+", "", found.group(1))


class Oracle:
    def __init__(self, binary, seed):
        self.binary, self.seed = binary, seed

    def run(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "program.bp")
            with open(path, "w", encoding="utf-8") as handle:
                handle.write(text)
            try:
                done = subprocess.run([self.binary, path, "-seed", str(self.seed), "-only", ""], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS, check=False)
            except subprocess.TimeoutExpired:
                return Verdict("hang", "no end within %d s\n" % LIMIT_SECONDS)
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode == 0:
            return Verdict("well", output)
        if done.returncode != 1:
            return Verdict("crash", "exit status %d\n%s" % (done.returncode, output))
        return Verdict(kind_of(output), output)
