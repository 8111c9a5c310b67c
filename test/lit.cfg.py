"""How the tests run. `make check` sets the environment; `make check TESTS=test/ir LITFLAGS=-v` narrows it.

A test is one file: .bp, .bpir or .test with RUN lines, or a .c file. A .c file with RUN lines is a host
of compiled code; one without is a unit test, built with the library and run. Helper files live in
folders named Inputs.
"""
import os
import shutil
import sys

env = os.environ
build = env.get("BPC_BUILD", os.path.abspath("build"))
top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Worker processes find the test format by module name, so it cannot be a class of this file.
sys.path.insert(0, os.path.join(top, "test"))
import bpc_format

config.name = "bpc"
config.test_format = bpc_format.BpcTest(top)
config.suffixes = [".bp", ".bpir", ".test", ".c"]
config.excludes = ["Inputs", "fuzz"]
config.test_source_root = os.path.join(top, "test")
config.test_exec_root = os.path.join(build, "test")
config.environment["PATH"] = env["LLVM_BIN"] + ":" + env["PATH"]
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in env:
        config.environment[name] = env[name]

if os.path.exists(os.path.join(build, "ulp")):
    config.available_features.add("mpfr")

if shutil.which("valgrind") and os.path.exists("/usr/include/valgrind/memcheck.h"):
    config.available_features.add("valgrind")

if shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64"):
    config.available_features.add("aarch64")

sanitize = env.get("BPC_SANITIZE", "")
if sanitize:
    config.available_features.add("asan")
    config.environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    # Most of what is freed is LLVM's: less of it kept, with shorter stacks, saves a fifth of the time.
    config.environment.setdefault("ASAN_OPTIONS", "quarantine_size_mb=32:malloc_context_size=6")
    config.environment["ORACLE_CONFIGS"] = "own"

# A host of compiled code: %cc host.c model.o -lm
cc = "%s -std=c17 -O1 -g -Wall -Wextra -Werror %s" % (env["BPC_CC"], sanitize)
config.substitutions += [
    ("%bpc-opt", os.path.join(build, "bpc-opt")),
    ("%runtime", os.path.join(build, "libbpcrt.a")),
    ("%bpc", os.path.join(build, "bpc")),
    ("%ulp", os.path.join(build, "ulp")),
    ("%oracle", os.path.join(build, "oracle")),
    ("%libbpc", env["UNIT_LIBS"]),
    ("%unit", env["UNIT"]),
    ("%cc", cc),
    ("%{sanitized}", "sanitized" if sanitize else ""),
    ("%top", top),
    ("%levels", "O1" if sanitize else "O0,O3"),  # of optimisation, where a test tries several
    ("%{every-level}", "O1" if sanitize else "O0,O1,O2,O3"),
    ("%{rewritten}", "20" if sanitize else "80"),  # random programs, with all of their variants
    ("%{programs}", "30" if sanitize else "250"),  # random ones, in each of two tests
    ("%filecheck", os.path.join(env["LLVM_BIN"], "FileCheck") + " %s"),
    ("%{aarch64-cc}", "aarch64-linux-gnu-gcc"),
    ("%python", "python3"),
    ("%host", env["BPC_CC"]),
]
