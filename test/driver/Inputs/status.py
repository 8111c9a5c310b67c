"""status.py N command...: runs the command and fails unless it exits with N."""
import subprocess
import sys

code = subprocess.call(sys.argv[2:])
if code != int(sys.argv[1]):
    print("exit status %d, expected %s" % (code, sys.argv[1]))
    sys.exit(1)
