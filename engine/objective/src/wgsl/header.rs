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
    // Helpers call those that stand below them in the table; in WGSL the order does not matter.
    let mut code = body.to_string();
    for (name, function) in HELPERS {
        if uses(&code, &format!("{name}(")) {
            code.push_str(function);
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

/// Functions whose built-in forms fail on some driver at some input. Those that could lose a NaN look for it in
/// the bits, since drivers may assume that there is none: `x != x` is false on some, and `max(NaN, 1)` is 1.
const HELPERS: [(&str, &str); 7] = [
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
    (
        "min_of",
        "// NaN if either is.\n\
         fn min_of(x: f32, y: f32) -> f32 {\n\
         \x20   return select(select(min(x, y), y, is_nan(y)), x, is_nan(x));\n\
         }\n",
    ),
    (
        "max_of",
        "// NaN if either is.\n\
         fn max_of(x: f32, y: f32) -> f32 {\n\
         \x20   return select(select(max(x, y), y, is_nan(y)), x, is_nan(x));\n\
         }\n",
    ),
    (
        "exceeds",
        "// Whether x > y, where NaN is the largest number.\n\
         fn exceeds(x: f32, y: f32) -> bool {\n\
         \x20   return !is_nan(y) && (is_nan(x) || x > y);\n\
         }\n",
    ),
    (
        "is_nan",
        "fn is_nan(x: f32) -> bool {\n\
         \x20   return size_bits(x) > 0x7f800000u;\n\
         }\n",
    ),
    (
        "size_bits",
        "// The bits of |x|: whole numbers in order of size, with ∞ (0x7f800000) and then NaN last.\n\
         fn size_bits(x: f32) -> u32 {\n\
         \x20   return bitcast<u32>(x) & 0x7fffffffu;\n\
         }\n",
    ),
];
