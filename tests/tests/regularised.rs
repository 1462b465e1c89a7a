//! Entropy-regularised learners reach the optimum of *their* objective, which soft value iteration knows exactly, and
//! policy gradients and soft Q-learning go there alike (figure 3 of the paper, small).

use kelvin_env::tabular::gridworld;
use kelvin_tests::command::{succeed, train};
use kelvin_tests::exact::{Price, boltzmann, outputs, soft_optimum, soft_value};
use kelvin_tests::records;
use serde_json::Value;

/// Hot enough that the best regularised policy is far from the best one.
const TAU: f64 = 0.1;

/// Runs a script on the maze with a table for a network, and looks what its policy is worth: the softmax of the first
/// outputs divided by `temperature`.
fn maze(
    script: &str,
    (price, gamma): (Price, f64),
    temperature: f64,
    frames: &str,
    settings: &[&str],
) -> Reached {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    let mut command = train(script, "gridworld", &out);
    command.args(["--frames", frames, "--set", "hidden=[]", "--set", &format!("tau={}", price.tau)]);
    command.args(["--set", &format!("gamma={gamma}")]);
    succeed(command.args(settings.iter().flat_map(|setting| ["--set", setting])));
    let mdp = gridworld();
    let policy: Vec<Vec<f64>> =
        outputs(&out, &mdp).iter().map(|row| boltzmann(&row[..4], temperature)).collect();
    let uniform = vec![vec![0.25; 4]; mdp.states];
    Reached {
        reached: soft_value(&mdp, gamma, price, &policy),
        best: soft_optimum(&mdp, gamma, price),
        uniform: soft_value(&mdp, gamma, price, &uniform),
    }
}

/// Regularised values from the start: of the learned policy, of the best, and of the uniform one.
struct Reached {
    reached: f64,
    best: f64,
    uniform: f64,
}

fn assert_reached(Reached { reached, best, uniform }: Reached) {
    // 3 % of the way from the policy that does nothing.
    assert!(reached <= best + 1e-9, "{reached} is beyond the optimum {best}");
    assert!(
        best - reached <= 0.03 * (best - uniform),
        "worth {reached}, the best is worth {best}, the uniform one {uniform}"
    );
}

const CHARGED: Price = Price { tau: TAU, bonus: 0.0 };

#[test]
fn policy_gradients_and_soft_q_learning_on_policy_reach_the_regularised_optimum() {
    for script in ["a2c_proper", "ql_online"] {
        let settings = ["learning_rate=2e-2", "n=16"];
        assert_reached(maze(script, (CHARGED, 0.99), 1.0, "800k", &settings));
    }
}

#[test]
fn soft_q_learning_reaches_the_optimum_of_its_own_regulariser() {
    // Exploration to the end, and steps of a size that values settle at.
    let settings = ["batch=256", "learning_rate=2e-3", "epsilon_mid=0.3", "epsilon_end=0.3"];
    assert_reached(maze("soft_kl", (CHARGED, 0.99), TAU, "60k", &settings));
    // Living on is paid for ever. A nearer horizon keeps that from dwarfing the goal, and noise in the values from adding
    // up over a hundred decisions.
    let nearer = [&settings[..], &["target_every=100", "learning_rate=1e-3"]].concat();
    let rewarded = Price { tau: TAU, bonus: TAU * 4.0_f64.ln() };
    assert_reached(maze("soft_entropy", (rewarded, 0.9), TAU, "60k", &nearer));
}

/// Mean returns at a third, two thirds and the end of a run.
fn curve(script: &str, (env, frames, settings): (&str, u64, &[&str]), seed: u64) -> [f64; 3] {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    let mut command = train(script, env, &out);
    command.args(["--frames", &frames.to_string(), "--seed", &seed.to_string()]);
    succeed(command.args(settings.iter().flat_map(|setting| ["--set", setting])));
    let records = records::training(&out);
    [1, 2, 3].map(|third| {
        let at = |record: &&Value| records::count(record, "frames") * 3 >= third * frames;
        let record = records.iter().find(at).or(records.last()).expect("a run of some length");
        record["mean_return"].as_f64().expect("episodes have ended")
    })
}

/// Curves of several seeds: their means differ by no more than seeds make them.
#[test]
fn policy_gradients_and_soft_q_learning_learn_alike() {
    const SEEDS: u64 = 6;
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / (values.len() - 1) as f64)
    };
    let table = ["hidden=[]", "learning_rate=2e-2", "n=16"];
    for run in [("catch", 90_000, &[][..]), ("gridworld", 200_000, &table)] {
        let env = run.0;
        let [pg, ql] = ["a2c_proper", "ql_online"]
            .map(|script| -> Vec<[f64; 3]> { (0..SEEDS).map(|seed| curve(script, run, seed)).collect() });
        let at = |curves: &[[f64; 3]], third: usize| -> Vec<f64> {
            curves.iter().map(|curve| curve[third]).collect()
        };
        for third in 0..3 {
            let ((mean_pg, var_pg), (mean_ql, var_ql)) = (moments(&at(&pg, third)), moments(&at(&ql, third)));
            let error = ((var_pg + var_ql) / SEEDS as f64).sqrt();
            assert!((mean_pg - mean_ql).abs() <= 4.0 * error, "{env}, third {third}: {pg:?} {ql:?}");
        }
        // They do learn, and are on their way up, where a difference would show.
        assert!(moments(&at(&pg, 2)).0 > moments(&at(&pg, 0)).0 + 0.1, "{env}: {pg:?}");
    }
}
