//! What stands before a kernel's statements: sizes, the bindings that the body uses, helper functions.

use std::fmt::Write as _;

use crate::layout::Layout;

/// Constants, the bindings and helper functions that the body names, and the entry point's opening.
pub(super) fn header(layout: &Layout, body: &str) -> String {
    let mut text = String::from(
        "// One invocation a sample: loss, metrics, and the gradient of the batch's mean loss with respect to\n\
         // the online outputs. The numbers behind statements are lines and columns of the script.\n",
    );
    let mut constant = |name: &str, value: usize| {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "const {name}: u32 = {value}u;");
    };
    constant("BATCH", layout.batch);
    constant("ACTIONS", layout.actions);
    constant("OUTPUTS", layout.outputs());
    constant("METRIC_SLOTS", layout.metric_slots);
    text.push('\n');

    let uniforms = format!("var<uniform> uniforms: array<vec4<f32>, {}>", layout.param_slots.div_ceil(4));
    let bindings = [
        ("uniforms", uniforms.as_str()),
        ("samples", "var<storage, read> samples: array<f32>"),
        ("online", "var<storage, read> online: array<f32>"),
        ("online_next", "var<storage, read> online_next: array<f32>"),
        ("target_now", "var<storage, read> target_now: array<f32>"),
        ("target_next", "var<storage, read> target_next: array<f32>"),
        ("grad", "var<storage, read_write> grad: array<f32>"),
        ("metrics", "var<storage, read_write> metrics: array<f32>"),
    ];
    for (number, (name, declaration)) in bindings.iter().enumerate() {
        // Only code can hold a name and a bracket: the names of metrics stand escaped in quotes in comments.
        if uses(body, &format!("{name}[")) {
            let _ = writeln!(text, "@group(0) @binding({number}) {declaration};");
        }
    }
    for (name, function) in HELPERS {
        if uses(body, &format!("{name}(")) {
            text.push('\n');
            text.push_str(function);
        }
    }
    let _ = write!(
        text,
        "\n@compute @workgroup_size({})\n\
         fn objective(@builtin(global_invocation_id) id: vec3<u32>) {{\n\
         \x20   let i = id.x;\n    if (i >= BATCH) {{ return; }}\n    let row = i * OUTPUTS;\n",
        layout.workgroup
    );
    text
}

/// Whether the code (not a comment) contains `word` at the start of an identifier.
fn uses(body: &str, word: &str) -> bool {
    body.lines().map(|line| line.split("//").next().unwrap_or(line)).any(|code| {
        code.match_indices(word).any(|(at, _)| {
            !code[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_')
        })
    })
}

/// Functions whose built-in forms fail on some driver at some input.
const HELPERS: [(&str, &str); 2] = [
    (
        "tanh_of",
        "// Built-in tanh is NaN for large inputs on one driver and has few digits near 0.\n\
         fn tanh_of(x: f32) -> f32 {\n\
         \x20   let s = x * x;\n\
         \x20   let near = x * (1.0 + s * (-0.33333334 + s * (0.13333334 + s * (-0.053968254 + s * 0.021869488))));\n\
         \x20   let far = sign(x) * (1.0 - 2.0 / (exp(2.0 * min(abs(x), 15.0)) + 1.0));\n\
         \x20   return select(far, near, abs(x) < 0.3);\n\
         }\n",
    ),
    (
        "sigmoid_of",
        "// The one of the two forms whose exponential cannot overflow.\n\
         fn sigmoid_of(x: f32) -> f32 {\n\
         \x20   let e = exp(-abs(x));\n\
         \x20   return select(e, 1.0, x >= 0.0) / (1.0 + e);\n\
         }\n",
    ),
];
