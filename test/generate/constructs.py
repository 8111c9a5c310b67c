"""What the generator must draw: the constructs of docs/language.md, each as an expression that finds it in a program's text."""
import re

FOUND_BY = {
    "size 0, 1 and up": r"sizes n=0 m=0", "records": r"^type Rec", "a record in a record": r"inner: Inner", "an array of records as parameter":
    r": \[[nm1-4+]+\]Rec", "an array of records made": r"= \[Rec\(", "tuples": r"\)\.1\b|\.1\)", "tuple result": r"-> \(f64, ", "record result": r"-> Rec",
    "record update": r"with \{", "records elementwise": r"\([xh]\d+ [+-] ", "if": r"\(if ", "if of tuples": r"= if ", "else if or nested if": r"if .*if ",
    "comprehension": r"\[[^\[\]]* for \w+ < n", "two binders": r"for i\d+ < \S+, i\d+ < ", "comprehension of rows": r"\[\[.* for .*\] for ",
    "sum": r"\bsum\(", "prod": r"\bprod\(", "max": r"\bmax\([^,]* for ", "min": r"\bmin\([^,]* for ", "mean": r"\bmean\(",
    "logsumexp": r"\blogsumexp\(", "argmax": r"\bargmax\(", "argmin": r"\bargmin\(", "any": r"\bany\(", "all": r"\ball\(",
    "dependent bounds": r"for i\d+ < \S+, j\d+ (<|in) i", "ranges": r" in 1:", "loop": r"\(loop ", "several carries": r"let \(p\d+, q\d+, r\d+\) = ",
    "scan": r"\(scan ", "scan of two": r"= scan \(", "while": r" while .* max_iter", "while of two": r"\) while ", "checkpoint block": r"checkpoint \{",
    "@checkpoint": r"@checkpoint loop", "every": r"@checkpoint\(every", "binomial": r"@checkpoint\(binomial", "scatter": r"scatter\([nm1-4+]+, k",
    "scatter of rows": r"scatter\([nm1-4+]+, \(", "scatter into a matrix": r"scatter\(\(", "with element": r" with \[[^\],]*\] = ",
    "with in a matrix": r" with \[[^\]]*, ", "with twice": r" with \[[^;]*\] = [^;]* with \[", "slices": r"\[1:\w\+1\]|\[0:\w\]", "columns": r"\[:, (1|0):",
    "row": r"\w+\[[^\]:]*, :\]", "column": r"\[:, [^:\]]*\]", "gather": r"\[k\d+_", "@": r" @ ", "transposed": r"\)'", "batched @": r"for i\d+ < 2\] @ \[",
    "dot": r"\bdot\(", "cross": r"\bcross\(", "outer": r"\bouter\(", "norm2": r"\bnorm2\(", "lambda": r"\|w\d+\| ", "named function as argument": r"apply0\((sin|tanh|sigmoid|grad|h\d)",
    "call": r"\bh\d\(", "where": r"\bwhere b ==", "generic": r"generic_", "assert": r"\bassert ", "grad inside": r"tanh\(grad\(", "hessian inside": r"hessian\(\|",
    "jvp inside": r"= jvp\(", "vjp inside": r"= vjp\(\|", "value_and_grad inside": r"value_and_grad\(\|", "hvp inside": r"hvp\(\|", "jacobian inside":
    r"jacobian\(\|", "jacfwd inside": r"jacfwd\(\|", "jacrev inside": r"jacrev\(\|", "grad of grad": r"grad\(grad\(", "batch inside": r"batch\[[nm]\]\(\|",
    "batch of grad": r"batch\[[nm]\]\(grad", "batch exported": r"export batch", "chosen parameters": r"export (grad|vjp)\[", "nested derivatives":
    r"(grad|jvp|vjp|hvp|hessian|jacobian)\(\|.*(grad|jvp|vjp|hvp|hessian|jacobian)\(\|", "jvp rule": r"derivative ruled_\w+.*\{ jvp", "vjp rule":
    r"derivative ruled_\w+.*\{ vjp", "rule of any body": r"_twin", "stop": r"\bstop\(", "select": r"\bselect\(", "clamp": r"\bclamp\(", "**": r"\*\*", "fma": r"\bfma\(",
    "rounding": r"\b(floor|ceil|round|sign)\(", "conversion": r"f64\(i64\(", "isnan, isfinite": r"\bis(nan|finite)\(", "% of integers": r"\) % \(|% 2 ==",
    "iota": r"\biota\(", "eye": r"\beye\(", "diag": r"\bdiag\(", "trace": r"\btrace\(", "reshape": r"\breshape\(", "concat": r"\bconcat\(", "stack": r"\bstack\(",
    "reverse": r"\breverse\(", "sort": r"\bsort\(", "cumsum": r"\bcumsum\(", "zeros": r"\bzeros\(", "ones": r"\bones\(", "cholesky": r"\bcholesky\(",
    "trisolve": r"\btrisolve\(", "cholsolve": r"\bcholsolve\(", "solve": r"\bsolve\(", "logdet": r"\blogdet\(", "det": r"\bdet\(", "inv": r"\binv\(",
    "an integer parameter": r"\bc\d+: i64", "a loop of computed length": r"for t\d+ < min\(\d, c\d", "an array of computed size": r"for t\d+ < max\(0, min\(\d, c\d+\)\)\]", "rank 3": r": \[[^\],]*,[^\],]*,",
    "a range from below zero": r" in -[\dnm]\S*:", "a range around an index": r"j\d+ in i\d+-2:i\d+\+2", "three binders": r"for i\d+ < \S+, j\d+ .*, k\d+ ",
    "fewer steps than none": r"min\(\d, c\d+ - \d\)", "a negative integer": r"range c\d+ -3", "an integer carried": r"loop \(k\d+ = 0, ",
    "an array of booleans": r"sum\(if v\d+\[", "a tuple in a tuple": r"\(v\d+\.0\)\.0", "a binder without a bound": r" for i\d+\) \+ 0.1\*f64\(len",
    "argmax of a reduction": r"arg(max|min)\([^\n]* for i", "a comprehension from elsewhere": r" for i\d+ in -?\d:\S+[+-]\d\]", "a plane": r"\[:, \d, :\]",
    "a string of rules": r"ruled_string\(", "odd white space": r"\t=// f64",
    "std/nn": r'import "std/nn"', "std/special": r'import "std/special"', "std/prob": r'import "std/prob"', "softmax": r"\bsoftmax\(",
}
# Not drawn: extern functions, which need a host (examples/models/rules.bp), `test` blocks and imports of the program's own files.


def missing(texts):
    """The constructs that none of the texts has."""
    left = dict(FOUND_BY)
    for text in texts:
        for name in [n for n, pattern in left.items() if re.search(pattern, text, re.M)]:
            del left[name]
    return sorted(left)
