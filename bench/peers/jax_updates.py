"""One update, or acting, in JAX: what exactly is in common.py. Prints milliseconds as one line of JSON.

One jitted function with donated weights and optimizer state, channels innermost. On a GPU a step begins with the copy
of the batch and ends when the new weights are there.
"""

import json
import os

import common

args = common.arguments(__doc__)
os.environ.setdefault("JAX_PLATFORMS", "cuda" if args.device == "gpu" else "cpu")  # both read at import

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

tree_map = jax.tree_util.tree_map


def weights(outputs, seed=1):
    """As in common.py, but with channels innermost."""
    *convs, (hidden, hidden_bias), (head, head_bias) = common.weights(outputs, seed)
    hidden = hidden.reshape(512, *common.FLAT).transpose(2, 3, 1, 0).reshape(-1, 512)
    return [(w.transpose(2, 3, 1, 0), b) for w, b in convs] + [(hidden, hidden_bias), (head.T, head_bias)]


def forward(params, obs):
    x = obs.astype(jnp.float32) / 255
    for (w, b), (*_, stride) in zip(params, common.CONVS):
        x = jax.lax.conv_general_dilated(x, w, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + b)
    (hidden, hidden_bias), (head, head_bias) = params[-2:]
    x = jax.nn.relu(x.reshape(x.shape[0], -1) @ hidden + hidden_bias)
    return x @ head + head_bias


def at(values, action):
    return jnp.take_along_axis(values, action[:, None], 1)[:, 0]


def dqn_loss(params, target, batch):
    v_next = forward(target, batch["next_obs"]).max(1)
    y = batch["reward"] + common.GAMMA * (1 - batch["terminated"]) * v_next
    error = jnp.abs(at(forward(params, batch["obs"]), batch["action"]) - y)
    return jnp.where(error < 1, 0.5 * error**2, error - 0.5).mean()


def a2c_loss(params, _, batch):
    outputs = forward(params, batch["obs"])
    log_pi, v = jax.nn.log_softmax(outputs[:, :-1]), outputs[:, -1]
    entropy = -(jnp.exp(log_pi) * log_pi).sum(1)
    error = batch["returns"] - v
    policy = -at(log_pi, batch["action"]) * jax.lax.stop_gradient(error)
    return (policy + common.VALUE_WEIGHT * error**2 - common.ENTROPY_WEIGHT * entropy).mean()


LOSS = {"dqn": dqn_loss, "a2c": a2c_loss}


def factor(most, norm):
    return jnp.minimum(1.0, most / (norm + 1e-6))


def norm_of(tree):
    return jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree_util.tree_leaves(tree)))


def dqn_step(params, state, grads, most):
    m, v, t = state
    spec, t = common.ADAM, t + 1
    grads = tree_map(lambda g: g * factor(most, norm_of(g)), grads)
    m = tree_map(lambda m, g: spec["beta1"] * m + (1 - spec["beta1"]) * g, m, grads)
    v = tree_map(lambda v, g: spec["beta2"] * v + (1 - spec["beta2"]) * g**2, v, grads)
    m_scale, v_scale = 1 / (1 - spec["beta1"] ** t), 1 / (1 - spec["beta2"] ** t)
    change = lambda m, v: spec["lr"] * m * m_scale / (jnp.sqrt(v * v_scale) + spec["eps"])  # noqa: E731
    return tree_map(lambda p, m, v: p - change(m, v), params, m, v), (m, v, t)


def a2c_step(params, square, grads, most):
    spec, scale = common.RMSPROP, factor(most, norm_of(grads))
    grads = tree_map(lambda g: g * scale, grads)
    square = tree_map(lambda s, g: spec["decay"] * s + (1 - spec["decay"]) * g**2, square, grads)
    params = tree_map(lambda p, s, g: p - spec["lr"] * g / (jnp.sqrt(s) + spec["eps"]), params, square, grads)
    return params, square


def main():
    what, outputs = args.what, common.OUTPUTS[args.what]
    if args.check:
        jax.config.update("jax_default_matmul_precision", "highest")
    most = (common.CHECK_CLIP if args.check else common.CLIP).get(what)
    host = {
        name: np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if array.ndim == 4 else array
        for name, array in common.batch(what, args.batch).items()
    }
    resident = jax.device_put(host)
    # On a GPU the batch comes from host memory every time; on the CPU it is there already.
    batch = lambda: jax.device_put(host) if args.device == "gpu" else resident  # noqa: E731
    params, target = (jax.device_put(weights(outputs, seed)) for seed in (1, 3))
    if what == "act":
        act = jax.jit(forward)
        step = lambda: np.asarray(act(params, batch()["obs"]))  # noqa: E731
        if args.check:
            return print(json.dumps({"numbers": step().flatten().tolist()}))
        return common.clock(step, args.seconds)

    optimizer = {"dqn": dqn_step, "a2c": a2c_step}[what]

    def update(params, state, target, batch):
        loss, grads = jax.value_and_grad(LOSS[what])(params, target, batch)
        return *optimizer(params, state, grads, most), loss

    update = jax.jit(update, donate_argnums=(0, 1))
    zeros = lambda: tree_map(jnp.zeros_like, params)  # noqa: E731
    state = (zeros(), zeros(), jnp.float32(0)) if what == "dqn" else tree_map(jnp.ones_like, params)
    norm = float(norm_of(jax.grad(LOSS[what])(params, target, resident))) if args.check else None

    def step():
        nonlocal params, state
        params, state, loss = update(params, state, target, batch())
        jax.block_until_ready((params, state))
        return loss

    if args.check:
        return print(json.dumps({"numbers": [norm] + [float(step()) for _ in range(5)]}))
    common.clock(step, args.seconds)


if __name__ == "__main__":
    main()
