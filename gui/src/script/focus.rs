//! The panel, told by what the readers know of the run in focus.

use std::path::Path;
use std::sync::Arc;

use eframe::egui::Ui;

use super::{ScriptAction, ScriptContext, ScriptPanel, Shape};
use crate::data::{Focus, RunInfo};

/// The script of the run in focus.
#[derive(Default)]
pub struct FocusedScript {
    panel: ScriptPanel,
    /// What a script is compiled for, and what that was read from.
    shape: Option<(Sources, Result<Shape, String>)>,
}

/// Configuration, control file and number of actions.
type Sources = (Arc<toml::Table>, Arc<str>, Option<usize>);

impl FocusedScript {
    /// The panel itself.
    pub fn panel(&mut self) -> &mut ScriptPanel {
        &mut self.panel
    }

    /// Draws the script of a run, one of `runs`, and says what was done.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        run: &RunInfo,
        focus: &Focus,
        runs: &[Arc<RunInfo>],
    ) -> Vec<ScriptAction> {
        let shape = shape(&mut self.shape, focus);
        let script = focus.config.get("script").and_then(toml::Value::as_str);
        let name = format!("{} · {} · seed {}", run.label, run.env, run.seed);
        let context = ScriptContext {
            run_name: &name,
            run_dir: &run.path,
            script: script.map(Path::new),
            lives: run.state.lives(),
            shared_by: shared_by(run, runs),
            versions: &focus.versions,
            shape,
            events: &focus.events,
        };
        self.panel.show(ui, &context)
    }
}

/// How many other runs would take up an edit of this run's script. A path that is the same is the same file, where the
/// runs are of one machine or of one shared disk.
fn shared_by(run: &RunInfo, runs: &[Arc<RunInfo>]) -> usize {
    let takes_it_up = |other: &&Arc<RunInfo>| {
        other.id != run.id && other.state.lives() && !other.script.is_empty() && other.script == run.script
    };
    runs.iter().filter(takes_it_up).count()
}

/// What the script of this run is compiled for, read anew only if something has changed.
fn shape<'a>(
    known: &'a mut Option<(Sources, Result<Shape, String>)>,
    focus: &Focus,
) -> Result<&'a Shape, &'a str> {
    let actions = focus.live.agent.as_ref().map(|agent| agent.actions.len()).filter(|actions| *actions > 0);
    let is_known = known.as_ref().is_some_and(|((config, control, known), _)| {
        Arc::ptr_eq(config, &focus.config) && *control == focus.control && *known == actions
    });
    if !is_known {
        let shape = Shape::read(&focus.config, &focus.control, actions);
        *known = Some(((focus.config.clone(), focus.control.clone(), actions), shape));
    }
    match known {
        Some((_, Ok(shape))) => Ok(shape),
        Some((_, Err(why))) => Err(why),
        None => Err("the run is being read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Live, Progress, RunId, RunState};
    use kelvin_run::AgentView;

    fn focus(actions: usize) -> Focus {
        let agent = AgentView { actions: vec!["NOOP".to_owned(); actions], ..AgentView::default() };
        Focus {
            id: RunId(1),
            config: Arc::new("batch = 32\nn = 1\nheads = [\"q\"]".parse().expect("a table")),
            events: Vec::new().into(),
            versions: Vec::new().into(),
            params: Vec::new().into(),
            last_record: None,
            checkpoints: Vec::new().into(),
            live: Live { agent: (actions > 0).then(|| agent.into()), ..Live::default() },
            control: "".into(),
            problems: Vec::new().into(),
        }
    }

    #[test]
    fn runs_that_live_and_have_the_same_script_are_counted() {
        let run = |id: u32, script: &str, state: RunState| {
            Arc::new(RunInfo {
                id: RunId(id),
                path: Path::new("/runs/a").into(),
                experiment: "".into(),
                label: "soft_kl".into(),
                script: script.into(),
                env: "pong".into(),
                seed: 0,
                state,
                progress: Progress::default(),
                silent: None,
                warning: None,
            })
        };
        let runs = [
            run(0, "/s/soft_kl.rhai", RunState::Running),
            run(1, "/s/soft_kl.rhai", RunState::Paused),
            run(2, "/s/soft_kl.rhai", RunState::Done),
            run(3, "/other/soft_kl.rhai", RunState::Running),
            run(4, "", RunState::Running),
            run(5, "", RunState::Running),
        ];
        let counts: Vec<usize> = runs.iter().map(|run| shared_by(run, &runs)).collect();
        assert_eq!(counts, [1, 1, 2, 0, 0, 0]);
    }

    #[test]
    fn the_shape_follows_what_the_run_shows() {
        let mut known = None;
        let mut run = focus(0);
        let read = shape(&mut known, &run).expect("a shape");
        assert_eq!((read.layout.actions, read.is_guess), (6, true));
        run.live = focus(4).live;
        let read = shape(&mut known, &run).expect("a shape");
        assert_eq!((read.layout.actions, read.is_guess), (4, false));
        run.config = Arc::new(toml::Table::new());
        assert!(shape(&mut known, &run).expect_err("no sizes").contains("heads"));
    }
}
