//! Expressions of given axes.

use super::grammar::{Axes, BOTH, Place, SCALAR, STEPS, Writer};

impl Writer<'_> {
    /// An expression with exactly these axes, which have to be there.
    pub fn expression(&mut self, axes: Axes, depth: usize) -> String {
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
                    let index = self.below(count);
                    let helper = self.helpers[index].clone();
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

    pub fn literal(&mut self) -> String {
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

    pub fn online_output(&mut self) -> String {
        match self.heads.contains(&"v") {
            true => "net.v".into(),
            false => format!("net.{}[t.action]", self.heads[0]),
        }
    }
}
