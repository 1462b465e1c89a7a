//! What the window shows, as a screen reader would be told.

use eframe::egui::accesskit::{Node, NodeId, Role};
use eframe::egui::{Context, FullOutput, Plugin, Ui};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take that takes a moment on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const BLINK: Duration = Duration::from_millis(30);

/// Looks at a window.
#[derive(Clone)]
pub struct Eyes {
    seen: Arc<Mutex<Vec<(NodeId, Node)>>>,
    ctx: Context,
}

/// Notes what each frame shows.
struct Note(Arc<Mutex<Vec<(NodeId, Node)>>>);

impl Plugin for Note {
    fn debug_name(&self) -> &'static str {
        "eyes"
    }

    fn on_begin_pass(&mut self, ui: &mut Ui) {
        // Again in each frame: the window turns it off where no screen reader is.
        ui.ctx().enable_accesskit();
        ui.ctx().request_repaint_after(BLINK);
    }

    fn output_hook(&mut self, _ctx: &Context, output: &mut FullOutput) {
        if let Some(update) = &output.platform_output.accesskit_update {
            self.0.lock().expect("nothing panics with it").clone_from(&update.nodes);
        }
    }
}

/// Where something is on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Place {
    /// A point in it, by its shares of width and height.
    pub fn at(self, x: f64, y: f64) -> [i16; 2] {
        let between = |from: f64, to: f64, share: f64| (from + (to - from) * share).round() as i16;
        [between(self.left, self.right, x), between(self.top, self.bottom, y)]
    }
}

impl Eyes {
    /// Begins to look at a window.
    pub fn open(ctx: &Context) -> Self {
        let seen = Arc::default();
        ctx.add_plugin(Note(Arc::clone(&seen)));
        Self { seen, ctx: ctx.clone() }
    }

    /// The window's context, to close it by.
    pub fn ctx(&self) -> &Context {
        &self.ctx
    }

    /// Waits for a widget that can be used, by its role and the beginning of its name, and says where it is. It must have
    /// stood still since the look before.
    pub fn find(&self, role: Role, name: &str) -> Place {
        let mut before = None;
        self.wait(&format!("{role:?} `{name}`"), || {
            let seen = self.seen.lock().expect("nothing panics with it");
            let is_it =
                |node: &Node| node.role() == role && !node.is_disabled() && text(node).starts_with(name);
            let now = seen.iter().find(|(_, node)| is_it(node)).and_then(|(_, node)| {
                let bounds = node.bounds()?;
                Some(Place { left: bounds.x0, right: bounds.x1, top: bounds.y0, bottom: bounds.y1 })
            });
            let before = std::mem::replace(&mut before, now);
            now.filter(|_| now == before)
        })
    }

    /// Waits until something shows a text.
    pub fn read(&self, part: &str) {
        self.wait(&format!("text `{part}`"), || self.shows(part).then_some(()));
    }

    /// Whether something shows a text.
    pub fn shows(&self, part: &str) -> bool {
        self.seen.lock().expect("nothing panics with it").iter().any(|(_, node)| text(node).contains(part))
    }

    /// Waits until `look` finds what it looks for.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "no {what}; what there is:\n{}", self.all());
            std::thread::sleep(BLINK);
        }
    }

    fn all(&self) -> String {
        let seen = self.seen.lock().expect("nothing panics with it");
        let named = seen.iter().filter(|(_, node)| !text(node).is_empty());
        named.map(|(_, node)| format!("{:?} `{}`\n", node.role(), text(node))).collect()
    }
}

/// The name of a node, else what it holds.
fn text(node: &Node) -> &str {
    node.label().or_else(|| node.value()).unwrap_or_default()
}
