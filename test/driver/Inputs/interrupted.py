"""Whatever ends bpc while it writes, a limit on the size of files or a kill at any moment, the output is the old one or
the new one, whole.

    interrupted.py FOLDER BPC MODEL.bp
"""
import os
import random
import resource
import signal
import subprocess
import sys
import time

KILLS = 25


def read(path):
    with open(path, "rb") as file:
        return file.read()


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


# A disk of two pages, which the older outputs fill; in a name space of its own, where that is allowed.
FULL_DISK = """mount -t tmpfs -o size=8k none "$1" 2>/dev/null || exit 99
for name in model.o model.h; do echo "an older output" >"$1/$name"; done
"$2" "$3" -O1 -o "$1/model.o"; echo "status $?"; ls "$1"; cat "$1/model.o" "$1/model.h" """


def full_disk(folder, bpc, model):
    disk = folder + ".disk"
    os.makedirs(disk, exist_ok=True)
    try:
        job = subprocess.run(["unshare", "-rm", "sh", "-c", FULL_DISK, "sh", disk, os.path.abspath(bpc), model],
                             capture_output=True, text=True)
    except FileNotFoundError:
        return 0
    if job.returncode == 99 or "unshare" in job.stderr:
        print("a full disk: not tried, mounting is not allowed")
        return 0
    good = job.stdout.split() == "status 1 model.h model.o an older output an older output".split() and \
        "error[E0602]" in job.stderr and "No space left on device" in job.stderr
    if not good:
        print("a full disk: %s%s" % (job.stdout, job.stderr))
    return not good


def main(folder, bpc, model):
    os.makedirs(folder, exist_ok=True)
    os.environ["GCOV_PREFIX"] = folder + ".gcov"  # what `make coverage` counts is no output, and not to be cut off
    objects = [os.path.join(folder, "model.o"), os.path.join(folder, "model.h")]
    command = [bpc, model, "-O1", "-o", objects[0]]
    started = time.monotonic()
    subprocess.run(command, check=True)
    duration = time.monotonic() - started
    whole = [read(path) for path in objects]
    wrong = 0

    old = b"an older output\n"
    for path in objects:
        with open(path, "wb") as file:
            file.write(old)
    job = subprocess.run(command, preexec_fn=limited, capture_output=True)
    if job.returncode != 1 or b"error[E0602]" not in job.stderr:
        print("a file beyond the limit: status %d, %s" % (job.returncode, job.stderr))
        wrong = 1
    if [read(path) for path in objects] != [old, old]:
        print("a file beyond the limit: the older output is gone")
        wrong = 1
    if sorted(os.listdir(folder)) != ["model.h", "model.o"]:
        print("a file beyond the limit: left %s" % os.listdir(folder))
        wrong = 1

    wrong |= full_disk(folder, bpc, model)
    finished = 0
    for i in range(KILLS):
        for path in objects:
            with open(path, "wb") as file:
                file.write(old)
        job = subprocess.Popen(command)
        time.sleep(random.uniform(0.3, 1.1) * duration)
        job.send_signal(signal.SIGKILL)
        finished += job.wait() == 0
        for path, new in zip(objects, whole):
            if read(path) not in (old, new):
                print("killed: %s is neither the old nor the new output" % path)
                wrong = 1
    print("%d killed, %d finished before" % (KILLS - finished, finished))
    return wrong


sys.exit(main(*sys.argv[1:4]))
