//! What holds for every shipped script.

use kelvin_objective::{KernelIo, Reads, Script};

use crate::support::{compile, layout, load, path, uniforms, window};

/// The forward passes that a script asks for, by the length of its window.
type Passes = fn(usize) -> Reads;

const SCRIPTS: [(&str, Passes); 14] = [
    ("dqn", target_at_the_end),
    ("double_dqn", |n| Reads { online: vec![n], ..target_at_the_end(n) }),
    ("dqn_nstep", target_at_the_end),
    ("soft_kl", target_at_the_end),
    ("soft_entropy", target_at_the_end),
    ("soft_nstep", target_everywhere),
    ("soft_lambda", target_everywhere),
    ("munchausen", target_everywhere),
    ("pcl", |n| Reads { trained: (0..=n).collect(), ..Reads::default() }),
    ("pgq", actor_critic),
    ("a2c_naive", actor_critic),
    ("a2c_proper", actor_critic),
    ("a2c_prior", actor_critic_with_prior),
    ("ql_online", actor_critic),
];

fn target_at_the_end(n: usize) -> Reads {
    Reads { trained: vec![0], target: vec![n], ..Reads::default() }
}

fn target_everywhere(n: usize) -> Reads {
    Reads { trained: vec![0], target: (0..=n).collect(), ..Reads::default() }
}

/// The bootstrap state is read and not trained; no target network.
fn actor_critic(n: usize) -> Reads {
    Reads { trained: (0..n).collect(), online: vec![n], ..Reads::default() }
}

/// The same, and the reference wherever the penalty is paid.
fn actor_critic_with_prior(n: usize) -> Reads {
    Reads { target: (0..n).collect(), ..actor_critic(n) }
}

#[test]
fn every_shipped_script_is_tested_here() {
    let folder = std::fs::read_dir(path("dqn").parent().expect("a folder")).expect("the scripts");
    let mut found: Vec<String> = folder
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .map(|path| path.file_stem().expect("a file").to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut expected = SCRIPTS.map(|(name, _)| name.to_owned());
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn scripts_compile_for_2_to_18_actions_and_odd_batches() {
    for (name, _) in SCRIPTS {
        let script = load(name);
        for (batch, actions) in (2..=18).map(|actions| (3, actions)).chain([(1, 6), (32, 18), (256, 2)]) {
            let layout = layout(&script, batch, actions);
            assert!(compile(&script, &layout).wgsl().contains("objective"), "{name}");
            let behaviour = script.behaviour(&layout, &Default::default());
            assert_eq!(behaviour.expect("a policy").is_some(), script.hooks().behave, "{name}");
        }
    }
}

#[test]
fn scripts_ask_for_the_passes_of_their_equations() {
    for (name, reads) in SCRIPTS {
        let script = load(name);
        assert_eq!(compile(&script, &layout(&script, 2, 4)).reads(), &reads(window(&script)), "{name}");
    }
}

#[test]
fn headers_cite_their_papers() {
    for (name, citation) in [
        ("dqn", "eq. 81"),
        ("soft_kl", "eq. 82"),
        ("soft_entropy", "eq. 83"),
        ("soft_nstep", "eq. 46"),
        ("soft_lambda", "eq. 42"),
        ("pgq", "eq. 87"),
        ("pcl", "eq. 90"),
        ("a2c_naive", "79"),
        ("a2c_proper", "80"),
        ("ql_online", "section 6.3"),
    ] {
        let text = load(name).sources()[0].text.clone();
        let header: String = text.lines().take_while(|line| line.starts_with("//")).collect();
        assert!(header.contains(citation), "{name} does not cite {citation}");
        assert!(header.contains("1704.06440"), "{name} does not cite the paper");
    }
    for (name, _) in SCRIPTS {
        let text = load(name).sources()[0].text.clone();
        for part in ["arXiv", "Nearest sibling", "Expect:"] {
            assert!(text.contains(part), "{name}: no {part:?}");
        }
    }
}

/// Weights that are no numbers any more have to end a run, and the loss is what it looks at.
#[test]
fn a_broken_network_always_shows_in_the_loss() {
    // Conceals a NaN by comparison, argmax, clip and power, one after the other.
    let concealing = r#"
        fn config() { #{ learner: "replay", n: 1, heads: ["q"] } }
        fn target(net, t, p) { clip(t.next.q[argmax(net.next.q)], -1, 1) + select(t.q[0] > 0, 1, 2) }
        fn loss(net, y, t, p) { clip(net.q[t.action] - y, -1, 1) }
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("concealing.rhai");
    std::fs::write(&file, concealing).expect("a script");
    let scripts = SCRIPTS.into_iter().map(|(name, _)| path(name)).chain([file]);
    for path in scripts {
        let script = Script::load(&path).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        let (batch, actions) = (3, 4);
        let layout = layout(&script, batch, actions);
        let objective = compile(&script, &layout);
        let (reads, outputs) = (objective.reads(), layout.outputs());
        let regions = [("trained", &reads.trained), ("online", &reads.online), ("target_net", &reads.target)];
        let uniforms: Vec<f32> = uniforms(script.params(), &[]).iter().map(|&x| x as f32).collect();
        let samples = vec![0.0; layout.fields() * batch];
        for (region, (name, states)) in regions.into_iter().enumerate() {
            let looked_at =
                objective.wgsl().contains(&format!("largest = max(largest, size_bits({name}[row"));
            assert_eq!(looked_at, !states.is_empty(), "{}: {name}", path.display());
            for (broken, element) in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY]
                .into_iter()
                .flat_map(|broken| (0..states.len() * batch * outputs).map(move |element| (broken, element)))
            {
                let mut inputs = regions.map(|(_, states)| vec![0.25f32; states.len() * batch * outputs]);
                inputs[region][element] = broken;
                let (mut grad, mut metrics) = (vec![0.0; inputs[0].len()], vec![0.0; batch * 16]);
                objective.cpu().run(KernelIo {
                    uniforms: &uniforms,
                    samples: &samples,
                    trained: &inputs[0],
                    online: &inputs[1],
                    target: &inputs[2],
                    grad: &mut grad,
                    metrics: &mut metrics,
                });
                for sample in 0..batch {
                    let hit = element / outputs % batch == sample;
                    let what =
                        format!("{}: {broken} at {element} of {name}, sample {sample}", path.display());
                    assert_eq!(metrics[sample * 16].is_finite(), !hit, "{what}");
                }
            }
        }
    }
}

/// Each round doubles the paths back to the network: a saved script must not cost a running experiment more
/// than a moment.
#[test]
fn nested_choices_compile_at_once() {
    let text = r#"
        fn config() { #{ learner: "replay", n: 1, heads: ["q"] } }
        fn loss(net, t, p) {
            let x = net.q[t.action];
            let a = t.q[t.action];
            for i in 0..30 { x = max(x, a) * 0.5 + min(x, a + 1) * 0.3; }
            x
        }
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nested.rhai");
    std::fs::write(&file, text).expect("a script");
    let script = Script::load(&file).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    let start = std::time::Instant::now();
    compile(&script, &layout(&script, 32, 18));
    // A tenth of this on a quiet machine; exponential growth would take years.
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}
