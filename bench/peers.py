#!/usr/bin/env python3
"""Other systems on the models of this folder, one thread on the CPU, each in its best mode that needs no tuning.

Started by bench/peers.c. First prints which systems there are. Then each line of input, such as `torch mlp 32`, is
answered by the seconds of processor time that one run took (the mean of a few), or by 0 for what there is not.
torch runs eagerly, as its users do; jax runs what jax.jit made of the value and gradient."""
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

try:
    import torch

    torch.set_num_threads(1)
except Exception:
    torch = None
try:
    import jax
    import jax.numpy as jnp
    import numpy as np
except Exception:
    jax = None


def torch_random(*shape, dtype, scale=0.1):
    return scale * (2 * torch.rand(*shape, dtype=dtype) - 1)


def torch_step(loss, parameters):
    """A function that computes the loss and the gradients of the parameters."""
    for p in parameters:
        p.requires_grad_()

    def run():
        for p in parameters:
            p.grad = None
        loss().backward()

    return run


def torch_mlp(n):
    f = torch.float32
    w1, b1 = torch_random(128, 784, dtype=f), torch_random(128, dtype=f)
    w2, b2 = torch_random(10, 128, dtype=f), torch_random(10, dtype=f)
    x, y = torch.rand(n, 784), torch.randint(10, (n,))
    linear = torch.nn.functional.linear

    def loss():
        return torch.nn.functional.cross_entropy(linear(torch.relu(linear(x, w1, b1)), w2, b2), y)

    return torch_step(loss, [w1, b1, w2, b2])


def torch_lstm(bits, hidden, inputs, steps, batch):
    dtype = torch.float32 if bits == 32 else torch.float64
    cell = torch.nn.LSTM(inputs, hidden, dtype=dtype)
    wo = torch_random(inputs, hidden, dtype=dtype)
    xs = torch_random(steps, batch, inputs, dtype=dtype, scale=1.0)

    def loss():
        h, _ = cell(xs[:-1])
        return ((h @ wo.T - xs[1:]) ** 2).sum() / ((steps - 1) * batch)

    return torch_step(loss, list(cell.parameters()) + [wo])


def jax_random(*shape, dtype="float64", scale=0.1):
    return jnp.asarray(scale * (2 * np.random.rand(*shape) - 1), dtype=dtype)


def jax_step(loss, parameters):
    step = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(step(parameters))


def jax_mlp(n):
    f = "float32"
    p = [jax_random(128, 784, dtype=f), jax_random(128, dtype=f), jax_random(10, 128, dtype=f), jax_random(10, dtype=f)]
    x, y = jax_random(n, 784, dtype=f), jnp.asarray(np.random.randint(10, size=n))

    def loss(p):
        o = jnp.maximum(x @ p[0].T + p[1], 0) @ p[2].T + p[3]
        return jnp.mean(jax.nn.logsumexp(o, axis=1) - o[jnp.arange(n), y])

    return jax_step(loss, p)


def jax_lstm(bits, hidden, inputs, steps, batch):
    f = f"float{bits}"
    p = [jax_random(4, hidden, inputs, dtype=f), jax_random(4, hidden, hidden, dtype=f), jax_random(4, hidden, dtype=f),
         jax_random(inputs, hidden, dtype=f)]
    xs = jax_random(steps, batch, inputs, dtype=f, scale=1.0)

    def loss(p):
        wx, wh, b, wo = p

        def step(carry, x):
            h, c = carry
            z = [x @ wx[g].T + h @ wh[g].T + b[g] for g in range(4)]
            c = jax.nn.sigmoid(z[0]) * c + jax.nn.sigmoid(z[1]) * jnp.tanh(z[2])
            h = jax.nn.sigmoid(z[3]) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((batch, hidden), dtype=f)
        _, h = jax.lax.scan(step, (zero, zero), xs[:-1])
        return jnp.sum((h @ wo.T - xs[1:]) ** 2) / ((steps - 1) * batch)

    return jax_step(loss, p)


def jax_gmm(n, d, k):
    t = d * (d - 1) // 2
    p = [jax_random(k), jax_random(k, d), jax_random(k, d), jax_random(k, t)]
    x = jax_random(n, d, scale=1.0)
    columns, rows = np.triu_indices(d, 1)  # the order of gmm.bp: below the diagonal, column by column

    def loss(p):
        alpha, mu, q, l = p
        lower = jnp.zeros((k, d, d)).at[:, rows, columns].set(l) + jax.vmap(jnp.diag)(jnp.exp(q))
        y = jnp.einsum("kij,nkj->nki", lower, x[:, None, :] - mu[None])
        inner = alpha + jnp.sum(q, axis=1) - 0.5 * jnp.sum(y * y, axis=2)
        prior = 0.5 * (jnp.sum(jnp.exp(2 * q)) + jnp.sum(l * l)) - jnp.sum(q)
        return jnp.sum(jax.nn.logsumexp(inner, axis=1)) - n * jax.nn.logsumexp(alpha) + prior

    return jax_step(loss, p)


def jax_black_scholes(n):
    s, k, r, sig, t = (jnp.asarray(a + (b - a) * np.random.rand(n))
                       for a, b in ((80, 120), (80, 120), (0.01, 0.05), (0.1, 0.5), (0.2, 2)))

    def price(s, r, sig, t, k):
        phi = lambda x: 0.5 * jax.scipy.special.erfc(-x / jnp.sqrt(2.0))
        sd = sig * jnp.sqrt(t)
        d1 = (jnp.log(s / k) + (r + 0.5 * sig * sig) * t) / sd
        return s * phi(d1) - k * jnp.exp(-r * t) * phi(d1 - sd)

    book = jax.jit(jax.vmap(jax.value_and_grad(price, argnums=(0, 1, 2, 3))))
    return lambda: jax.block_until_ready(book(s, r, sig, t, k))


def runner(words, last={}):
    """What words ask for, or None. Each system keeps its last model."""
    system, model, *sizes = words
    if last.get(system, (None,))[0] != words:
        make = globals().get(f"{system}_{model}") if globals().get(system) else None
        run = make(*map(int, sizes)) if make else None
        for _ in range(3 if run else 0):  # compiles, and warms up
            run()
        last[system] = words, run
    return last[system][1]


def seconds(run):
    """The mean of as many runs as take a millisecond or so."""
    runs, start = 0, time.process_time()
    while runs == 0 or time.process_time() - start < 1e-3:
        run()
        runs += 1
    return (time.process_time() - start) / runs


versions = [f"{m.__name__} {m.__version__}" for m in (torch, jax) if m]
print(", ".join(versions) or "none", flush=True)
for line in sys.stdin:
    run = runner(line.split())
    print(f"{seconds(run) if run else 0:.9e}", flush=True)
