//! The axes `step` and `action`: lists of steps, what goes along with what, and losses per step.

use crate::support::{Window, assert_near, assert_refused, assert_value, run, value_on};

/// The value of an expression on [`Window::varied`], beside what it should be.
#[track_caller]
fn assert_varied(expression: &str, expected: impl Fn(&Window) -> f64) {
    for n in [1, 2, 5] {
        let window = Window::varied(n);
        assert_near(value_on(expression, &window), expected(&window), &format!("{expression} at n = {n}"));
    }
}

fn log_sum_exp(q: &[f64]) -> f64 {
    q.iter().map(|x| x.exp()).sum::<f64>().ln()
}

fn policy(q: &[f64]) -> Vec<f64> {
    q.iter().map(|x| (x - log_sum_exp(q)).exp()).collect()
}

#[test]
fn records_hold_the_states_that_their_names_say() {
    assert_varied("net.q[1]", |w| w.online[0][1]);
    assert_varied("net.next.v", |w| w.online.last().unwrap()[3]);
    assert_varied("t.v", |w| w.target[0][3]);
    assert_varied("t.next.q[0]", |w| w.target.last().unwrap()[0]);
    assert_varied("sum(net.steps.v)", |w| w.online[..w.reward.len()].iter().map(|o| o[3]).sum());
    assert_varied("sum(net.steps.next.v)", |w| w.online[1..].iter().map(|o| o[3]).sum());
    assert_varied("sum(t.steps.v)", |w| w.target[..w.reward.len()].iter().map(|o| o[3]).sum());
    assert_varied("sum(t.steps.next.v)", |w| w.target[1..].iter().map(|o| o[3]).sum());
    assert_varied("net.steps.q[0][2]", |w| w.online[0][2]);
    assert_varied("net.steps.next.q[t.n - 1][2]", |w| w.online.last().unwrap()[2]);
}

#[test]
fn stored_numbers_are_per_window_and_per_step() {
    assert_varied("t.behaviour_logp", |w| w.behaviour_logp[0]);
    assert_varied("sum(t.steps.behaviour_logp)", |w| w.behaviour_logp.iter().sum());
    assert_varied("sum(t.steps.reward)", |w| w.reward.iter().sum());
    let ended = Window { valid: vec![1.0, 1.0, 0.0], ..Window::varied(3) };
    assert_near(value_on("sum(t.steps.valid)", &ended), 2.0, "valid");
    assert_near(value_on("select(t.steps.valid[2], 1, 0)", &ended), 0.0, "the last of them");
    // The first step of every window is valid, so there is no such field.
    assert_refused("fn loss(net, t, p) { net.v * t.valid }", 1, "t.steps.valid");
}

#[test]
fn functions_over_the_actions_take_each_step() {
    let per_step = |f: fn(&[f64]) -> f64| {
        move |w: &Window| w.online[..w.reward.len()].iter().map(|o| f(&o[..3])).sum::<f64>()
    };
    assert_varied("sum(logsumexp(net.steps.q))", per_step(log_sum_exp));
    assert_varied("sum(logmeanexp(net.steps.q))", per_step(|q| log_sum_exp(q) - 3f64.ln()));
    assert_varied(
        "sum(max(net.steps.q, \"action\"))",
        per_step(|q| q.iter().copied().fold(f64::MIN, f64::max)),
    );
    assert_varied(
        "sum(min(net.steps.q, \"action\"))",
        per_step(|q| q.iter().copied().fold(f64::MAX, f64::min)),
    );
    assert_varied("sum(mean(net.steps.q, \"action\"))", per_step(|q| q.iter().sum::<f64>() / 3.0));
    assert_varied(
        "sum(entropy(softmax(net.steps.q)))",
        per_step(|q| -policy(q).iter().map(|p| p * p.ln()).sum::<f64>()),
    );
    assert_varied(
        "sum(kl(log_softmax(net.steps.q)))",
        per_step(|q| policy(q).iter().map(|p| p * (3.0 * p).ln()).sum()),
    );
    assert_varied("sum(softmax(net.steps.q)[t.steps.action])", |w| {
        (0..w.reward.len()).map(|d| policy(&w.online[d][..3])[w.action[d]]).sum()
    });
    // One policy goes along with those of all steps.
    assert_varied("sum(kl(softmax(net.steps.q), softmax(t.q)))", |w| {
        let reference = policy(&w.target[0][..3]);
        let kl = |p: Vec<f64>| p.iter().zip(&reference).map(|(p, r)| p * (p / r).ln()).sum::<f64>();
        (0..w.reward.len()).map(|d| kl(policy(&w.online[d][..3]))).sum()
    });
}

#[test]
fn actions_index_step_by_step() {
    assert_varied("sum(net.steps.q[t.steps.action])", |w| {
        (0..w.reward.len()).map(|d| w.online[d][w.action[d]]).sum()
    });
    let argmax = |o: &[f64; 4]| (0..3).max_by(|&a, &b| o[a].total_cmp(&o[b])).unwrap();
    assert_varied("sum(t.steps.next.q[argmax(net.steps.next.q)])", |w| {
        (1..=w.reward.len()).map(|s| w.target[s][argmax(&w.online[s])]).sum()
    });
    assert_varied("net.steps.q[t.steps.action][0]", |w| w.online[0][w.action[0]]);
    let chosen = "sum(net.steps.q[select(t.steps.reward > 0, t.steps.action, argmax(net.steps.q))])";
    assert_varied(chosen, |w| {
        let action = |d: usize| if w.reward[d] > 0.0 { w.action[d] } else { argmax(&w.online[d]) };
        (0..w.reward.len()).map(|d| w.online[d][action(d)]).sum()
    });
}

#[test]
fn what_has_one_axis_goes_along_with_what_has_both() {
    assert_varied("sum(sum(net.steps.q * t.q, \"action\"))", |w| {
        (0..w.reward.len()).map(|d| (0..3).map(|a| w.online[d][a] * w.target[0][a]).sum::<f64>()).sum()
    });
    assert_varied("sum(sum(net.steps.q * t.steps.reward, \"step\"))", |w| {
        (0..w.reward.len()).map(|d| (0..3).map(|a| w.online[d][a] * w.reward[d]).sum::<f64>()).sum()
    });
    assert_varied("max(sum(net.steps.q - net.steps.v, \"step\"))", |w| {
        let total = |a: usize| (0..w.reward.len()).map(|d| w.online[d][a] - w.online[d][3]).sum::<f64>();
        (0..3).map(total).fold(f64::MIN, f64::max)
    });
    // Between the two axes themselves nothing is made up, not even beside a value that has one of them.
    for wrong in
        ["t.steps.reward * net.q", "clip(t.steps.reward, net.v, net.q)", "select(net.q > 0, net.steps.v, 1)"]
    {
        assert_refused(
            &format!("fn loss(net, t, p) {{ sum({wrong}) }}"),
            3,
            "per step and one number per action",
        );
    }
}

#[test]
fn an_axis_may_be_named_wherever_it_is() {
    assert_value("sum(net.q, \"action\") - sum(net.q)", 0.0);
    assert_value("mean(t.steps.reward, \"step\") - mean(t.steps.reward)", 0.0);
    assert_value("sum(sum([net.q, 2 * net.q], \"step\"))", 4.5);
    assert_value("len(net.steps.q)", 3.0);
    // Whatever the exponent.
    assert_value("sum(net.q ** 0) - len(net.q)", 0.0);
}

#[test]
fn plain_lists_stay_plain() {
    assert_value("if sum([1, 2.5]) > 3 { 1.0 } else { 0.0 }", 1.0);
    assert_value("if max([1, 2] * 2) == 4 { 1.0 } else { 0.0 }", 1.0);
    assert_value("if discounted_return([1, 1, 1], 0.5) == 1.75 { 1.0 } else { 0.0 }", 1.0);
    assert_value("if select(true, 1, 2) == 1 { 1.0 } else { 0.0 }", 1.0);
    assert_value("if ([1, 2] > 1)[1] && !([1, 2] > 1)[0] { 1.0 } else { 0.0 }", 1.0);
    assert_value("if sign(-3) + sign(2.5) + sign(0.0) == 0 { 1.0 } else { 0.0 }", 1.0);
    assert_value("sign(-net.v) + 2 * sign(net.q)[1] + sign(net.v - 0.25)", -3.0);
}

/// Equation 42 of Schulman et al. 2017 and its like, backwards.
#[test]
fn lambda_returns_interpolate() {
    for lambda in [0.0, 0.3, 1.0] {
        let w = Window { terminated: vec![0.0, 0.0, 1.0, 1.0], ..Window::varied(4) };
        let (gamma, mut later) = (0.9, w.target[4][3]);
        let mut expected = [0.0; 4];
        for d in (0..4).rev() {
            let ahead = (1.0 - lambda) * w.target[d + 1][3] + lambda * later;
            later = w.reward[d] + gamma * (1.0 - w.terminated[d]) * ahead;
            expected[d] = later;
        }
        for (d, expected) in expected.into_iter().enumerate() {
            // As a plain number, which may fold, and as a parameter, which may not.
            for written in [format!("{lambda:?}"), format!("(p.x * 10 * {lambda:?})")] {
                let text = format!(
                    "fn params() {{ #{{ x: param(0.1, 0.0, 1.0, \"one tenth\") }} }}
                    fn loss(net, t, p) {{
                        let g = lambda_return(t.steps.reward, t.steps.terminated, t.steps.next.v, 0.9, {written});
                        g[{d}] + net.v - stop_gradient(net.v)
                    }}"
                );
                assert_near(
                    run(&text, std::slice::from_ref(&w)).loss[0],
                    expected,
                    &format!("{d}, λ = {written}"),
                );
            }
        }
    }
}

#[test]
fn lambda_return_at_its_ends_is_the_one_step_and_the_n_step_return() {
    let one_step = "sum(lambda_return(t.steps.reward, t.steps.terminated, t.steps.next.v, 0.9, 0)
        - (t.steps.reward + 0.9 * (1 - t.steps.terminated) * t.steps.next.v))";
    assert_varied(one_step, |_| 0.0);
    let n_step = "lambda_return(t.steps.reward, t.steps.terminated, t.steps.next.v, 0.9, 1)[0]
        - (discounted_return(t.steps.reward, 0.9) + 0.9 ** t.n * t.next.v)";
    assert_varied(n_step, |_| 0.0);
}

#[test]
fn batch_means_are_over_the_samples_and_differentiable() {
    let windows = [Window::varied(2), Window { online: vec![[1.0, 2.0, -1.0, 0.7]; 3], ..Window::varied(2) }];
    let v = [windows[0].online[0][3], windows[1].online[0][3]];
    let out = run("fn loss(net, t, p) { net.v * batch_mean(net.v) }", &windows);
    let mean = (v[0] + v[1]) / 2.0;
    for (sample, v) in v.into_iter().enumerate() {
        assert_near(out.loss[sample], v * mean, "v times its mean");
        // d/dv_i of (mean v)²
        assert_near(out.grad[0][sample][3], mean, "its gradient");
    }
    // Per step, each step by itself.
    let out = run("fn loss(net, t, p) { sum(batch_mean(net.steps.v) * t.steps.reward) }", &windows);
    let means: Vec<f64> = (0..2).map(|d| (windows[0].online[d][3] + windows[1].online[d][3]) / 2.0).collect();
    for (sample, window) in windows.iter().enumerate() {
        let expected = means.iter().zip(&window.reward).map(|(mean, reward)| mean * reward).sum();
        assert_near(out.loss[sample], expected, "a mean per step");
    }
    assert_value("batch_mean(2) + batch_mean(net.v)", 2.25);
}

#[test]
fn gradients_flow_into_every_state_unless_stopped() {
    let w = Window::varied(3);
    let out = run("fn loss(net, t, p) { sum(net.steps.v * net.steps.next.v) }", std::slice::from_ref(&w));
    for state in 0..4 {
        let left = if state > 0 { w.online[state - 1][3] } else { 0.0 };
        let right = if state < 3 { w.online[state + 1][3] } else { 0.0 };
        assert_near(out.grad[state][0][3], left + right, &format!("state {state}"));
    }
    let out = run("fn loss(net, t, p) { net.v * stop_gradient(net.next.v) }", &[w]);
    assert_eq!(out.grad[3][0][3], 0.0);
    assert!(out.grad[0][0][3] != 0.0);
}

#[test]
fn a_loss_per_step_is_the_mean_over_the_window_of_what_was_taken() {
    let per_step = "fn loss(net, t, p) { (net.steps.v - t.steps.reward) ** 2 }";
    let w = Window { terminated: vec![0.0, 1.0, 1.0], valid: vec![1.0, 1.0, 0.0], ..Window::varied(3) };
    let out = run(per_step, std::slice::from_ref(&w));
    let squares: Vec<f64> = (0..3).map(|d| (w.online[d][3] - w.reward[d]).powi(2)).collect();
    assert_near(out.loss[0], (squares[0] + squares[1]) / 3.0, "two of three steps");
    assert_near(out.grad[1][0][3], 2.0 * (w.online[1][3] - w.reward[1]) / 3.0, "a step's gradient");
    assert_eq!(out.grad[2][0][3], 0.0, "no gradient after a termination");
    // What is not taken has no influence, not even where it is no number.
    let undefined = "fn loss(net, t, p) { log(net.steps.v - net.steps.v + t.steps.valid) + net.steps.v }";
    let out = run(undefined, std::slice::from_ref(&w));
    assert_near(out.loss[0], (w.online[0][3] + w.online[1][3]) / 3.0, "log 0 outside of the window");
    // A window of one step is no exception, and a list written out is one number per step.
    assert_near(run(per_step, &[Window::same(1)]).loss[0], 0.5625, "n = 1");
    let list = "fn loss(net, t, p) { [net.v, 2 * net.v, 3.0] }";
    assert_near(run(list, &[Window::same(3)]).loss[0], (0.75 + 3.0) / 3.0, "a list");
}

#[test]
fn targets_may_have_axes() {
    let text = "fn target(t, p) { t.steps.reward + 0.9 * t.steps.next.v }
        fn loss(net, y, t, p) { (net.steps.v - y) ** 2 }";
    let w = Window::varied(2);
    let out = run(text, std::slice::from_ref(&w));
    let squares = (0..2).map(|d| (w.online[d][3] - w.reward[d] - 0.9 * w.target[d + 1][3]).powi(2));
    assert_near(out.loss[0], squares.sum::<f64>() / 2.0, "a target per step");
    let text = "fn target(net, t, p) { softmax(net.steps.q) }
        fn loss(net, y, t, p) { kl(y, softmax(net.steps.q)) + entropy(y) + net.steps.v }";
    let out = run(text, &[w]);
    // At y = π the divergence has no gradient, and the entropy of a target has none.
    assert!(out.grad[0][0][..3].iter().all(|g| g.abs() < 1e-15), "{:?}", out.grad);
}
