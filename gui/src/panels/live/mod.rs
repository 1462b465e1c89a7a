//! The live view: the game as the agent sees it, and what its network makes of it.

mod history;
mod policy;
mod screen;
mod strip;

use eframe::egui::{self, RichText, Ui};
use kelvin_run::{AgentView, Compared, grouped};

use crate::data::{Focus, RunId};
use crate::figures::{figures, optional};
use crate::theme::{Palette, size, space};
use crate::widgets::empty;
use history::History;
use screen::Screens;

/// What the live view keeps from frame to frame.
#[derive(Default)]
pub struct LivePanel {
    run: Option<RunId>,
    screens: Screens,
    history: History,
    strip: strip::Strip,
    scale: policy::Scale,
}

impl LivePanel {
    /// Shows the run in focus.
    pub fn show(&mut self, ui: &mut Ui, focus: &Focus) {
        if self.run != Some(focus.id) {
            *self = Self { run: Some(focus.id), ..Self::default() };
        }
        let Some(agent) = &focus.live.agent else {
            let hint = "A run shows its game here while it trains. Runs of older versions, and those started with \
                        --set live=false, do not.";
            empty(ui, "Nothing live from this run yet", hint);
            return;
        };
        self.screens.update(ui.ctx(), focus.live.picture.as_ref());
        self.history.push(ui.input(|input| input.time), agent, focus.live.picture.as_deref());
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            self.screens.show(ui);
            ui.add_space(space::M);
            numbers(ui, agent);
            returns(ui, agent);
            ui.add_space(space::M);
            policy::show(ui, agent, &mut self.scale);
            ui.add_space(space::M);
            self.strip.show(ui, &self.history);
        });
    }
}

/// Returns of this environment's last episodes.
fn returns(ui: &mut Ui, agent: &AgentView) {
    if agent.last_returns.is_empty() {
        return;
    }
    let last = agent.last_returns.iter().rev().map(|value| optional(Some(*value), 1));
    let text = format!("last returns, newest first: {}", last.collect::<Vec<_>>().join("  "));
    let text = RichText::new(text.replace('-', "−")).size(size::SMALL).color(Palette::of(ui).weak);
    ui.add(egui::Label::new(text).truncate());
}

/// V, entropy and whatever else is one number.
fn numbers(ui: &mut Ui, agent: &AgentView) {
    let last = agent.last_returns.last().copied();
    let steps = grouped(agent.episode_agent_steps);
    let (kl, kl_value, kl_hint) = divergence(agent);
    figures(
        ui,
        &[
            ("V", optional(agent.v.map(f64::from), 3), "State value at this frame"),
            ("entropy", optional(Some(f64::from(agent.entropy)), 3), "Of the policy it acts by, in nats"),
            (kl, kl_value, &kl_hint),
            ("τ", optional(agent.tau, 4), "Temperature: the script's parameter tau"),
            ("ε", optional(Some(agent.epsilon), 3), "Probability of a random action"),
            ("return so far", optional(Some(agent.episode_return), 1), "Raw reward of this episode so far"),
            ("steps", steps, "Agent steps of this episode so far"),
            ("last return", optional(last, 1), "Return of this environment's last episode"),
        ],
    );
}

/// How far the policy is from the one it is held near: another run's, where the run has a reference, else the uniform one.
fn divergence(agent: &AgentView) -> (&'static str, String, String) {
    let Some(reference) = &agent.reference else {
        let hint = "Divergence of that policy from the uniform one, in nats";
        return ("KL to uniform", optional(Some(f64::from(agent.kl_uniform)), 3), hint.to_owned());
    };
    let policies = match reference.of {
        Some(Compared::Acting) => {
            "the policies that the run acts by and would act by with the reference's network"
        }
        Some(Compared::Logits) => "softmax(logits) of the run's network and of the reference's",
        Some(Compared::Boltzmann) => "softmax(q / τ) of the run's network and of the reference's",
        None => {
            "nothing here: values are followed greedily, and there is no temperature to make a policy of them"
        }
    };
    let hint = format!(
        "Σ π log(π / π_ref) at this frame, in nats; a dash where that is infinite or nothing.\n\
         π and π_ref: {policies}.\nThe reference is {}",
        reference.run
    );
    let value = Some(f64::from(reference.kl)).filter(|kl| kl.is_finite());
    ("KL to reference", optional(value, 3), hint)
}
