//! The live view: the game as the agent sees it, and what its network makes of it.

mod history;
mod policy;
mod screen;
mod strip;

use eframe::egui::{self, RichText, Ui};
use kelvin_run::{AgentView, grouped};

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
    let (steps, uniform) = (grouped(agent.episode_agent_steps), f64::from(agent.kl_uniform));
    figures(
        ui,
        &[
            ("V", optional(agent.v.map(f64::from), 3), "State value at this frame"),
            ("entropy", optional(Some(f64::from(agent.entropy)), 3), "Of the policy it acts by, in nats"),
            (
                "KL to uniform",
                optional(Some(uniform), 3),
                "Divergence of that policy from the uniform one, in nats",
            ),
            ("τ", optional(agent.tau, 4), "Temperature: the script's parameter tau"),
            ("ε", optional(Some(agent.epsilon), 3), "Probability of a random action"),
            ("return so far", optional(Some(agent.episode_return), 1), "Raw reward of this episode so far"),
            ("steps", steps, "Agent steps of this episode so far"),
            ("last return", optional(last, 1), "Return of this environment's last episode"),
        ],
    );
}
