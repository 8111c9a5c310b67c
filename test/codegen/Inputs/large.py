"""A function of many steps, each with loops, a product, scalars and a check: large.py STEPS."""
import random
import sys

steps = int(sys.argv[1])
draw = random.Random(1)
print("export fn large[n](x: [n]f64, y: [n]f64, A: [n,n]f64, z: f64) -> f64 {\n  let v0 = x;\n  let v1 = y;\n  let s1 = 0.5;")
for i in range(2, steps + 2):
    a, b = draw.choice(range(max(0, i - 5), i)), draw.choice(range(max(0, i - 5), i))
    s = draw.choice(range(max(1, i - 40), i))
    step = [f"[sin(v{a}[j])*s{s} + v{b}[j]*0.5 for j]", f"tanh(A @ v{a}*0.1) + v{b}*s{s}",
            f"if s{s} > 0.3 {{ v{a}*0.9 }} else {{ v{b}*0.8 }}"][i % 3]
    print(f"  let v{i} = {step};\n  assert sum(v{i}) < 1e6;")
    print(f"  let s{i} = 1.0/(1.0 + sum(v{i}[j]*v{a}[j] for j)**2);")
print(f"  assert z < 1.0;\n  s{steps + 1}*z + sum(v{steps + 1})*0.01\n}}\nexport grad[x](large) as large_grad;")
