"""memcheck.py BPC FOLDER CC MODEL.bp SPEC [OPTION...] [CODE.c]: every export of a model under valgrind.

Every array lies in a block of its own and the workspace is undefined, so that memcheck sees each access beside a block and
each branch, address or result that depends on memory nobody wrote. Prints the calls and how many gave 0. CODE.c stands for
what is compiled of the model.
"""
import os
import subprocess
import sys

from exports_host import TYPES, host_text

SEE = "#include <valgrind/memcheck.h>\nstatic int wrong;\n" + "".join("""
static void see_%(t)s(const %(t)s *p, int64_t n) {
    wrong += p && VALGRIND_CHECK_MEM_IS_DEFINED(p, (size_t)n * sizeof *p) != 0;
}
""" % {"t": t} for t in TYPES)
END = "printf(\"%d calls, %d gave 0, %d undefined\\n\", calls, good, wrong);\nreturn wrong != 0;"


def main():
    bpc, folder, cc, model, spec_path = sys.argv[1:6]
    name = os.path.splitext(os.path.basename(model))[0]
    run = lambda *command: subprocess.run(command, check=True)
    obj, host = os.path.join(folder, name + ".o"), os.path.join(folder, name)
    code = [word for word in sys.argv[6:] if word.endswith(".c")]
    run(bpc, model, "-o", obj, *[word for word in sys.argv[6:] if word not in code])
    for path in code:
        run(*cc.split(), "-std=c17", "-O0", "-g", "-c", path, "-o", obj)
    with open(host + "-host.c", "w", encoding="utf-8") as file:
        file.write(host_text(name, folder, spec_path, SEE, END))
    run(*cc.split(), "-std=c17", "-O1", "-Wno-unused-function", "-I", folder, host + "-host.c", obj, "-lm", "-o", host)
    done = subprocess.run(["valgrind", "-q", "--error-exitcode=9", host], capture_output=True, text=True, check=False)
    print("%s: %s%s" % (name, done.stdout, done.stderr), end="")
    sys.exit(done.returncode)


main()
