//! What an expression of a script stands for while it is evaluated: numbers of all samples, of one action or of
//! each; and broadcasting over actions and steps.

use std::rc::Rc;

use rhai::Dynamic;

use super::calculus::Local;
use super::lists::{Summary, reduce};
use super::number::{Machine, Number};

/// Numbers of every sample of the batch.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// `[samples, width]`; one sample stands for all where they are the same.
    numbers: Rc<[Number]>,
    samples: usize,
    /// Whether there is one number per action.
    pub per_action: bool,
    /// Whether it was made of plain numbers alone.
    pub known: bool,
    /// Logits, if these are the probabilities of a policy or their logarithms.
    pub logits: Option<Rc<Value>>,
}

/// One value per step.
#[derive(Clone, Debug)]
pub(super) struct Steps(pub Rc<[Value]>);

impl IntoIterator for Steps {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(&*self.0).into_iter()
    }
}

impl Value {
    /// `[samples, width]` numbers.
    pub fn new(numbers: Vec<Number>, samples: usize, per_action: bool) -> Self {
        Self { numbers: numbers.into(), samples, per_action, known: false, logits: None }
    }

    /// A number of the script's text.
    pub fn known(value: f64) -> Self {
        Self { known: true, ..Self::uniform(value) }
    }

    /// A number that is the same for all samples.
    pub fn uniform(value: f64) -> Self {
        Self::new(vec![Number::constant(value)], 1, false)
    }

    /// Numbers of one sample: one, or one per action.
    pub fn row(&self, sample: usize) -> &[Number] {
        let width = self.numbers.len() / self.samples;
        let sample = if self.samples == 1 { 0 } else { sample };
        &self.numbers[sample * width..][..width]
    }

    fn at(&self, sample: usize, action: usize) -> &Number {
        let row = self.row(sample);
        &row[if self.per_action { action } else { 0 }]
    }

    /// The number itself, if the script knows it.
    pub fn as_known(&self) -> Option<f64> {
        self.known.then(|| self.numbers[0].value)
    }

    /// The same function of every row of numbers.
    pub fn map_rows(&self, mut f: impl FnMut(&[Number]) -> Vec<Number>) -> Self {
        let numbers = (0..self.samples).flat_map(|sample| f(self.row(sample))).collect();
        Self::new(numbers, self.samples, self.per_action)
    }

    /// Brings the actions down to one number.
    pub fn over_actions(&self, machine: &mut Machine, f: fn(&[f64]) -> Summary) -> Self {
        let numbers = (0..self.samples).map(|sample| reduce(machine, self.row(sample), f)).collect();
        Self::new(numbers, self.samples, false)
    }

    /// Brings the samples down to one number, which then belongs to all of them.
    pub fn over_samples(&self, machine: &mut Machine, f: fn(&[f64]) -> Summary) -> Self {
        let column = |action| -> Vec<Number> {
            (0..self.samples).map(|sample| self.at(sample, action).clone()).collect()
        };
        let numbers = (0..self.row(0).len()).map(|action| reduce(machine, &column(action), f)).collect();
        Self { known: self.known, ..Self::new(numbers, 1, self.per_action) }
    }

    /// The numbers of two values one after the other.
    pub fn beside(first: &Value, second: &Value) -> Self {
        let samples = first.samples.max(second.samples);
        let rows = (0..samples).flat_map(|sample| [first.row(sample), second.row(sample)].concat());
        Self::new(rows.collect(), samples, true)
    }

    /// The element of each sample's row that `index` names: rounded towards zero, and the last action at most.
    pub fn element(&self, index: &Value) -> Self {
        let samples = self.samples.max(index.samples);
        let numbers = (0..samples).map(|sample| {
            let row = self.row(sample);
            row[(index.row(sample)[0].value as usize).min(row.len() - 1)].clone()
        });
        Self::new(numbers.collect(), samples, false)
    }
}

/// Applies a rule to every number of the operands, repeated where they lack samples or actions.
pub(super) fn map<const N: usize>(
    machine: &mut Machine,
    operands: &[Value],
    rule: impl Fn([f64; N]) -> Local<N>,
) -> Value {
    let samples = operands.iter().map(|operand| operand.samples).max().unwrap_or(1);
    let per_action = operands.iter().any(|operand| operand.per_action);
    let width = operands.iter().map(|operand| operand.row(0).len()).max().unwrap_or(1);
    let mut numbers = Vec::with_capacity(samples * width);
    for sample in 0..samples {
        for action in 0..width {
            let at: [&Number; N] = std::array::from_fn(|operand| operands[operand].at(sample, action));
            let local = rule(at.map(|number| number.value));
            numbers.push(machine.number(local.value, local.rounding, at.into_iter().zip(local.slopes)));
        }
    }
    let known = operands.iter().all(|operand| operand.known);
    Value { known, ..Value::new(numbers, samples, per_action) }
}

/// Brings a list of values down to one, element by element.
pub(super) fn across(machine: &mut Machine, steps: &[Value], f: fn(&[f64]) -> Summary) -> Value {
    let samples = steps.iter().map(|step| step.samples).max().unwrap_or(1);
    let per_action = steps.iter().any(|step| step.per_action);
    let width = steps.iter().map(|step| step.row(0).len()).max().unwrap_or(1);
    let mut numbers = Vec::with_capacity(samples * width);
    for sample in 0..samples {
        for action in 0..width {
            let list: Vec<Number> = steps.iter().map(|step| step.at(sample, action).clone()).collect();
            numbers.push(reduce(machine, &list, f));
        }
    }
    let known = steps.iter().all(|step| step.known);
    Value { known, ..Value::new(numbers, samples, per_action) }
}

/// What a script hands to a function.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    One(Value),
    Steps(Rc<[Value]>),
    List(Vec<Item>),
    Other,
}

impl Item {
    pub fn read(value: Dynamic) -> Self {
        let value = value.flatten();
        if let Ok(int) = value.as_int() {
            Self::Int(int)
        } else if let Ok(float) = value.as_float() {
            Self::Float(float)
        } else if let Ok(truth) = value.as_bool() {
            Self::Bool(truth)
        } else if let Some(one) = value.read_lock::<Value>() {
            Self::One(one.clone())
        } else if let Some(steps) = value.read_lock::<Steps>() {
            Self::Steps(steps.0.clone())
        } else if let Some(list) = value.read_lock::<rhai::Array>() {
            Self::List(list.iter().cloned().map(Self::read).collect())
        } else if value.is_string() || value.is_char() {
            Self::Text(value.to_string())
        } else {
            Self::Other
        }
    }

    /// A number that the script knows while it runs.
    pub fn plain(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// Whether a number of the batch is part of it.
    pub fn is_traced(&self) -> bool {
        match self {
            Self::One(_) | Self::Steps(_) => true,
            Self::List(items) => items.iter().any(Self::is_traced),
            _ => false,
        }
    }

    /// What was computed from plain numbers alone, as plain numbers.
    pub fn settled(self) -> Self {
        let plain = |value: &Value| value.as_known().map(Self::Float);
        match &self {
            Self::One(value) => plain(value).unwrap_or(self),
            Self::Steps(steps) => steps.iter().map(plain).collect::<Option<_>>().map_or(self, Self::List),
            _ => self,
        }
    }

    /// One value, a truth counting as 0 or 1.
    pub fn one(&self) -> Result<Value, String> {
        match self {
            Self::One(value) => Ok(value.clone()),
            Self::Bool(truth) => Ok(Value::known(f64::from(u8::from(*truth)))),
            other => other.plain().map(Value::known).ok_or_else(|| format!("{self:.40?} is not a number")),
        }
    }

    /// One value per step, if this is a list.
    pub fn steps(&self) -> Result<Option<Rc<[Value]>>, String> {
        match self {
            Self::Steps(steps) => Ok(Some(steps.clone())),
            Self::List(items) => items.iter().map(Self::one).collect::<Result<_, _>>().map(Some),
            _ => Ok(None),
        }
    }

    pub fn into_dynamic(self) -> Dynamic {
        match self {
            Self::Int(int) => int.into(),
            Self::Float(float) => float.into(),
            Self::Bool(truth) => truth.into(),
            Self::Text(text) => text.into(),
            Self::One(value) => Dynamic::from(value),
            Self::Steps(steps) => Dynamic::from(Steps(steps)),
            Self::List(items) => items.into_iter().map(Self::into_dynamic).collect::<rhai::Array>().into(),
            Self::Other => Dynamic::UNIT,
        }
    }
}

/// Applies `f` step by step where an operand has steps, and once where none has.
pub(super) fn each(
    items: &[Item],
    mut f: impl FnMut(&[Value]) -> Result<Value, String>,
) -> Result<Item, String> {
    let lists = items.iter().map(Item::steps).collect::<Result<Vec<_>, _>>()?;
    let Some(length) = lists.iter().flatten().map(|list| list.len()).next() else {
        let values = items.iter().map(Item::one).collect::<Result<Vec<_>, _>>()?;
        return f(&values).map(Item::One);
    };
    if lists.iter().flatten().any(|list| list.len() != length) {
        return Err("lists of different lengths".into());
    }
    let steps = (0..length).map(|step| {
        let values = items.iter().zip(&lists).map(|(item, list)| match list {
            Some(list) => Ok(list[step].clone()),
            None => item.one(),
        });
        f(&values.collect::<Result<Vec<_>, _>>()?)
    });
    steps.collect::<Result<Rc<[Value]>, _>>().map(Item::Steps)
}
