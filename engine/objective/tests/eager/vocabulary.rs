//! Losses that use every word of the language, on scalars, on actions, on steps and on both.

/// Smooth wherever the outputs are drawn from a continuum, so that differences can follow them.
pub const SMOOTH: &[&str] = &[
    // Arithmetic and broadcasting.
    "net.v + 2 * net.next.v - net.v * net.next.v",
    "net.v / (net.next.v ** 2 + 1)",
    "sum(net.q * net.logits + net.v)",
    "sum(net.steps.v * t.steps.reward - net.v)",
    "sum(sum(net.steps.q * net.steps.v, \"action\"))",
    "mean(sum(net.steps.q * net.q, \"step\"))",
    "mean(mean(net.steps.logits - net.next.q, \"action\") ** 2)",
    "let x = net.v; x += 1; x *= net.v; x -= net.next.v; x /= 3.0; x **= 2; x",
    "-(net.v ** 2) + (-net.v) ** 3 + net.v ** -1 + (net.v + 4.0) ** 0",
    "(net.v ** 2 + 0.5) ** p.k + (net.v ** 2 + 0.1) ** 1.5 + 1.5 ** net.v + net.v ** p.whole",
    "net.v ** 17 * 1e-8",
    // Functions of one number.
    "exp(net.v / 100)",
    "log(net.v ** 2 + 0.01) + sqrt(net.v ** 2 + 0.01)",
    "tanh(net.v) + 2 * sigmoid(net.next.v) + sigmoid(-net.v * 20)",
    "abs(net.v) * 3 - abs(net.next.v)",
    "sum(tanh(net.steps.v)) + sum(sigmoid(net.q))",
    "sign(net.v) * net.v + sign(t.weight) * net.next.v",
    // Choices.
    "clip(net.v, -0.5, 0.7) + clip(net.v, net.q[0], net.q[1])",
    "huber(net.v, 0.3) + huber(net.next.v, p.tau) + huber(net.v, 1 + abs(net.q[0]))",
    "sum(huber(net.steps.v - t.steps.reward, 1.0))",
    "min(net.v, net.next.v) + max(net.v, 0.1) - max(net.q[0], net.q[1])",
    "max(net.q) - min(net.logits) + max(net.steps.v) - min(net.steps.v)",
    "sum(max(net.steps.q, \"action\")) + sum(min(net.steps.q, \"step\"))",
    "select(net.v > 0, net.v ** 2, log(abs(net.v) + 1))",
    "sum(select(net.q > t.q, net.q, t.q) * net.logits)",
    "sum(select(t.steps.terminated, net.steps.v, net.steps.next.v ** 2))",
    "select((net.v > 0) & !(net.next.v < 0.5) | (net.q[0] >= net.q[1]), net.v, net.next.v)",
    "select(t.action == 1, net.v, 2 * net.v) + select(net.v != net.v, 1.0, net.v) + select(true, net.v, 0)",
    // Policies.
    "p.tau * logsumexp(net.q / p.tau) + logmeanexp(net.logits)",
    "logsumexp(net.q * 1e3) * 1e-3",
    "sum(softmax(net.logits) * net.q)",
    "-log_softmax(net.logits)[t.action] * t.weight",
    "entropy(softmax(net.logits)) + 0.1 * entropy(log_softmax(net.q / p.tau))",
    "kl(softmax(net.logits)) + kl(softmax(net.logits), softmax(t.logits)) + kl(softmax(t.q), softmax(net.q))",
    "sum(kl(softmax(net.steps.logits), softmax(net.steps.next.logits)))",
    "sum(entropy(softmax(net.steps.logits))) + sum(logsumexp(net.steps.q)) + sum(logmeanexp(net.steps.next.q))",
    "sum(log_softmax(net.steps.logits)[t.steps.action] * t.steps.behaviour_logp)",
    // Indices.
    "net.q[t.action] + net.q[0] + net.q[argmax(t.q)] + net.q[argmax(net.q)]",
    "sum(net.steps.q[t.steps.action] * t.steps.valid) + net.steps.q[1][2] + net.steps.next.v[p.whole]",
    "net.q[select(t.terminated, t.action, argmax(t.q))]",
    "sum(net.steps.next.q[argmax(net.steps.next.q)])",
    // Returns, the batch, and steps by hand.
    "discounted_return(net.steps.v + t.steps.reward, p.gamma) + discounted_return([net.v, 1, net.v], 0.5)",
    "sum(lambda_return(t.steps.reward, t.steps.terminated, net.steps.next.v, p.gamma, 0.7))",
    "lambda_return(net.steps.v, t.steps.terminated, net.steps.next.v, sigmoid(net.v), sigmoid(net.q[0]))[0]",
    "(net.v - batch_mean(net.v)) ** 2 / (batch_mean(net.v ** 2) + 0.1)",
    "sum((net.steps.v - batch_mean(net.steps.v)) * t.steps.reward) + batch_mean(batch_mean(net.v) * net.v)",
    "let s = 0.0; for d in 0..t.n { s += p.gamma ** d * net.steps.v[d]; } s",
    "let l = []; for (q, d) in net.steps.q { l.push(max(q) * d); } sum(l) + len(l) + len(net.q)",
    "let f = |x| x * x; f.call(net.v) + if p.yes { net.v } else { net.next.v }",
    "t.weight * (net.v - t.v) ** 2 + t.next.v * net.v + t.behaviour_logp * net.v",
    // A loss per step.
    "(net.steps.v - t.steps.reward) ** 2",
    "[net.v, 2 * net.next.v, net.v ** 2]",
    "net.steps.q[t.steps.action] - p.gamma * max(t.steps.next.q, \"action\")",
];

/// Jumps, ties, and slopes that stop: what differences cannot follow.
pub const JUMPS: &[&str] = &[
    "stop_gradient(net.v) * net.v + scale_gradient(net.v, p.k) ** 2 + scale_gradient(net.q, -1)[t.action]",
    "entropy(stop_gradient(softmax(net.q))) * net.v + kl(scale_gradient(softmax(net.logits), 0.5))",
    "sum(scale_gradient(net.steps.v, t.steps.reward) ** 2)",
    "sign(net.v) * net.q[0] + sum(sign(net.q) * net.logits) + sum(select(net.q == max(net.q), net.q, 0))",
    "metric(\"a\", net.v); metric(\"b\", p.tau); metric(\"c\", 2); let y = stop_gradient(net.next.v); huber(net.v - y, 1)",
    "select(net.v > 0, log(net.v), net.q[0]) + select(net.v < 0, sqrt(-net.v), 0)",
    "sum(select(net.q > 0, sqrt(net.q), 0 * net.q)) + sum(max(net.q, 0) ** 1.5)",
    "max(abs(net.q)) - min(abs(net.logits)) + max(net.v, net.v) + max(net.q[0], net.q[1]) + clip(net.v, 0, 0.0)",
    "net.q[argmax(net.q * 1.0)] + net.q[argmax(-net.q)] + net.logits[argmax(net.q + t.q)]",
    "let x = net.v; for i in 0..12 { x = max(x, 0.1) * 0.5 + min(x, 0.3) * 0.3; } x",
    "select((net.v >= 0) | t.terminated, abs(net.v), -net.v) ** 2 + (net.v <= 0.5) * net.v",
    "(t.action + net.v) * (t.terminated + 1) + (net.q > 0)[t.action] * net.v",
];
