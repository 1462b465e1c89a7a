//! Valid scripts, or nearly: every function, record, hook and kind of statement of the language, in shapes that
//! fit one another.

use super::Case;
use crate::fuzz::Random;
use rand::RngExt;

/// The axes of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axes {
    pub step: bool,
    pub action: bool,
}

pub(super) const SCALAR: Axes = Axes { step: false, action: false };
pub(super) const STEPS: Axes = Axes { step: true, action: false };
pub(super) const ACTIONS: Axes = Axes { step: false, action: true };
pub(super) const BOTH: Axes = Axes { step: true, action: true };

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
pub(super) enum Place {
    Target,
    Loss,
    Metrics,
    Behave,
    Reward,
}

pub(super) struct Writer<'a> {
    random: &'a mut Random,
    pub window: usize,
    pub heads: Vec<&'static str>,
    pub live: Vec<String>,
    pub whole: Vec<String>,
    pub flags: Vec<String>,
    /// Functions of the script or its imports, of one value with any axes, elementwise.
    pub helpers: Vec<String>,
    imports: Vec<(String, String)>,
    /// What expressions may name: variables in scope.
    pub scope: Vec<(String, Axes)>,
    pub place: Place,
    /// Whether `net` may be read.
    pub online: bool,
    /// Whether `p` may be.
    pub with_params: bool,
    names: usize,
    /// Expressions that the function may still have.
    pub budget: usize,
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

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.random.random_range(0..n)
    }

    pub fn pick<'b>(&mut self, words: &[&'b str]) -> &'b str {
        words[self.below(words.len())]
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

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
    pub fn there(&self, axes: Axes) -> Axes {
        let outputs = self.place != Place::Reward && self.heads.iter().any(|head| *head != "v");
        Axes { step: axes.step && self.has_window(), action: axes.action && outputs }
    }

    /// Whether transitions can be seen here.
    pub fn has_window(&self) -> bool {
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
}
