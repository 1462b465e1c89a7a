//! What stands before the entry points: sizes, the bindings they use, helper functions.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::layout::Layout;
use crate::lower::Lowered;
use crate::reads::Region;

use super::expression::buffer;

/// What the entry points use of constants, bindings and functions.
#[derive(Default)]
pub(super) struct Used {
    names: BTreeSet<&'static str>,
    /// Most batch means of one stage.
    means: usize,
}

impl Used {
    /// Takes note of a name; what is no binding, constant or helper of ours is ignored.
    pub(super) fn note(&mut self, name: &'static str) {
        self.names.insert(name);
    }

    /// Takes note that a stage computes so many means.
    pub(super) fn partial(&mut self, means: usize) {
        self.means = self.means.max(means);
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// Constants, and the bindings and helper functions that are used.
pub(super) fn header(lowered: &Lowered, layout: &Layout, used: &Used) -> String {
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
    if used.has("STATE") {
        constant("STATE", layout.batch * layout.outputs());
    }
    constant("METRIC_SLOTS", layout.metric_slots);
    if used.means > 0 {
        constant("WORKGROUP", layout.workgroup as usize);
    }
    text.push('\n');

    let mut binding = |number: usize, declaration: &str, comment: &str| {
        let gap = if comment.is_empty() { "" } else { " // " };
        let _ = writeln!(text, "@group(0) @binding({number}) {declaration};{gap}{comment}");
    };
    if used.has("uniforms") {
        let vectors = layout.param_slots.div_ceil(4);
        binding(0, &format!("var<uniform> uniforms: array<vec4<f32>, {vectors}>"), "");
    }
    if used.has("field") {
        binding(1, "var<storage, read> samples: array<f32>", "");
    }
    for (number, region) in Region::ALL.into_iter().enumerate() {
        let states = lowered.reads.region(region);
        if !states.is_empty() {
            let declaration = format!("var<storage, read> {}: array<f32>", buffer(region));
            binding(2 + number, &declaration, &ranges(states));
        }
    }
    if used.has("stats") {
        binding(5, "var<storage, read_write> stats: array<f32>", "");
    }
    binding(6, "var<storage, read_write> grad: array<f32>", "as trained");
    binding(7, "var<storage, read_write> metrics: array<f32>", "");
    if used.means > 0 {
        let size = used.means * layout.workgroup as usize;
        let _ = writeln!(text, "var<workgroup> partial: array<f32, {size}>;");
    }
    for helper in needed(used) {
        text.push('\n');
        text.push_str(helper);
    }
    text
}

/// `states 0, 2 to 5`
fn ranges(states: &[usize]) -> String {
    let mut text = String::from(if states.len() == 1 { "state " } else { "states " });
    let mut rest = states;
    while let [first, ..] = *rest {
        let run = rest.iter().zip(first..).take_while(|&(&state, next)| state == next).count();
        let _ = match run {
            1 => write!(text, "{first}"),
            _ => write!(text, "{first} to {}", first + run - 1),
        };
        rest = &rest[run..];
        if !rest.is_empty() {
            text.push_str(", ");
        }
    }
    text
}

/// The helpers that are used, and those that they use, in the order of the table.
fn needed(used: &Used) -> Vec<&'static str> {
    let mut names = used.names.clone();
    let mut texts = Vec::new();
    // Helpers call those that stand below them; in WGSL the order does not matter.
    for (name, calls, text) in HELPERS {
        if names.contains(name) {
            names.extend(calls);
            texts.push(text);
        }
    }
    texts
}

/// Name, helpers it calls, text.
///
/// Fields are read by a function because naga's time for a kernel grows with the square of the expressions in
/// one function, and a window of 100 steps has 400 fields. The others have built-in forms that fail on some
/// driver at some input. Those that could lose a NaN look for it in the bits, since drivers may assume that
/// there is none: `x != x` is false on some, and `max(NaN, 1)` is 1.
const HELPERS: [(&str, &[&str], &str); 10] = [
    (
        "action",
        &["field"],
        "// An action stored with sample i; one beyond the last is read as the last.\n\
         fn action(row: u32, i: u32) -> u32 {\n\
         \x20   return min(u32(field(row, i)), ACTIONS - 1u);\n\
         }\n",
    ),
    (
        "field",
        &[],
        "// A number stored with sample i.\n\
         fn field(row: u32, i: u32) -> f32 {\n\
         \x20   return samples[row * BATCH + i];\n\
         }\n",
    ),
    (
        "tanh_of",
        &[],
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
        &[],
        "// The one of the two forms whose exponential cannot overflow.\n\
         fn sigmoid_of(x: f32) -> f32 {\n\
         \x20   let e = exp(-abs(x));\n\
         \x20   return select(e, 1.0, x >= 0.0) / (1.0 + e);\n\
         }\n",
    ),
    (
        "pow_of",
        &[],
        "// 1 for y = 0, also at x = 0, where the built-in form is 0 on some drivers; NaN for x < 0.\n\
         fn pow_of(x: f32, y: f32) -> f32 {\n\
         \x20   let power = select(pow(x, y), 1.0, y == 0.0);\n\
         \x20   return bitcast<f32>(select(bitcast<u32>(power), 0x7fc00000u, x < 0.0));\n\
         }\n",
    ),
    (
        "min_of",
        &["is_nan"],
        "// NaN if either is.\n\
         fn min_of(x: f32, y: f32) -> f32 {\n\
         \x20   return select(select(min(x, y), y, is_nan(y)), x, is_nan(x));\n\
         }\n",
    ),
    (
        "max_of",
        &["is_nan"],
        "// NaN if either is.\n\
         fn max_of(x: f32, y: f32) -> f32 {\n\
         \x20   return select(select(max(x, y), y, is_nan(y)), x, is_nan(x));\n\
         }\n",
    ),
    (
        "exceeds",
        &["is_nan"],
        "// Whether x > y, where NaN is the largest number.\n\
         fn exceeds(x: f32, y: f32) -> bool {\n\
         \x20   return !is_nan(y) && (is_nan(x) || x > y);\n\
         }\n",
    ),
    (
        "is_nan",
        &["size_bits"],
        "fn is_nan(x: f32) -> bool {\n\
         \x20   return size_bits(x) > 0x7f800000u;\n\
         }\n",
    ),
    (
        "size_bits",
        &[],
        "// The bits of |x|: whole numbers in order of size, with ∞ (0x7f800000) and then NaN last.\n\
         fn size_bits(x: f32) -> u32 {\n\
         \x20   return bitcast<u32>(x) & 0x7fffffffu;\n\
         }\n",
    ),
];
