//! What one evaluation knows of its batch, and what it writes down on the way.

use std::collections::BTreeMap;

use crate::inputs::Inputs;
use crate::layout::Layout;
use crate::ops::{Head, Span};
use crate::params::{Param, ParamKind};

use super::number::{Machine, Number, signed, splitmix};
use super::records::Network;
use super::value::{Item, Value};
use super::{Operation, Shake};

/// What a function of the language returns; the error says what is wrong.
pub(super) type Outcome = Result<Item, String>;

/// The state that all functions of one evaluation share.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub layout: Layout,
    pub machine: Machine,
    /// `[5 n + 1, batch]`
    samples: Vec<f64>,
    /// `[n + 1, batch, outputs]`
    online: Vec<f64>,
    /// `[n + 1, batch, outputs]`
    target: Vec<f64>,
    params: BTreeMap<String, Item>,
    /// What the script's `reward` made of the stored rewards.
    pub rewards: Vec<Value>,
    pub metrics: Vec<(String, Vec<f64>)>,
    pub trail: Vec<Operation>,
    /// `[n + 1, batch, outputs]`
    pub direction: Vec<f64>,
}

impl Evaluation {
    /// `values` of parameters go before their defaults.
    pub fn new(
        layout: &Layout,
        params: &[Param],
        values: &BTreeMap<String, f64>,
        inputs: &Inputs<f64>,
        shake: Option<Shake>,
    ) -> Self {
        let param = |param: &Param| {
            let now = values.get(&param.name).copied().unwrap_or(param.default);
            let item = match param.kind {
                ParamKind::Live { .. } => Item::One(Value::uniform(now)),
                ParamKind::StaticInt => Item::Int(now as i64),
                ParamKind::StaticBool => Item::Bool(now != 0.0),
            };
            (param.name.clone(), item)
        };
        let mut state = 0;
        let outputs = (layout.window + 1) * layout.batch * layout.outputs();
        Self {
            layout: layout.clone(),
            machine: Machine::new(shake),
            samples: inputs.samples.clone(),
            online: inputs.online.clone(),
            target: inputs.target.clone(),
            params: params.iter().map(param).collect(),
            rewards: Vec::new(),
            metrics: Vec::new(),
            trail: Vec::new(),
            direction: (0..outputs).map(|_| signed(splitmix(&mut state))).collect(),
        }
    }

    /// Outputs of a head at a state.
    pub fn output(&self, network: Network, state: usize, head: &str) -> Result<Value, String> {
        let mut column = 0;
        let width = |head: Head| if head == Head::V { 1 } else { self.layout.actions };
        let found = self.layout.heads.iter().find(|known| {
            let found = known.name() == head;
            column += if found { 0 } else { width(**known) };
            found
        });
        let head = *found.ok_or_else(|| format!("there is no `{head}`"))?;
        let all = if network == Network::Online { &self.online } else { &self.target };
        let row = self.layout.heads.iter().map(|&head| width(head)).sum::<usize>();
        let mut numbers = Vec::with_capacity(self.layout.batch * width(head));
        for sample in 0..self.layout.batch {
            let start = (state * self.layout.batch + sample) * row + column;
            for index in start..start + width(head) {
                let value = *all.get(index).ok_or("the batch lacks outputs that the script reads")?;
                numbers.push(match network {
                    Network::Online => Number::output(value, index),
                    Network::Target => Number::constant(value),
                });
            }
        }
        Ok(Value::new(numbers, self.layout.batch, head != Head::V))
    }

    /// A stored number: the rows of a batch go by name, then by step.
    pub fn stored(&self, name: &str, step: usize) -> Result<Value, String> {
        if let ("reward", Some(reward)) = (name, self.rewards.get(step)) {
            return Ok(reward.clone());
        }
        let order = ["reward", "terminated", "action", "behaviour_logp", "valid", "weight"];
        let place = order.iter().position(|known| *known == name).unwrap_or(order.len());
        let start = (place * self.layout.window + step) * self.layout.batch;
        let row = self.samples.get(start..start + self.layout.batch);
        let row = row.ok_or("the batch lacks numbers that the script reads")?;
        let numbers = row.iter().map(|&value| Number::constant(value)).collect();
        Ok(Value::new(numbers, self.layout.batch, false))
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Outcome {
        self.params.get(name).cloned().ok_or_else(|| format!("there is no parameter `{name}`"))
    }

    /// Takes a number per sample down.
    pub fn metric(&mut self, name: &Item, value: &Item) -> Outcome {
        let Item::Text(name) = name else { return Err("a metric's name is a text".into()) };
        let values = self.per_sample(&value.one()?).iter().map(|number| number.value).collect();
        self.metrics.push((name.clone(), values));
        Ok(Item::Other)
    }

    /// A number of every sample.
    pub fn per_sample(&self, value: &Value) -> Vec<Number> {
        (0..self.layout.batch).map(|sample| value.row(sample)[0].clone()).collect()
    }

    /// Writes an operation down that the script asked for at this place.
    pub fn record(&mut self, span: Span, name: &str, result: &Item) {
        let (steps, list): (Option<usize>, &[Value]) = match result {
            Item::One(value) => (None, std::slice::from_ref(value)),
            Item::Steps(list) => (Some(list.len()), list),
            _ => return,
        };
        let per_action = list.iter().any(|value| value.per_action);
        let actions = per_action.then_some(self.layout.actions);
        let mut operation =
            Operation { span, name: name.to_owned(), steps, actions, values: Vec::new(), slopes: Vec::new() };
        for value in list {
            for sample in 0..self.layout.batch {
                let row = value.row(sample);
                for action in 0..actions.unwrap_or(1) {
                    let number = &row[action.min(row.len() - 1)];
                    let slopes = number.slopes().iter();
                    operation.values.push(number.value);
                    operation.slopes.push(slopes.map(|&(i, slope)| slope * self.direction[i as usize]).sum());
                }
            }
        }
        self.machine.note(operation.values.len());
        self.trail.push(operation);
    }

    /// Refuses to go on for ever.
    pub fn check(&self) -> Result<(), String> {
        if self.machine.is_exhausted() {
            return Err("evaluating this script number by number takes too many of them".into());
        }
        Ok(())
    }
}
