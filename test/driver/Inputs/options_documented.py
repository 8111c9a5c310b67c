"""options_documented.py BPC FILE: fails when --help lists an option that FILE does not mention."""
import re
import subprocess
import sys

text = subprocess.run([sys.argv[1], "--help"], capture_output=True, text=True, check=True).stdout
document = open(sys.argv[2], encoding="utf-8").read()
missing = [name for name in re.findall(r"^  (-[\w-]+)", text, re.M) if "`" + name not in document]
if missing:
    print("not in %s: %s" % (sys.argv[2], " ".join(missing)))
    sys.exit(1)
