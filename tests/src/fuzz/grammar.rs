//! Valid scripts, or nearly: every function, record, hook and kind of statement of the language, in shapes that
//! fit one another.

use super::{Case, Random};
use rand::RngExt;

/// The axes of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    step: bool,
    action: bool,
}

const SCALAR: Axes = Axes { step: false, action: false };
const STEPS: Axes = Axes { step: true, action: false };
const ACTIONS: Axes = Axes { step: false, action: true };
const BOTH: Axes = Axes { step: true, action: true };

/// A whole case.
pub fn case(random: &mut Random) -> Case {
    let mut writer = Writer::new(random);
    let script = writer.script();
    let imports = writer.imports.clone();
    // Large shapes of everything at once take seconds, and show nothing that two of three do not.
    let most = (4000 / (writer.window * writer.window.min(16))).clamp(1, 33);
    let batch = if random.random_bool(0.2) { 1 } else { random.random_range(1..=most) };
    let actions = if random.random_bool(0.2) { 2 } else { random.random_range(2..=18.min(2 + most)) };
    let files = std::iter::once(("script.rhai".to_owned(), script)).chain(imports).collect();
    Case { actions, batch, seed: random.random(), files }
}

/// Which function an expression stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Target,
    Loss,
    Metrics,
    Behave,
    Reward,
}

struct Writer<'a> {
    random: &'a mut Random,
    window: usize,
    heads: Vec<&'static str>,
    live: Vec<String>,
    whole: Vec<String>,
    flags: Vec<String>,
    /// Functions of the script or its imports, of one value with any axes, elementwise.
    helpers: Vec<String>,
    imports: Vec<(String, String)>,
    /// What expressions may name: variables in scope.
    scope: Vec<(String, Axes)>,
    place: Place,
    /// Whether `net` may be read.
    online: bool,
    /// Whether `p` may be.
    with_params: bool,
    names: usize,
    /// Expressions that the function may still have.
    budget: usize,
}

impl<'a> Writer<'a> {
    fn new(random: &'a mut Random) -> Self {
        let window = match random.random_range(0..10) {
            0..=3 => 1,
            4..=7 => random.random_range(2..=6),
            8 => random.random_range(7..=30),
            _ => random.random_range(31..=128),
        };
        let mut heads = vec!["q", "v", "logits"];
        for index in 0..3 {
            let other = random.random_range(0..3);
            heads.swap(index, other);
        }
        heads.truncate(random.random_range(1..=3));
        let named =
            |prefix: &str, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
        Self {
            window,
            heads,
            live: named("live", random.random_range(1..4)),
            whole: named("whole", random.random_range(0..3)),
            flags: named("flag", random.random_range(0..2)),
            helpers: Vec::new(),
            imports: Vec::new(),
            scope: Vec::new(),
            place: Place::Loss,
            online: true,
            with_params: true,
            names: 0,
            budget: 0,
            random,
        }
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    fn below(&mut self, n: usize) -> usize {
        self.random.random_range(0..n)
    }

    fn pick<'b>(&mut self, words: &[&'b str]) -> &'b str {
        words[self.below(words.len())]
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    // ---- the file ----

    fn script(&mut self) -> String {
        let mut parts = Vec::new();
        if self.chance(4) {
            let name = self.name("lib/part");
            let helper = self.name("f");
            let body = self.helper_body();
            self.imports.push((format!("{name}.rhai"), format!("fn {helper}(x) {{ {body} }}\n")));
            parts.push(format!("import \"{name}\" as part;"));
            self.helpers.push(format!("part::{helper}"));
        }
        for _ in 0..self.below(3) {
            let (helper, body) = (self.name("f"), self.helper_body());
            parts.push(format!("fn {helper}(x) {{ {body} }}"));
            self.helpers.push(helper);
        }
        parts.push(self.config());
        parts.push(self.params());
        if self.chance(5) {
            let argument = if self.chance(2) { "r" } else { "r, p" };
            self.with_params = argument != "r";
            let body = self.body(Place::Reward, SCALAR, &[("r", SCALAR)]);
            self.with_params = true;
            parts.push(format!("fn reward({argument}) {body}"));
        }
        let target = if self.chance(4) { None } else { Some(self.axes()) };
        if let Some(axes) = target {
            self.online = self.chance(2);
            let arguments = if self.online { "net, t, p" } else { "t, p" };
            parts.push(format!("fn target({arguments}) {}", self.body(Place::Target, axes, &[])));
            self.online = true;
        }
        let y: Vec<(&str, Axes)> = target.iter().map(|&axes| ("y", axes)).collect();
        let arguments = if target.is_some() { "net, y, t, p" } else { "net, t, p" };
        let axes = if self.chance(3) { STEPS } else { SCALAR };
        parts.push(format!("fn loss({arguments}) {}", self.body(Place::Loss, axes, &y)));
        if self.chance(3) {
            let with_target = target.is_some() && self.chance(2);
            let scope: &[(&str, Axes)] = if with_target { &y } else { &[] };
            let arguments = if with_target { "net, y, t, p" } else { "net, t, p" };
            parts.push(format!("fn metrics({arguments}) {}", self.body(Place::Metrics, SCALAR, scope)));
        }
        if self.chance(3) && self.heads.iter().any(|head| *head != "v") {
            parts.push(format!("fn behave(net, p) {}", self.body(Place::Behave, ACTIONS, &[])));
        }
        if self.chance(5) {
            parts.push(self.steering("schedule", "step", &["frames", "agent_steps", "updates", "progress"]));
        }
        if self.chance(5) {
            let fields = ["episodes", "mean_return", "std_return", "best_return", "frames", "progress"];
            parts.push(self.steering("on_eval", "stats", &fields));
        }
        parts.join("\n") + "\n"
    }

    fn config(&mut self) -> String {
        let heads: Vec<String> = self.heads.iter().map(|head| format!("{head:?}")).collect();
        let learner = self.pick(&["replay", "rollout"]);
        let more = self.pick(&["", ", exploration: epsilon_greedy(1.0, 0.01)", ", batch: 32, lr: 1e-4"]);
        format!(
            "fn config() {{ #{{ learner: {learner:?}, n: {}, heads: [{}]{more} }} }}",
            self.window,
            heads.join(", ")
        )
    }

    fn params(&mut self) -> String {
        let live = self.live.iter().map(|name| (name, "param(0.7, 0.001, 10.0, \"a number\")"));
        let whole = self.whole.iter().map(|name| (name, "param(2, 0, 5, \"a whole number\")"));
        let flags = self.flags.iter().map(|name| (name, "param(true, \"a switch\")"));
        let lines = live.chain(whole).chain(flags).map(|(name, spec)| format!("    {name}: {spec},\n"));
        format!("fn params() {{ #{{\n{}}} }}", lines.collect::<String>())
    }

    fn steering(&mut self, name: &str, argument: &str, fields: &[&str]) -> String {
        let (field, factor) = (self.pick(fields), self.literal());
        let live = self.live[0].clone();
        format!("fn {name}({argument}) {{ #{{ {live}: clip({argument}.{field} * {factor}, 0.001, 10.0) }} }}")
    }

    /// Those axes that there is something to read with.
    fn there(&self, axes: Axes) -> Axes {
        let outputs = self.place != Place::Reward && self.heads.iter().any(|head| *head != "v");
        Axes { step: axes.step && self.has_window(), action: axes.action && outputs }
    }

    /// Whether transitions can be seen here.
    fn has_window(&self) -> bool {
        !matches!(self.place, Place::Behave | Place::Reward)
    }

    /// Works on values of any axes.
    fn helper_body(&mut self) -> String {
        match self.below(4) {
            0 => "let y = x * 0.5; y + 1".into(),
            1 => "if 2 > 1 { return abs(x); } x".into(),
            2 => "tanh(x) * 2 - sign(x)".into(),
            _ => "let g = |a| a ** 2; g.call(x)".into(),
        }
    }

    fn axes(&mut self) -> Axes {
        let axes = match self.below(8) {
            0..=3 => SCALAR,
            4 | 5 => STEPS,
            6 => ACTIONS,
            _ => BOTH,
        };
        self.there(axes)
    }

    // ---- the body of a function ----

    fn body(&mut self, place: Place, axes: Axes, scope: &[(&str, Axes)]) -> String {
        self.place = place;
        self.budget = 60;
        let axes = self.there(axes);
        self.scope = scope.iter().map(|(name, axes)| ((*name).to_owned(), *axes)).collect();
        let mut lines = Vec::new();
        for _ in 0..self.below(5) {
            self.statement(&mut lines);
        }
        match place {
            Place::Target => lines.push(self.expression(axes, 4)),
            Place::Loss => {
                let loss = self.expression(axes, 5);
                // Something to learn: an output without anything that could stop its gradient.
                let output = self.online_output();
                lines.push(format!("{loss} + 0.5 * {output} ** 2"));
            }
            Place::Metrics => {
                for _ in 0..1 + self.below(3) {
                    let (name, value) = (self.name("m"), self.expression(SCALAR, 3));
                    lines.push(format!("metric({name:?}, {value});"));
                }
            }
            Place::Behave => {
                let logits = self.expression(ACTIONS, 2);
                lines.push(format!("softmax({logits})"));
            }
            Place::Reward => lines.push(format!("{} * r", self.expression(SCALAR, 2))),
        }
        format!("{{\n    {}\n}}", lines.join("\n    "))
    }

    fn statement(&mut self, lines: &mut Vec<String>) {
        let (name, axes) = (self.name("x"), self.axes());
        match self.below(8) {
            0 if matches!(self.place, Place::Target | Place::Loss) => {
                let (metric, value) = (self.name("m"), self.expression(SCALAR, 3));
                lines.push(format!("metric({metric:?}, {value});"));
                return;
            }
            1 => {
                let start = self.expression(axes, 2);
                let (op, more) = (self.pick(&["+=", "-=", "*="]), self.expression(axes, 2));
                let rounds = 1 + self.below(4);
                lines.push(format!("let {name} = {start};"));
                lines.push(format!("for i in 0..{rounds} {{ {name} {op} {more} * 0.5; }}"));
            }
            2 if self.has_window() => {
                // A list by hand, of one element per step.
                let element = self.expression(SCALAR, 2);
                lines.push(format!("let {name} = [];"));
                lines.push(format!("for i in 0..t.n {{ {name}.push({element} * (i + 1)); }}"));
                self.scope.push((name, STEPS));
                return;
            }
            3 => {
                let condition = self.plain_condition();
                let (yes, no) = (self.expression(axes, 2), self.expression(axes, 2));
                lines.push(format!("let {name} = if {condition} {{ {yes} }} else {{ {no} }};"));
            }
            _ => {
                let value = self.expression(axes, 3);
                lines.push(format!("let {name} = {value};"));
            }
        }
        self.scope.push((name, axes));
    }

    fn plain_condition(&mut self) -> String {
        if let (Some(flag), true) = (self.flags.first().cloned(), self.with_params && self.chance(2)) {
            return format!("p.{flag}");
        }
        if !self.has_window() {
            return "1 < 2".into();
        }
        self.pick(&["t.n > 2", "t.n == 1 || 2 < 1", "!(3 > 4) && true"]).into()
    }

    // ---- expressions ----

    /// An expression with exactly these axes, which have to be there.
    fn expression(&mut self, axes: Axes, depth: usize) -> String {
        if depth == 0 || self.budget == 0 {
            return self.leaf(axes);
        }
        self.budget -= 1;
        match self.below(16) {
            0 | 1 => self.leaf(axes),
            2..=5 => self.operator(axes, depth - 1),
            6 | 7 => self.function(axes, depth - 1),
            8 => self.choice(axes, depth - 1),
            9 | 10 => self.reduction(axes, depth - 1),
            11 => self.index(axes, depth - 1),
            12 if axes.action => {
                let x = self.expression(axes, depth - 1);
                format!("{}({x})", self.pick(&["softmax", "log_softmax"]))
            }
            13 => self.gradient(axes, depth - 1),
            14 => self.of_window(axes, depth - 1),
            _ => match self.helpers.len() {
                0 => self.operator(axes, depth - 1),
                count => {
                    let helper = self.helpers[self.random.random_range(0..count)].clone();
                    let x = self.expression(axes, depth - 1);
                    format!("{helper}({x})")
                }
            },
        }
    }

    /// Axes whose union with `axes` is `axes`, and that may stand beside them.
    fn narrower(&mut self, axes: Axes) -> Axes {
        match self.below(3) {
            0 => SCALAR,
            1 => Axes { step: axes.step && self.chance(2), action: axes.action && self.chance(2) },
            _ => axes,
        }
    }

    fn operator(&mut self, axes: Axes, depth: usize) -> String {
        let other = self.narrower(axes);
        let (mut a, mut b) = (self.expression(axes, depth), self.expression(other, depth));
        let form = self.below(8);
        // A power has the axes of its base.
        if form > 1 && self.chance(2) {
            (a, b) = (b, a);
        }
        match form {
            0 => {
                let n = self.pick(&["2", "3", "-1", "0", "1", "0.5", "5", "64", "65", "2.0"]);
                format!("({a}) ** {n}")
            }
            1 => format!("(abs({a}) + 0.1) ** {}", self.scalar_parameter()),
            2 => format!("({a}) / ({b})"),
            3 => format!("({a}) / (abs({b}) + 0.5)"),
            4 => format!("-({a} - {b})"),
            5 => format!("({a} - {b})"),
            6 => format!("({a} + {b})"),
            _ => format!("({a}) * ({b})"),
        }
    }

    fn function(&mut self, axes: Axes, depth: usize) -> String {
        let x = self.expression(axes, depth);
        match self.below(13) {
            0 => format!("exp(clip({x}, -4, 4))"),
            1 => format!("exp({x})"),
            2 => format!("log(abs({x}) + 0.1)"),
            3 => format!("log({x})"),
            4 => format!("sqrt(abs({x}) + 0.01)"),
            5 => format!("sqrt({x})"),
            6 => format!("abs({x})"),
            7 => format!("tanh({x})"),
            8 => format!("sigmoid({x})"),
            9 => format!("sign({x})"),
            10 => format!("clip({x}, -1, {})", self.pick(&["1.5", "0", "-0.5"])),
            11 => format!("huber({x}, {})", self.positive()),
            _ => {
                let other = self.narrower(axes);
                let y = self.expression(other, depth);
                format!("{}({x}, {y})", self.pick(&["min", "max"]))
            }
        }
    }

    fn choice(&mut self, axes: Axes, depth: usize) -> String {
        let condition_axes = self.narrower(axes);
        let condition = self.condition(condition_axes, depth);
        let (yes, no_axes) = (self.expression(axes, depth), self.narrower(axes));
        let no = self.expression(no_axes, depth);
        match self.chance(2) {
            true => format!("select({condition}, {yes}, {no})"),
            false => format!("select({condition}, {no}, {yes})"),
        }
    }

    fn condition(&mut self, axes: Axes, depth: usize) -> String {
        if axes == SCALAR && self.chance(4) && self.has_window() {
            return self.pick(&["t.terminated", "true", "!t.terminated", "(t.action == 1)"]).into();
        }
        if axes == STEPS && self.chance(3) && self.has_window() {
            return self.pick(&["t.steps.terminated", "t.steps.valid", "!t.steps.valid"]).into();
        }
        let other = self.narrower(axes);
        let (a, b) = (self.expression(axes, depth.min(2)), self.expression(other, depth.min(2)));
        let op = self.pick(&["<", "<=", ">", ">=", "==", "!="]);
        let plain = format!("({a} {op} {b})");
        if depth == 0 || self.chance(2) {
            return plain;
        }
        let second = self.condition(axes, depth - 1);
        match self.below(3) {
            0 => format!("({plain} & {second})"),
            1 => format!("({plain} | !{second})"),
            _ => format!("!({plain})"),
        }
    }

    fn reduction(&mut self, axes: Axes, depth: usize) -> String {
        let plain = self.pick(&["sum", "mean", "max", "min"]);
        let over_actions = self.there(Axes { action: true, ..axes });
        let over_steps = self.there(Axes { step: true, ..axes });
        let choose_steps = over_actions == axes || self.chance(2);
        match axes {
            BOTH => self.operator(axes, depth),
            _ if over_steps == axes && over_actions == axes => self.operator(axes, depth),
            _ if over_steps != axes && choose_steps => {
                let x = self.expression(over_steps, depth);
                let axis = if axes == SCALAR && self.chance(2) { "" } else { ", \"step\"" };
                format!("{plain}({x}{axis})")
            }
            _ if over_actions == axes => self.operator(axes, depth),
            _ => {
                let x = self.expression(over_actions, depth);
                match self.below(6) {
                    0 => format!("logsumexp({x})"),
                    1 => format!("{0} * logmeanexp({x} / {0})", self.positive()),
                    2 => format!("entropy({}({x}))", self.pick(&["softmax", "log_softmax"])),
                    3 => format!("kl(softmax({x}))"),
                    4 => {
                        let y = self.expression(over_actions, depth);
                        format!("kl(softmax({x}), softmax({y}))")
                    }
                    _ => format!("{plain}({x}, \"action\")"),
                }
            }
        }
    }

    fn index(&mut self, axes: Axes, depth: usize) -> String {
        if axes.action {
            if axes.step || !self.has_window() {
                return self.leaf(axes);
            }
            let (x, step) = (self.expression(BOTH, depth), self.step());
            return format!("({x})[{step}]");
        }
        if axes == SCALAR && self.has_window() && self.chance(3) {
            let (x, step) = (self.expression(STEPS, depth), self.step());
            // A list of plain numbers is a list of plain numbers, and takes the same index.
            return format!("({x})[{step}]");
        }
        let over_actions = self.there(Axes { action: true, ..axes });
        if over_actions == axes {
            return self.function(axes, depth);
        }
        let (x, y) = (self.expression(over_actions, depth), self.expression(over_actions, depth));
        let stored = self.has_window();
        match self.below(4) {
            0 if stored && axes.step => format!("({x})[t.steps.action]"),
            0 if stored => format!("({x})[t.action]"),
            1 if !axes.step => format!("({x})[{}]", self.below(2)),
            _ => format!("({x})[argmax({y})]"),
        }
    }

    fn gradient(&mut self, axes: Axes, depth: usize) -> String {
        let x = self.expression(axes, depth);
        match self.below(2) {
            0 => format!("stop_gradient({x})"),
            _ => format!("scale_gradient({x}, {})", self.scalar_parameter()),
        }
    }

    /// What belongs to windows and batches.
    fn of_window(&mut self, axes: Axes, depth: usize) -> String {
        if !self.has_window() || axes.action {
            return self.operator(axes, depth);
        }
        let steps = self.expression(STEPS, depth);
        match self.below(3) {
            0 => {
                let x = self.expression(axes, depth);
                format!("batch_mean({x})")
            }
            1 if axes == SCALAR => format!("discounted_return({steps}, {})", self.scalar_parameter()),
            _ => {
                let (values, lambda) = (self.expression(STEPS, depth), self.pick(&["0", "0.7", "1.0", "1"]));
                let gamma = self.scalar_parameter();
                let list = format!("lambda_return({steps}, t.steps.terminated, {values}, {gamma}, {lambda})");
                if axes.step { list } else { format!("{list}[{}]", self.step()) }
            }
        }
    }

    // ---- leaves ----

    fn leaf(&mut self, axes: Axes) -> String {
        let known: Vec<String> =
            self.scope.iter().filter(|(_, known)| *known == axes).map(|(name, _)| name.clone()).collect();
        if !known.is_empty() && self.chance(3) {
            return known[self.below(known.len())].clone();
        }
        let stored = self.has_window();
        match axes {
            SCALAR if self.chance(4) => self.literal(),
            SCALAR if self.chance(4) => self.scalar_parameter(),
            SCALAR if stored && self.chance(3) => self.stored_scalar(),
            SCALAR if self.place == Place::Reward => "r".into(),
            STEPS if stored && (self.chance(2) || !self.heads.contains(&"v")) => self
                .pick(&[
                    "t.steps.reward",
                    "t.steps.behaviour_logp",
                    "t.steps.valid",
                    "t.steps.terminated",
                    "t.steps.reward",
                ])
                .into(),
            _ => self.output(axes),
        }
    }

    fn literal(&mut self) -> String {
        self.pick(&["0.5", "2", "1", "0.0", "-1.5", "3.0", "0", "1e-3", "10", "100.0", "0.1", "-2"]).into()
    }

    fn positive(&mut self) -> String {
        if self.with_params && self.chance(2) {
            return format!("p.{}", self.live[0]);
        }
        self.pick(&["0.5", "1.0", "2", "0.01"]).into()
    }

    fn scalar_parameter(&mut self) -> String {
        let all: Vec<String> = self.live.iter().chain(&self.whole).cloned().collect();
        match self.with_params && self.chance(2) {
            true => format!("p.{}", all[self.below(all.len())]),
            false => self.pick(&["0.9", "0.5", "1.0", "2"]).into(),
        }
    }

    fn step(&mut self) -> String {
        self.below(self.window).to_string()
    }

    fn stored_scalar(&mut self) -> String {
        let step = self.step();
        match self.below(8) {
            0 => "t.weight".into(),
            1 => "t.behaviour_logp".into(),
            2 => "t.terminated".into(),
            3 => "t.n".into(),
            4 => format!("t.steps.valid[{step}]"),
            5 => format!("t.steps.behaviour_logp[{step}]"),
            6 if self.window == 1 => "t.reward".into(),
            _ => format!("t.steps.reward[{step}]"),
        }
    }

    /// An output of a network.
    fn output(&mut self, axes: Axes) -> String {
        let wide: Vec<&str> = self.heads.iter().copied().filter(|head| *head != "v").collect();
        let has_v = self.heads.contains(&"v");
        let record = match (self.place, axes.step) {
            (Place::Behave, _) => "net",
            (_, false) => {
                self.pick(if self.online { &["net", "t", "net.next", "t.next"] } else { &["t", "t.next"] })
            }
            (_, true) => self.pick(match self.online {
                true => &["net.steps", "t.steps", "net.steps.next", "t.steps.next"],
                false => &["t.steps", "t.steps.next"],
            }),
        };
        match (axes.action, has_v, wide.is_empty()) {
            (false, true, _) => format!("{record}.v"),
            (true, _, false) => format!("{record}.{}", self.pick(&wide)),
            (false, false, false) => format!("max({record}.{}, \"action\")", self.pick(&wide)),
            _ => format!("{record}.{}", self.heads[0]),
        }
    }

    fn online_output(&mut self) -> String {
        match self.heads.contains(&"v") {
            true => "net.v".into(),
            false => format!("net.{}[t.action]", self.heads[0]),
        }
    }
}
