//! Scripts from text, and batches of made-up numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kelvin_objective::{ConfigValue, Eager, Head, Inputs, Layout, ParamKind, Script};

/// A window of three steps and every head, around the body of `loss(net, t, p)`.
pub fn loss_script(body: &str) -> String {
    format!("{HEADER}\nfn loss(net, t, p) {{ {body} }}\n")
}

/// What such a script begins with.
pub const HEADER: &str = "\
fn config() { #{ learner: \"replay\", n: 3, heads: [\"q\", \"v\", \"logits\"] } }
fn params() { #{
    tau:   param(0.5, 0.001, 10.0, \"temperature\"),
    gamma: param(0.9, 0.0, 1.0, \"discount\"),
    k:     param(1.7, -3.0, 3.0, \"exponent\"),
    whole: param(2, 0, 9, \"a whole number\"),
    yes:   param(true, \"a switch\"),
} }";

/// Loads a script from its text, and what it imports from texts by name.
pub fn load_with(text: &str, imports: &[(String, String)]) -> Script {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in imports {
        let path = folder.path().join(format!("{name}.rhai"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }
    let path = folder.path().join("script.rhai");
    std::fs::write(&path, text).expect("writable");
    Script::load(&path).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

pub fn load_text(text: &str) -> Script {
    load_with(text, &[])
}

/// The scripts that come with the program: name and text.
pub fn shipped() -> Vec<(String, String)> {
    texts("../../scripts")
}

/// What they import.
pub fn library() -> Vec<(String, String)> {
    texts("../../scripts/lib").into_iter().map(|(name, text)| (format!("lib/{name}"), text)).collect()
}

fn texts(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "rhai")).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("readable"))).collect()
}

pub fn layout(script: &Script, batch: usize, actions: usize) -> Layout {
    let window = match script.config()["n"] {
        ConfigValue::Int(n) => n as usize,
        _ => panic!("n is a whole number"),
    };
    let ConfigValue::List(heads) = &script.config()["heads"] else { panic!("heads is a list") };
    let head = |head: &ConfigValue| match head {
        ConfigValue::Str(name) if name == "q" => Head::Q,
        ConfigValue::Str(name) if name == "logits" => Head::Logits,
        _ => Head::V,
    };
    let heads = heads.iter().map(head).collect();
    Layout { batch, actions, window, heads, param_slots: 64, metric_slots: 16, workgroup: 32 }
}

/// SplitMix64: enough randomness for test data, the same on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }
}

/// How network outputs are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Uniform, up to this size.
    Uniform(f64),
    /// One of -size, 0 and size: ties everywhere.
    Ties(f64),
    /// One output of a row near this size, the others between 0 and 1.
    OneDominates(f64),
}

pub const SPREADS: [Spread; 7] = [
    Spread::Uniform(2.0),
    Spread::Uniform(1e-9),
    Spread::Uniform(300.0),
    Spread::Ties(1.0),
    Spread::Ties(0.0),
    Spread::OneDominates(100.0),
    Spread::OneDominates(-100.0),
];

/// A batch: rewards in -1..1, about a third of the samples terminated from some step of the window on.
pub fn batch(layout: &Layout, spread: Spread, seed: u64) -> Inputs<f64> {
    let mut random = Random(seed);
    let (n, batch) = (layout.window, layout.batch);
    let mut samples = vec![0.0; (5 * n + 1) * batch];
    for sample in 0..batch {
        let end = if random.below(3) == 0 { random.below(n) } else { n };
        for step in 0..n {
            let mut set = |field: usize, value: f64| samples[(field * n + step) * batch + sample] = value;
            set(0, if step <= end { 2.0 * random.unit() - 1.0 } else { 0.0 });
            set(1, f64::from(u8::from(step >= end)));
            set(2, random.below(layout.actions) as f64);
            set(3, -3.0 * random.unit());
            set(4, f64::from(u8::from(step <= end)));
        }
        samples[5 * n * batch + sample] = 0.1 + random.unit();
    }
    let rows = (n + 1) * batch;
    let mut outputs = || -> Vec<f64> {
        let row = |_| {
            let dominant = random.below(layout.outputs());
            let value = |column| match spread {
                Spread::Uniform(size) => size * (2.0 * random.unit() - 1.0),
                Spread::Ties(size) => size * (random.below(3) as f64 - 1.0),
                Spread::OneDominates(size) if column == dominant => size + random.unit(),
                Spread::OneDominates(_) => random.unit(),
            };
            (0..layout.outputs()).map(value).collect::<Vec<_>>()
        };
        (0..rows).flat_map(row).collect()
    };
    let (online, target) = (outputs(), outputs());
    Inputs { uniforms: Vec::new(), samples, online, target }
}

/// Parameters at their defaults, as a kernel takes them.
pub fn uniforms(script: &Script, layout: &Layout) -> Vec<f64> {
    let mut uniforms = vec![0.0; layout.param_slots];
    for param in script.params() {
        if let ParamKind::Live { slot } = param.kind {
            uniforms[slot] = param.default;
        }
    }
    uniforms
}

pub fn eager(script: &Script, layout: &Layout, inputs: &Inputs<f64>) -> Eager {
    script.eager(layout, &BTreeMap::new(), inputs).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

pub fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}
