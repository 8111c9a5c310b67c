"""check_format.py BPC SEEDS FILE...: `bpc fmt` keeps tokens and comments, and formatting twice is formatting once.

Each file is formatted as it stands, and SEEDS times with its white space replaced: by nothing where two tokens stay
two, by blanks, tabs, line ends, empty lines and comments elsewhere.
"""
import random
import re
import subprocess
import sys

TOKEN = re.compile(r'//[^\n]*|"[^"\n]*"|[A-Za-z_]\w*|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+'
                   r'|\|\||&&|==|!=|<=|>=|\*\*|->|=>|\S')


def tokens(text):
    return [t.rstrip() for t in TOKEN.findall(text)]


def scramble(words, rng):
    spaces = ["", "", " ", " ", "  ", "\t", "\n", "\n   ", "\r\n", "\n\n\n\n ", " // note\n", "\n// note\n"]
    out = words[0]
    for a, b in zip(words, words[1:]):
        space = rng.choice(spaces)
        if a.startswith("//") and "\n" not in space.split("//")[0]:
            space = "\n" + space
        joined = tokens(out[-80:].rsplit("\n", 1)[-1] + b)
        if not space and (len(tokens(a + b)) != 2 or joined[-1:] != [b] or re.search(r"\d$", a) and re.match(r"[.\w]", b)):
            space = " "
        out += space + b
    return out + rng.choice(["", "\n", "\n\n"])


def format_text(bpc, text):
    run = subprocess.run([bpc, "fmt", "-"], input=text.encode(), capture_output=True)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def check(bpc, name, text):
    status, once, message = format_text(bpc, text)
    if status != 0:
        return "fails: " + message
    if tokens(once) != tokens(text):
        return "changes tokens"
    status, twice, message = format_text(bpc, once)
    if status != 0 or once != twice:
        return "is not stable: " + message
    if re.search(r"[ \t\r]\n|\t|\n\n\n|^\n", re.sub(r"//[^\n]*", "//", once)):
        return "leaves white space"
    return None


def main():
    bpc, seeds, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    wrong = 0
    for path in files:
        text = open(path, encoding="utf-8").read()
        variants = [text] + [scramble(tokens(text), random.Random(seed)) for seed in range(seeds)]
        for number, variant in enumerate(variants):
            problem = check(bpc, path, variant)
            if problem:
                wrong += 1
                print("%s, variant %d: %s" % (path, number, problem))
                if len(sys.argv) == 4:
                    print(variant, file=sys.stderr)
    sys.exit(wrong > 0)


main()
