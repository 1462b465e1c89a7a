//! The live view: the game as the agent sees it, and what its network makes of it.

mod history;
mod policy;
mod screen;
mod strip;

use eframe::egui::{self, Ui};
use kelvin_run::AgentView;

use crate::data::{Focus, RunId};
use crate::figures::{figures, grouped, optional};
use crate::theme::space;
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
        let picture = focus.live.picture.as_deref();
        self.screens.update(ui.ctx(), agent.beat, picture);
        self.history.push(ui.input(|input| input.time), agent, picture);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            self.screens.show(ui);
            ui.add_space(space::M);
            numbers(ui, agent);
            ui.add_space(space::M);
            policy::show(ui, agent, &mut self.scale);
            ui.add_space(space::M);
            self.strip.show(ui, &self.history);
        });
    }
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
