"""Models rewritten as text, in ways that mean the same, for `metamorphic`: each variant is the whole program once more under other names."""
import os
import re

from variants import gradients_alike

OF_LOOPS = ("@checkpoint ", "@checkpoint(every = 1) ", "@checkpoint(every = 3) ", "@checkpoint(binomial = 2) ")
LOOP = re.compile(r"(@checkpoint(?:\([^)]*\))? )?\bloop (\((?:[^()]|\([^()]*\))*\)|\w+ = [^;{]*?) for (\w+) < ([^{]+?) \{")


def closing(text, at):
    """Behind the brace that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    raise ValueError("unbalanced")


def with_checkpoints(text, setting):
    return LOOP.sub(lambda m: setting + m.group(0)[len(m.group(1) or ""):], text)


def split_loops(text):
    """Each counted loop in two: the first half's carries are the second's initial values."""
    out, at = "", 0
    for m in LOOP.finditer(text):
        if m.start() < at:
            continue  # inside of one that was split
        end = closing(text, m.end() - 1)
        inits, t, count, body = m.group(2).strip("()"), m.group(3), m.group(4), text[m.end():end - 1]
        names = re.findall(r"(\w+) = ", inits)
        z = ["z_%s" % n for n in names]
        pattern = "(%s)" % ", ".join(z) if len(z) > 1 else z[0]
        again = ", ".join("%s = %s" % pair for pair in zip(names, z))
        out += text[at:m.start()] + "{ let %s = loop (%s) for %s < (%s)/2 {%s}; loop (%s) for h_%s < min(%s, %s - (%s)/2) { let %s = h_%s + (%s)/2; %s} }" % (
            pattern, inits, t, count, body, again, t, count, count, count, t, t, count, body)
        at = end
    return out + text[at:]


def reordered_lets(text):
    """Of two neighbours on lines of their own, where neither needs the other."""
    lines = text.split("\n")
    k = 0
    while k + 1 < len(lines):
        a, b = (re.fullmatch(r"\s*let (\w+) *= (.*);", line) for line in lines[k:k + 2])
        if a and b and not re.search(r"\b%s\b" % a.group(1), b.group(2)):
            lines[k], lines[k + 1] = lines[k + 1], lines[k]
            k += 1
        k += 1
    return "\n".join(lines)


def on_right_sides(text, change):
    """`change` of the value of each `let` that begins a line, and of each function that is one expression of floats."""
    text = re.sub(r"(?m)^(\s*let \w+ *= )([^{};]*);", lambda m: m.group(1) + change(m.group(2)) + ";", text)
    return re.sub(r"(?m)^(fn \w+[^=;{]*-> (?!i64)[^=;{]*=\s)([^;{}]*);", lambda m: m.group(1) + change(m.group(2)) + ";", text)


def renamed(text, suffix):
    names = re.findall(r"\bfn (\w+)", text)
    return re.sub(r"\b(%s)\b(?=\s*[\[(,)])" % "|".join(names), lambda m: m.group(1) + suffix, text) if names else text


def variants(text):
    """(kind, text)"""
    for k, setting in enumerate(OF_LOOPS):
        yield "loop_checkpoint%d" % k, with_checkpoints(text, setting)
    yield "split_loop", split_loops(text)
    yield "lets", reordered_lets(text)
    yield "plus_zero", on_right_sides(text, lambda e: "(%s) + 0.0" % e)
    yield "times_one", on_right_sides(text, lambda e: "1.0*(%s)" % e)
    yield "checkpoint", on_right_sides(text, lambda e: "checkpoint { %s }" % e)


def model_module(path, specs):
    name = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding="utf-8") as handle:
        text = re.sub(r"//.*", "", handle.read())
    with open(os.path.join(specs, name + ".spec"), encoding="utf-8") as handle:
        directives = [re.sub(r"#.*", "", line).strip() for line in handle]
    exports = re.findall(r"(?m)^export (?!fn)(.*?\)) as (\w+);", text)
    text = re.sub(r"(?m)^export (?!fn).*\n", "", text).replace("export fn", "fn")
    head = "".join(re.findall(r"(?m)^(?:import|type) .*\n", text))
    body = re.sub(r"(?m)^(?:import|type) .*\n", "", text)
    out, kinds = head + body, {}
    functions = sorted({re.search(r"\((\w+)\)", f).group(1) for f, _ in exports})
    lines, values = ["export %s as %s;" % e for e in exports] + ["export %s as %s_value;" % (f, f) for f in functions], []
    directives = [d for d in directives if d and not d.startswith("bad")]
    for kind, changed in variants(body):
        if changed == body:
            continue
        out += renamed(changed, "_" + kind)
        kinds[kind] = 1
        for f, export in exports:
            lines.append("export %s as %s_%s;" % (renamed_call(f, body, "_" + kind), export, kind))
            directives.append("same %s %s_%s %s" % (export, export, kind, gradients_alike(kind, body)))
        if "checkpoint" in kind:
            lines += ["export %s_%s as %s_%s_value;" % (f, kind, f, kind) for f in functions]
            values += ["same %s_value %s_%s_value bits" % (f, f, kind) for f in functions]
    directives += sorted(values)
    return "".join("//! %s\n" % d for d in directives) + out + "\n".join(lines) + "\n", kinds


def renamed_call(f, body, suffix):
    for name in re.findall(r"\bfn (\w+)", body):
        f = re.sub(r"\b%s\b(?=\))" % name, name + suffix, f)
    return f


def model_modules(specs, paths):
    for path in paths:
        text, kinds = model_module(path, specs)
        yield os.path.basename(path), 1, text, kinds
