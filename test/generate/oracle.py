"""Runs the oracle on a program's text and says what came of it."""
import os
import re
import signal
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
    """One process of the oracle, which answers for many programs; not shared by threads. `how`: swift, the cheap configurations, or full.
    What fails is asked again in a process that answered for nothing yet."""

    def __init__(self, binary):
        self.binary, self.process, self.fresh = binary, None, True
        self.folder = tempfile.TemporaryDirectory()

    def run(self, text, seed, how):
        verdict = self.ask(text, seed, how)
        if verdict.kind == "well" or self.fresh:
            return verdict
        self.stop()
        again = self.ask(text, seed, how)
        return again if again.kind != "well" else Verdict("only after other programs", verdict.output)

    def ask(self, text, seed, how):
        path = os.path.join(self.folder.name, "program.bp")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text)
        if self.process is None:
            self.process = subprocess.Popen([self.binary, "-serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.fresh = True
        else:
            self.fresh = False
        self.process.stdin.write(("%s %d %d %s\n" % (how, seed, LIMIT_SECONDS, path)).encode())
        self.process.stdin.flush()
        return verdict_of(*self.answer())

    def answer(self):
        """What it prints, and the status."""
        lines = []
        for line in self.process.stdout:
            if line.startswith(b"== "):
                return b"".join(lines).decode("utf-8", "replace"), int(line[3:])
            lines.append(line)
        self.process = None
        return b"".join(lines).decode("utf-8", "replace"), -1

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def close(self):
        self.stop()
        self.folder.cleanup()


def verdict_of(output, status):
    if status == 0:
        return Verdict("well", output)
    if status in (128 + signal.SIGALRM, 128 + signal.SIGXCPU, 128 + signal.SIGKILL):
        return Verdict("hang", "no end within %d s of processor time\n%s" % (LIMIT_SECONDS, output))
    if status != 1:
        return Verdict("crash", "exit status %d\n%s" % (status, output))
    return Verdict(kind_of(output), output)
