//! Scripts with something wrong: tokens lost, doubled and exchanged, and things that no objective should do.

use super::{Case, Random};
use rand::RngExt;

/// Breaks about half of the cases.
pub fn perhaps(random: &mut Random, case: &mut Case) {
    if random.random_bool(0.5) {
        return;
    }
    for _ in 0..random.random_range(1..=3) {
        let file = if case.files.len() > 1 && random.random_bool(0.2) { 1 } else { 0 };
        let text = std::mem::take(&mut case.files[file].1);
        case.files[file].1 = damaged(random, text);
    }
}

fn damaged(random: &mut Random, text: String) -> String {
    match random.random_range(0..10) {
        0..=3 => exchange(random, &text),
        4 | 5 => insert_statement(random, text),
        6 => replace(random, text),
        7 => lines(random, &text),
        8 => nest(random, text),
        _ => bytes(random, text),
    }
}

fn pick<'a>(random: &mut Random, words: &[&'a str]) -> &'a str {
    words[random.random_range(0..words.len())]
}

/// Cuts a text into words, numbers, texts and single characters; together they are the text again.
pub fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        ' ' | '\t' => 1,
        _ => 2,
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (index, c) in text.char_indices() {
        if last.is_some_and(|last| last != class(c) || last == 2) {
            tokens.push(&text[start..index]);
            start = index;
        }
        last = Some(class(c));
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

/// A token removed, doubled, exchanged with another, or replaced by one from elsewhere.
fn exchange(random: &mut Random, text: &str) -> String {
    let mut tokens = tokens(text);
    if tokens.is_empty() {
        return String::new();
    }
    let one = random.random_range(0..tokens.len());
    let other = random.random_range(0..tokens.len());
    match random.random_range(0..5) {
        0 => drop(tokens.remove(one)),
        1 => tokens.insert(one, tokens[one]),
        2 => tokens.swap(one, other),
        3 => tokens[one] = tokens[other],
        _ => tokens[one] = pick(random, WORDS),
    }
    tokens.concat()
}

/// Words, numbers and signs, those of other languages among them.
const WORDS: &[&str] = &[
    "net",
    "t",
    "p",
    "y",
    "steps",
    "next",
    "q",
    "v",
    "logits",
    "reward",
    "action",
    "terminated",
    "valid",
    "weight",
    "sum",
    "mean",
    "max",
    "min",
    "softmax",
    "log_softmax",
    "kl",
    "entropy",
    "argmax",
    "batch_mean",
    "len",
    "metric",
    "select",
    "stop_gradient",
    "huber",
    "clip",
    "lambda_return",
    "discounted_return",
    "if",
    "else",
    "for",
    "while",
    "loop",
    "let",
    "const",
    "fn",
    "return",
    "break",
    "true",
    "false",
    "in",
    "import",
    "as",
    "global",
    "this",
    "switch",
    "throw",
    "try",
    "catch",
    "param",
    "config",
    "loss",
    "target",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "<",
    "==",
    "=",
    "!",
    "&",
    "|",
    "&&",
    "||",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "#{",
    ",",
    ";",
    ":",
    ".",
    "..",
    "..=",
    "?.",
    "??",
    "=>",
    "|x|",
    "\"action\"",
    "\"step\"",
    "\"",
    "'",
    "`",
    "//",
    "/*",
    "*/",
    "#",
    "@",
    "$",
    "\\",
    "0",
    "1",
    "-1",
    "0.0",
    "1e400",
    "1e-400",
    "1e39",
    "9223372036854775807",
    "99999999999999999999",
    "0x7fffffffffffffff",
    "1_000",
    "0b1",
    "1e",
    "1.",
    "'a'",
    "\"\\u{1F600}\"",
    "é",
    "τ",
    "🙂",
    "\u{202e}",
    "\u{0}",
    "\t",
    "\r\n",
    "()",
    "nil",
];

/// Something that no objective should do, at the start of a function.
fn insert_statement(random: &mut Random, mut text: String) -> String {
    let functions: Vec<usize> =
        text.match_indices("fn ").filter_map(|(at, _)| Some(at + text[at..].find('{')?)).collect();
    let statement = pick(random, STATEMENTS);
    if !functions.is_empty() {
        let at = functions[random.random_range(0..functions.len())] + 1;
        text.insert_str(at, &format!("\n    {statement}\n   "));
    }
    text
}

const STATEMENTS: &[&str] = &[
    // Without an end, or nearly.
    "loop { }",
    "while true { let x = 1; }",
    "for i in 0..9223372036854775807 { }",
    "for i in 0..=9223372036854775807 { let x = exp(1.0); }",
    "let s = \"a\"; loop { s += s; }",
    "let l = [0]; loop { l.push(l); }",
    "let l = [0]; loop { l.push(0); }",
    "let m = #{}; let k = \"a\"; loop { k += \"a\"; m[k] = 1; }",
    "let x = [1]; for i in 0..30 { x = [x, x]; }",
    "let x = [1.0]; for i in 0..30 { x.push(sum(x)); x = x + x; }",
    "let f = |x| x; for i in 0..200 { f = |x| f.call(x) + 1; } let z = f.call(1);",
    "loss(net, y, t, p);",
    "let x = net.v; for i in 0..100000 { x = x * 1.5 + net.v; }",
    "let x = net.q; for i in 0..3000 { x = x * x + net.q; } metric(\"many\", sum(x));",
    "let x = net.v; for i in 0..60 { x = max(x, net.v) * 0.5 + min(x, t.weight) * 0.3; } metric(\"many\", x);",
    "let x = net.v; for i in 0..400 { x = select(x > i, x * 0.5, x + t.weight); } metric(\"many\", x);",
    "let x = net.v; for i in 0..40 { x = batch_mean(x * net.v); } metric(\"many\", x);",
    "let x = 0.0; for i in 0..40 { x += batch_mean(net.v * i); } metric(\"many\", x);",
    "for i in 0..40 { metric(\"m_\" + i, net.v); }",
    "let x = net.q; for i in 0..500 { x = net.q * x[argmax(x)]; } metric(\"many\", sum(x));",
    "let x = net.v; for i in 0..300 { x = (x + i) ** 63; } metric(\"many\", x);",
    // Numbers at the end of their ranges.
    "let x = 9223372036854775807 + 1;",
    "let x = -9223372036854775807 - 2;",
    "let x = -(-9223372036854775807 - 1);",
    "let x = abs(-9223372036854775807 - 1);",
    "let x = (-9223372036854775807 - 1) / -1;",
    "let x = (-9223372036854775807 - 1) % -1;",
    "let x = 2 ** 63;",
    "let x = 2 ** -1;",
    "let x = 2 ** 99999999999;",
    "let x = 5 % 0;",
    "let x = 5 / 0;",
    "let x = 5.0 / 0;",
    "let x = 0.0 / 0.0;",
    "let x = 1e308 * 10;",
    "let x = net.v * 1e39;",
    "let x = net.v * 1e-46; metric(\"tiny\", x);",
    "let x = net.v ** 1e10; metric(\"power\", x);",
    "let x = net.v ** -64 + net.v ** 64 + net.v ** 65; metric(\"power\", x);",
    "let x = 1 << 200;",
    "let x = 1 >> -1;",
    "let x = 2 ^ 3; metric(\"xor\", x);",
    "let x = log(0);",
    "let x = sqrt(-1);",
    "let x = exp(1000);",
    "let x = t.steps.reward[-1];",
    "let x = t.steps.reward[9223372036854775807];",
    "let x = net.q[-1];",
    "let x = net.q[18446744073709551616];",
    "let x = [1, 2][-1]; let y = [1, 2][-3];",
    // Values where they do not belong.
    "if net.v > 0 { }",
    "if net.v { }",
    "while net.v > 0 { }",
    "do { } until net.v > 0;",
    "for x in net.v { }",
    "for x in net.q { }",
    "for x in \"abc\" { }",
    "for x in #{ a: 1 } { }",
    "for (x, i) in t.steps.reward { let z = x[i]; }",
    "let x = net.v && true;",
    "let x = net + 1;",
    "let x = net == t;",
    "let x = net.v == net;",
    "let x = () + 1;",
    "let x = net.v + \"a\";",
    "let x = \"a\" + net.v;",
    "let x = [net.v, net.q];",
    "let x = [net.v, \"a\", []] + 1;",
    "let x = [[1, 2], [3, 4]] * 2;",
    "let x = [] + [];",
    "let x = sum([]);",
    "let x = max([], \"step\");",
    "let x = softmax([1, 2]);",
    "let x = softmax([net.q, net.q][0]);",
    "let x = net.q[net.v];",
    "let x = net.q[t.terminated];",
    "let x = net.steps.q[t.action];",
    "let x = net.q[0..1];",
    "let x = net.q[\"a\"];",
    "let x = net[0];",
    "let x = net[\"q\"];",
    "let x = t.steps.next.next;",
    "let x = net.steps.steps;",
    "let x = p.p;",
    "let x = p[\"live0\"];",
    "net.q = 1;",
    "net.q[0] = 1;",
    "t.reward += 1;",
    "p.live0 = 3;",
    "let net = 1; let t = 2; let p = 3;",
    "y = 2;",
    "const y = 2;",
    "let x = sum(net.q, \"steps\");",
    "let x = sum(net.q, 1);",
    "let x = sum(net.steps.q);",
    "let x = net.q + t.steps.reward;",
    "let x = kl(net.q);",
    "let x = entropy(softmax(net.q) * 1);",
    "let x = scale_gradient(net.v, net.q);",
    "let x = huber(net.v, -1);",
    "let x = clip(net.v, 1, 0);",
    "let x = select(1, 2, 3);",
    "let x = select(net.v, 2, 3);",
    "let x = lambda_return(net.v, 1, 2, 3, 4);",
    "let x = discounted_return([], 0.9);",
    "metric(\"A b\", net.v);",
    "metric(net.v, net.v);",
    "metric(\"x\", net.q);",
    "metric(\"loss\", net.v);",
    "metric(\"m\", 1); metric(\"m\", 2);",
    // The rest of Rhai.
    "print(1); debug(net);",
    "let x = type_of(net.v);",
    "let x = net.v.abs().max(1);",
    "let x = net.q.0;",
    "let x = net?.q;",
    "let x = net ?? 1;",
    "let x = 1 in [1, 2];",
    "let x = Fn(\"loss\"); let z = x.call(net, y, t, p);",
    "let x = Fn(\"abs\"); let z = x.call(net.v);",
    "let x = curry(Fn(\"max\"), net.v).call(1);",
    "let x = call(Fn(\"abs\"), net.v);",
    "let x = is_def_fn(\"loss\", 4);",
    "let x = is_shared(net); let z = is_def_var(\"x\");",
    "eval(\"1\");",
    "switch 1 { 1 => 2, _ => 3 };",
    "try { throw 1; } catch { }",
    "throw net.v;",
    "throw \"stop\";",
    "throw;",
    "return;",
    "return net;",
    "break;",
    "continue;",
    "import \"script\" as me;",
    "import \"../x\" as me;",
    "import net.v as me;",
    "export let x = 1;",
    "fn inner() { }",
    "let x = `a${net.v}b`;",
    "let x = `a\nb`;",
    "let x = 'a'; let z = x + 'b';",
    "let x = \"abc\"[0]; let z = \"abc\"[-1];",
    "let x = #{ a: net.v }; let z = x.a + x.b;",
    "let x = #{ a: net.v }; x.a += 1; metric(\"map\", x.a);",
    "let x; x + 1;",
    "let x = { let z = 1; z };",
    "let x = if true { 1 }; let z = x + 1;",
    "global::X;",
    "other::f(1);",
    "this.q;",
    "let x = this;",
    "param(1.0, 0.0, 2.0, \"a\");",
    "epsilon_greedy(1, 0);",
    "config();",
    "params();",
    "let x = net.v.call();",
    "let x = |a, b| a + b; let z = x.call(1);",
    "let x = (1, 2);",
    "let x = 0..10; let z = x + 1;",
    "let x = net.v | 1;",
    "let x = !net.v;",
    "let x = -net;",
    "let x = -\"a\";",
    "let x = +net.v;",
    "let x = net.v++;",
    "net.v;",
    "let x = net.v % 2;",
    "let x = -net.v ** 2;",
    "let x = t.valid; let z = t.reward;",
];

/// A word that stands somewhere, by another everywhere.
fn replace(random: &mut Random, text: String) -> String {
    let (from, to) = REPLACEMENTS[random.random_range(0..REPLACEMENTS.len())];
    match random.random_bool(0.5) {
        true => text.replace(from, to),
        false => text.replacen(from, to, 1),
    }
}

const REPLACEMENTS: &[(&str, &str)] = &[
    ("net.", "t."),
    ("t.", "net."),
    ("net.", "next."),
    (".steps", ""),
    (".next", ""),
    ("fn loss", "fn los"),
    ("fn loss(net, ", "fn loss("),
    ("fn target(", "fn target(a, b, c, "),
    ("fn config()", "fn config(x)"),
    ("n: ", "n: 0 * "),
    ("n: ", "n: -"),
    ("n: ", "n: 1000000"),
    ("n: ", "n: 0.5 + "),
    ("heads: [", "heads: [[], "),
    ("heads: [", "heads: [\"q\", "),
    ("\"q\"", "\"Q\""),
    ("#{", "{"),
    ("}", "} }"),
    (";", ""),
    (";", ";;"),
    ("(", "(("),
    (")", "))"),
    ("(", "["),
    (", ", " "),
    (", ", ", , "),
    ("let ", ""),
    ("let ", "const "),
    ("p.", "p."),
    ("p.live0", "live0"),
    ("param(", "param_int("),
    ("0.001, 10.0", "10.0, 0.001"),
    ("\"a number\"", "\"\""),
    ("\"a number\"", "1"),
    ("0.7", "1e300"),
    ("0.7", "0.0 / 0.0"),
    ("metric(", "metrics("),
    ("fn metrics", "fn metric"),
    ("fn behave(net, p)", "fn behave(net, t, p)"),
    ("fn reward(r", "fn reward(r, t"),
    ("softmax(", "log_softmax("),
    ("import \"", "import \"../"),
    ("import \"", "import \"/"),
    ("import \"", "import \"nowhere/"),
    ("part::", "prat::"),
    ("fn ", "private fn "),
    ("fn ", "f n "),
    ("\n", "\r\n"),
    ("    ", "\t"),
    ("e", "е"),
    (" ", "\u{a0}"),
    ("\n", ""),
    ("clip(step.", "clip(stats."),
    ("step.", "net."),
    ("0.001, 10.0)", "11.0, 12.0)"),
    ("learner:", "learner: 1, x:"),
];

/// A line removed, doubled, moved or cut; the text cut off.
fn lines(random: &mut Random, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return String::new();
    }
    let (one, other) = (random.random_range(0..lines.len()), random.random_range(0..lines.len()));
    match random.random_range(0..5) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one]),
        2 => lines.swap(one, other),
        3 => lines.truncate(one),
        _ => {
            let line = lines[one];
            let cut = line.char_indices().nth(line.chars().count() / 2).map_or(0, |(at, _)| at);
            lines[one] = &line[..cut];
        }
    }
    lines.join("\n")
}

/// Brackets, blocks, operators and calls inside one another.
fn nest(random: &mut Random, text: String) -> String {
    let depth = [10, 40, 70, 100, 130, 1000, 20_000][random.random_range(0..7)];
    let (open, close) = pick_pair(random);
    let Some(at) = text.find("net.") else { return text };
    let end = at + text[at..].find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(0);
    let (before, inner, after) = (&text[..at], &text[at..end], &text[end..]);
    format!("{before}{}{inner}{}{after}", open.repeat(depth), close.repeat(depth))
}

fn pick_pair(random: &mut Random) -> (&'static str, &'static str) {
    let pairs = [
        ("(", ")"),
        ("[", "][0]"),
        ("{ ", " }"),
        ("-", ""),
        ("!", ""),
        ("abs(", ")"),
        ("if true { ", " } else { 0 }"),
        ("(1 + ", ")"),
        ("1 + ", ""),
        ("", " + 1"),
        ("", ".abs()"),
        ("|x| ", ""),
        ("#{ a: ", " }.a"),
        ("max(0, ", ")"),
    ];
    pairs[random.random_range(0..pairs.len())]
}

/// What a text editor would not write.
fn bytes(random: &mut Random, mut text: String) -> String {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if places.is_empty() {
        return text;
    }
    let at = places[random.random_range(0..places.len())];
    match random.random_range(0..9) {
        0 => text.insert(at, char::from_u32(random.random_range(1..0xd800)).unwrap_or('x')),
        1 => text.insert_str(at, "\u{feff}"),
        2 => text.insert_str(at, &"x".repeat(100_000)),
        3 => text.insert_str(at, &format!("\"{}\"", "é".repeat(70_000))),
        4 => text.insert_str(at, &"1".repeat(5_000)),
        5 => text.insert_str(at, &"\n".repeat(70_000)),
        6 => text.insert_str(at, &format!("/*{}", "/*".repeat(3_000))),
        7 => text.push_str(&"// a comment\n".repeat(90_000)),
        _ => text.truncate(at),
    }
    text
}
