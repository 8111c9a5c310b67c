"""statuses_documented.py HOST.c MANUAL.md: each text of a status that the host expects is in the manual."""
import re
import sys

host, manual = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
texts = set(re.findall(r'EXPECT\([^"]*"([^"]*)"\);', host))
missing = sorted(text for text in texts if text not in manual)
if missing or len(texts) < 10:
    print("not in the manual:", missing)
    sys.exit(1)
