//! The panel: which script is looked at, in which way, and what its keys do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{Context, Frame, Key, KeyboardShortcut, Margin, Modifiers, Panel, Rect, Ui};
use kelvin_run::ObjectiveVersion;

use super::code::{Buffer, Look, Mark, Shown};
use super::compare::{Compare, Side};
use super::files::WriteError;
use super::graph::GraphView;
use super::places::Place;
use super::session::{Holding, Objection, Recorded, Session};
use super::shape::Shape;
use super::tokens::Language;
use super::worker::{News, Wish, Worker};
use super::{ScriptAction, ScriptContext, head, status};
use crate::theme::{Palette, space};
use crate::widgets::empty;

/// The keys of the panel, for the sheet that lists all keys: they work where the script is typed into or pointed at.
pub const KEYS: &[(&str, &str)] = &[
    ("Ctrl S, Ctrl Enter", "Apply: write the script; the run takes it up"),
    ("Ctrl F", "Find in the script"),
    ("F3, Shift F3", "Next match, previous match"),
    ("Ctrl G", "Go to a line"),
    ("Tab, Shift Tab", "Indent, outdent"),
    ("Ctrl /", "Make comments of lines, or code of them again"),
    ("Ctrl Z, Ctrl Shift Z", "Undo, redo"),
    ("Alt 1 to Alt 4", "Script, differences, kernel, graph"),
];

/// The key of the file among what can be compared with.
const DISK: &str = "disk";

/// What is shown of the script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Its text.
    #[default]
    Text,
    /// How its text differs from another version.
    Diff,
    /// The kernel that it becomes.
    Wgsl,
    /// The graph that it records.
    Graph,
}

/// The script of the run in focus.
#[derive(Default)]
pub struct ScriptPanel {
    worker: Option<Result<Worker, String>>,
    tab: Tab,
    /// What the session is told from others by: the script's file, else the run's folder.
    key: PathBuf,
    session: Option<Session>,
    /// Scripts with edits that were not applied, while others are looked at.
    aside: BTreeMap<PathBuf, Session>,
    /// What the worker was last told about the run.
    told: Option<(Option<Shape>, Option<PathBuf>)>,
    /// Grows with every edit of any script.
    edits: u64,
    /// The version that is read where there is nothing to edit, by its place in the list; the newest for none.
    version: Option<usize>,
    compare: Compare,
    graph: GraphView,
    /// Where the cursor is.
    cursor: Option<Place>,
    actions: Vec<ScriptAction>,
    /// What the worker has found out and nobody has looked at yet.
    news: Vec<News>,
}

/// A script with edits that were not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaved<'a> {
    /// Its file.
    pub path: &'a Path,
    /// What stands against writing it.
    pub objection: Option<Objection>,
}

impl ScriptPanel {
    /// A panel that looks at nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a part of it from the next frame on.
    pub fn open(&mut self, tab: Tab) {
        self.tab = tab;
    }

    /// What is shown.
    pub fn tab(&self) -> Tab {
        self.tab
    }

    /// Scripts with edits that were not applied: what would be lost if the window closed.
    pub fn unsaved(&self) -> Vec<Unsaved<'_>> {
        let sessions = self.session.iter().chain(self.aside.values());
        let needed = sessions.filter(|session| session.is_needed());
        needed
            .filter_map(|session| {
                Some(Unsaved { path: session.script.as_deref()?, objection: session.objection() })
            })
            .collect()
    }

    /// Whether there are any.
    pub fn has_unsaved(&self) -> bool {
        self.session.iter().chain(self.aside.values()).any(Session::is_needed)
    }

    /// Writes all scripts with edits, of other runs too, unless somebody has to decide first; [`Self::saved`] tells what
    /// came of it.
    pub fn apply_all(&mut self) {
        let Some(Ok(worker)) = &self.worker else { return };
        for session in self.session.iter_mut().chain(self.aside.values_mut()) {
            session.save(worker);
        }
    }

    /// Takes in what came of writing, while the panel itself may be out of sight; whether nothing is being written any more.
    pub fn saved(&mut self) -> bool {
        self.receive();
        let mut others = Vec::new();
        for news in std::mem::take(&mut self.news) {
            match news {
                News::Saved { path, text, result } => self.take_saved(&path, &text, result),
                news => others.push(news),
            }
        }
        self.news = others;
        !self.session.iter().chain(self.aside.values()).any(|session| session.is_saving)
    }

    /// Whether nothing is on its way: what is seen is what there is.
    pub fn is_settled(&self) -> bool {
        let Some(session) = &self.session else { return true };
        let reads = session.recorded.values().any(|recorded| matches!(recorded, Recorded::Waiting));
        !reads && session.is_checked() && !session.is_saving && !matches!(session.holding, Holding::Waiting)
    }

    /// Draws the panel for the run in focus, and says what it did.
    pub fn show(&mut self, ui: &mut Ui, context: &ScriptContext<'_>) -> Vec<ScriptAction> {
        self.turn_to(ui.ctx(), context);
        self.take_news(ui, context);
        self.tell_run(context);
        let room = ui.available_rect_before_wrap();
        if self.has_keys(ui, room) {
            self.keys(ui, context);
        }
        if let Some(Err(why)) = &self.worker {
            empty(ui, "The script cannot be shown", why);
            return std::mem::take(&mut self.actions);
        }
        if matches!(&self.session, Some(Session { holding: Holding::Waiting, .. })) {
            empty(ui, "Reading the script …", context.run_name);
        } else {
            self.parts(ui, context);
        }
        std::mem::take(&mut self.actions)
    }

    /// Looks at the script of this run, and keeps the one before aside if it has edits.
    fn turn_to(&mut self, ctx: &Context, context: &ScriptContext<'_>) {
        let worker = self.worker.get_or_insert_with(|| {
            let ctx = ctx.clone();
            Worker::start(move || ctx.request_repaint())
        });
        let Ok(worker) = worker else { return };
        let key = context.script.unwrap_or(context.run_dir);
        if self.session.is_some() && self.key == key {
            return;
        }
        if let Some(session) = self.session.take()
            && session.is_needed()
        {
            self.aside.insert(self.key.clone(), session);
        }
        self.key = key.to_path_buf();
        let script: Option<Arc<Path>> = context.script.map(Into::into);
        let mut session = self.aside.remove(key).unwrap_or_else(|| Session::new(key, script.clone()));
        // The worker forgets what it had to check.
        session.edit = 0;
        worker.wish(Wish::Open { path: script });
        self.session = Some(session);
        (self.told, self.version, self.cursor) = (None, None, None);
        self.compare = Compare::default();
        self.graph = GraphView::default();
        self.check(context);
    }

    /// Says to the worker what the text is compiled for, if that is new.
    fn tell_run(&mut self, context: &ScriptContext<'_>) {
        let running = context.versions.last().map(|version| context.run_dir.join(&version.script));
        let now = (context.shape.ok().cloned(), running);
        if self.told.as_ref() == Some(&now) {
            return;
        }
        if let (Some(Ok(worker)), Some(shape)) = (&self.worker, &now.0) {
            worker.wish(Wish::Run { shape: Arc::new(shape.clone()), running: now.1.clone().map(Into::into) });
        }
        self.told = Some(now);
        // The newest version is another one now.
        if matches!(&self.session, Some(Session { holding: Holding::Reading { .. }, .. })) {
            self.check(context);
        }
    }

    fn take_news(&mut self, ui: &Ui, context: &ScriptContext<'_>) {
        self.receive();
        for news in std::mem::take(&mut self.news) {
            match news {
                News::Found { path, file } => {
                    if let Some(session) = self.session_of(&path)
                        && session.found(file)
                    {
                        self.check(context);
                    }
                }
                News::Checked { edit, verdict, .. } => {
                    if let Some(session) = self.session.as_mut().filter(|session| session.edit == edit) {
                        session.checked(*verdict);
                    }
                }
                News::Saved { path, text, result } => self.take_saved(&path, &text, result),
                News::Read { path, text } => self.read(ui, context, path, text),
            }
        }
    }

    fn receive(&mut self) {
        if let Some(Ok(worker)) = &self.worker {
            self.news.extend(worker.news());
        }
    }

    fn take_saved(&mut self, path: &Path, text: &str, result: Result<(), WriteError>) {
        match self.session_of(path).map(|session| session.saved(text, result)) {
            Some(Ok(())) => self.actions.push(ScriptAction::Applied { path: path.to_path_buf() }),
            Some(Err(Some(why))) => self.actions.push(ScriptAction::Failed(why)),
            Some(Err(None)) | None => {}
        }
    }

    fn session_of(&mut self, path: &Path) -> Option<&mut Session> {
        let sessions = self.session.iter_mut().chain(self.aside.values_mut());
        let mut sessions = sessions.filter(|session| session.script.as_deref() == Some(path));
        sessions.next()
    }

    /// A recorded version was read.
    fn read(
        &mut self,
        ui: &Ui,
        context: &ScriptContext<'_>,
        path: Arc<Path>,
        text: Result<Arc<str>, String>,
    ) {
        let Some(session) = &mut self.session else { return };
        session.recorded.insert(path.clone(), Recorded::Read(text.clone()));
        if session.revert_to.as_ref() == Some(&path) {
            session.revert_to = None;
            match text {
                Ok(text) => self.put(ui, &text, context),
                Err(why) => self.actions.push(ScriptAction::Failed(why)),
            }
        } else if matches!(session.holding, Holding::Reading { .. }) {
            self.check(context);
        }
    }

    /// Asks for a check of what is shown.
    fn check(&mut self, context: &ScriptContext<'_>) {
        let shown = self.shown_path(context);
        let text = self.text(context);
        let (Some(Ok(worker)), Some(session)) = (&self.worker, &mut self.session) else { return };
        let (Some(path), Some(text)) = (shown, text) else { return };
        self.edits += 1;
        session.edit = self.edits;
        worker.wish(Wish::Check { path, edit: self.edits, text });
    }

    /// The version that is read where there is nothing to edit.
    fn read_version<'a>(&self, context: &ScriptContext<'a>) -> Option<&'a ObjectiveVersion> {
        match self.version {
            Some(index) => context.versions.get(index),
            None => context.versions.last(),
        }
    }

    /// Where what is shown stands.
    fn shown_path(&self, context: &ScriptContext<'_>) -> Option<Arc<Path>> {
        let session = self.session.as_ref()?;
        match &session.holding {
            Holding::Editing(_) => session.script.clone(),
            Holding::Reading { .. } => Some(context.run_dir.join(&self.read_version(context)?.script).into()),
            Holding::Waiting => None,
        }
    }

    /// What is shown, once it is known.
    fn text(&mut self, context: &ScriptContext<'_>) -> Option<Arc<str>> {
        let path = self.shown_path(context)?;
        match &self.session.as_ref()?.holding {
            Holding::Editing(document) => Some(document.text.as_str().into()),
            Holding::Reading { .. } => self.recorded(&path)?.ok(),
            Holding::Waiting => None,
        }
    }

    /// The text of a recorded version, once it is read; the first time it is asked for.
    fn recorded(&mut self, path: &Arc<Path>) -> Option<Result<Arc<str>, String>> {
        let session = self.session.as_mut()?;
        match session.recorded.get(path) {
            Some(Recorded::Read(text)) => Some(text.clone()),
            Some(Recorded::Waiting) => None,
            None => {
                if let Some(Ok(worker)) = &self.worker {
                    session.recorded.insert(path.clone(), Recorded::Waiting);
                    worker.wish(Wish::Read { path: path.clone() });
                }
                None
            }
        }
    }

    /// Whether keys are meant for this panel: it is typed into, or nothing is and it is pointed at.
    fn has_keys(&self, ui: &Ui, room: Rect) -> bool {
        let focused = ui.memory(|memory| memory.focused()).and_then(|id| ui.ctx().read_response(id));
        match focused {
            Some(focused) => room.contains(focused.interact_rect.center()),
            None => ui.rect_contains_pointer(room),
        }
    }

    fn keys(&mut self, ui: &Ui, context: &ScriptContext<'_>) {
        let pressed = |modifiers, key| {
            ui.input_mut(|input| input.consume_shortcut(&KeyboardShortcut::new(modifiers, key)))
        };
        for (key, tab) in
            [(Key::Num1, Tab::Text), (Key::Num2, Tab::Diff), (Key::Num3, Tab::Wgsl), (Key::Num4, Tab::Graph)]
        {
            if pressed(Modifiers::ALT, key) {
                self.tab = tab;
            }
        }
        let apply = pressed(Modifiers::COMMAND, Key::S) || pressed(Modifiers::COMMAND, Key::Enter);
        let find = pressed(Modifiers::COMMAND, Key::F);
        let line = pressed(Modifiers::COMMAND, Key::G);
        let back = pressed(Modifiers::SHIFT, Key::F3);
        let next = pressed(Modifiers::NONE, Key::F3);
        if apply {
            self.apply();
        }
        let text = self.text(context);
        let Some(session) = &mut self.session else { return };
        let (code, text) = match (self.tab, text, &session.good) {
            (Tab::Wgsl, _, Some((_, good))) => (&mut session.wgsl, good.wgsl.as_str().into()),
            (Tab::Text | Tab::Graph, Some(text), _) => (&mut session.code, text),
            _ => return,
        };
        if find {
            code.open_find(ui, &text);
        }
        if line {
            code.open_line();
        }
        if next || back {
            code.step(ui, &text, back);
        }
    }

    /// Writes what is edited, unless somebody has to decide first.
    pub(super) fn apply(&mut self) {
        if let (Some(Ok(worker)), Some(session)) = (&self.worker, &mut self.session) {
            session.save(worker);
        }
    }

    /// Puts a text into the editor, in the place of what is there; Ctrl Z brings that back.
    fn put(&mut self, ui: &Ui, text: &str, context: &ScriptContext<'_>) {
        if let Some(Session { holding: Holding::Editing(document), code, .. }) = &mut self.session {
            code.replace(ui, &mut document.text, text.to_owned());
            self.tab = Tab::Text;
            self.check(context);
        }
    }

    fn parts(&mut self, ui: &mut Ui, context: &ScriptContext<'_>) {
        let asked = match &self.session {
            Some(session) => head::show(ui, session, context, &mut self.tab, &mut self.version),
            None => Vec::new(),
        };
        for asked in asked {
            self.grant(ui, asked, context);
        }
        let jump = match &self.session {
            Some(session) => {
                let frame = Frame::new().inner_margin(Margin { top: space::S as i8, ..Margin::ZERO });
                let strip = Panel::bottom("script-status").frame(frame).show_separator_line(false);
                strip.show(ui, |ui| status::show(ui, session, context, self.cursor)).inner
            }
            None => None,
        };
        if let Some(place) = jump {
            self.go_to(context, place, 0);
        }
        match self.tab {
            Tab::Text => self.editor(ui, context),
            Tab::Diff => self.differences(ui, context),
            Tab::Wgsl => self.kernel(ui),
            Tab::Graph => self.picture(ui, context),
        }
    }

    fn grant(&mut self, ui: &Ui, asked: head::Asked, context: &ScriptContext<'_>) {
        match asked {
            head::Asked::Apply => self.apply(),
            head::Asked::RevertToDisk => {
                let disk = self
                    .session
                    .as_ref()
                    .and_then(Session::document)
                    .map(|document| document.on_disk().to_owned());
                if let Some(disk) = disk {
                    self.put(ui, &disk, context);
                }
            }
            head::Asked::RevertTo(index) => {
                let Some(version) = context.versions.get(index) else { return };
                let path: Arc<Path> = context.run_dir.join(&version.script).into();
                match self.recorded(&path) {
                    Some(Ok(text)) => self.put(ui, &text, context),
                    Some(Err(why)) => self.actions.push(ScriptAction::Failed(why)),
                    None => {
                        if let Some(session) = &mut self.session {
                            session.revert_to = Some(path);
                        }
                    }
                }
            }
            head::Asked::Reload => {
                if let Some(Session { holding: Holding::Editing(document), code, .. }) = &mut self.session {
                    let theirs = document.on_disk().to_owned();
                    code.replace(ui, &mut document.text, theirs);
                    document.reload();
                    self.check(context);
                }
            }
            head::Asked::KeepMine => {
                if let Some(Session { holding: Holding::Editing(document), .. }) = &mut self.session {
                    document.keep_mine();
                }
            }
            head::Asked::ShowTheirs => {
                self.compare.against = Some(DISK.to_owned());
                self.tab = Tab::Diff;
            }
            head::Asked::Version => self.check(context),
        }
    }

    /// Shows a place of the script in the editor.
    fn go_to(&mut self, context: &ScriptContext<'_>, place: Place, width: usize) {
        let Some(text) = self.text(context) else { return };
        if let Some(session) = &mut self.session {
            session.code.go_to(&text, place, width);
        }
        if self.tab != Tab::Graph {
            self.tab = Tab::Text;
        }
    }

    fn editor(&mut self, ui: &mut Ui, context: &ScriptContext<'_>) {
        self.text_view(ui, context, &BTreeSet::new());
    }

    /// The text, to edit or to read.
    fn text_view(&mut self, ui: &mut Ui, context: &ScriptContext<'_>, lit: &BTreeSet<usize>) {
        let read = match &self.session {
            Some(Session { holding: Holding::Reading { .. }, .. }) => self.text(context),
            _ => None,
        };
        let Some(session) = &mut self.session else { return };
        let marks = marks(session, Palette::of(ui));
        let look = Look { name: "Script", language: Language::Rhai, marks: &marks, lit };
        let shown: Shown = match (&mut session.holding, &read) {
            (Holding::Editing(document), _) => session.code.show(ui, Buffer::Edit(&mut document.text), &look),
            (Holding::Reading { .. }, Some(text)) => session.code.show(ui, Buffer::Read(text), &look),
            _ if context.versions.is_empty() => {
                empty(ui, "No script yet", "The run has not recorded a version of its script.");
                return;
            }
            _ => {
                let failed = session.recorded.values().find_map(|recorded| match recorded {
                    Recorded::Read(Err(why)) => Some(why.as_str()),
                    _ => None,
                });
                match failed {
                    Some(why) => empty(ui, "The recorded script cannot be read", why),
                    None => empty(ui, "Reading the script …", context.run_name),
                }
                return;
            }
        };
        self.cursor = shown.cursor.or(self.cursor);
        if let Some(line) = shown.clicked {
            self.go_to(context, Place { line, column: 1 }, 0);
        }
        if shown.changed {
            self.check(context);
        }
    }

    fn differences(&mut self, ui: &mut Ui, context: &ScriptContext<'_>) {
        let Some(text) = self.text(context) else { return };
        let (document, name) = match &self.session {
            Some(Session { holding: Holding::Editing(document), .. }) => {
                (Some(document.on_disk().to_owned()), "the editor".to_owned())
            }
            _ => (None, self.read_version(context).map(head::version_name).unwrap_or_default()),
        };
        // What can be compared with: the file, then versions, the newest first.
        let disk = document.map(|text| Side {
            key: DISK.to_owned(),
            name: "the file on disk".to_owned(),
            text: Some(Ok(text)),
        });
        let mut sides: Vec<Side> = disk.into_iter().collect();
        for (index, version) in context.versions.iter().enumerate().rev() {
            let runs = if index + 1 == context.versions.len() { ", in force" } else { "" };
            let name = format!("{}{runs}", head::version_name(version));
            sides.push(Side { key: format!("{} {}", version.update, version.hash), name, text: None });
        }
        if sides.is_empty() {
            empty(ui, "Nothing to compare with", "The run has not recorded a version of its script.");
            return;
        }
        let chosen = sides.iter().position(|side| Some(&side.key) == self.compare.against.as_ref());
        let place = chosen.unwrap_or_else(|| self.first_side(context, sides.len()));
        // Only what is looked at is read.
        let files = sides.len() - context.versions.len();
        if let Some(version) =
            place.checked_sub(files).and_then(|place| context.versions.iter().rev().nth(place))
        {
            let path: Arc<Path> = context.run_dir.join(&version.script).into();
            sides[place].text = self.recorded(&path).map(|text| text.map(|text| text.to_string()));
        }
        self.compare.show(ui, &sides, place, &name, &text);
    }

    /// What to compare with before somebody chooses: what differs, if it can be told. The file comes first among `sides`
    /// where there is one, then versions, the newest first.
    fn first_side(&self, context: &ScriptContext<'_>, sides: usize) -> usize {
        let Some(session) = &self.session else { return 0 };
        let Some(document) = session.document() else { return 1.min(sides - 1) };
        let runs =
            context.versions.last().is_some_and(|version| session.hash.as_deref() == Some(&version.hash));
        let place = match (document.is_edited(), runs) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        place.min(sides - 1)
    }

    fn kernel(&mut self, ui: &mut Ui) {
        let Some(session) = &mut self.session else { return };
        let Some((_, good)) = &session.good else {
            empty(ui, "No kernel yet", "It appears as soon as the script compiles.");
            return;
        };
        head::kernel(ui, session.problem.is_some(), &good.wgsl);
        let look = Look { name: "Kernel", language: Language::Wgsl, marks: &[], lit: &BTreeSet::new() };
        session.wgsl.show(ui, Buffer::Read(&good.wgsl), &look);
    }

    fn picture(&mut self, ui: &mut Ui, context: &ScriptContext<'_>) {
        let room = ui.available_size();
        let frame = Frame::new().inner_margin(Margin::ZERO);
        // Beside each other where there is room; else the text above.
        let text = if room.x > 760.0 {
            Panel::left("script-of-graph").default_size(room.x * 0.42).size_range(200.0..=room.x - 240.0)
        } else {
            Panel::top("script-over-graph")
                .default_size(room.y * 0.38)
                .size_range(80.0..=(room.y - 140.0).max(81.0))
        };
        text.resizable(true).frame(frame).show(ui, |ui| self.text_view(ui, context, &BTreeSet::new()));
        let Some(session) = &mut self.session else { return };
        let Some((_, good)) = &session.good else {
            empty(ui, "No graph yet", "It appears as soon as the script compiles.");
            return;
        };
        let pointed = Frame::new()
            .inner_margin(Margin { left: space::S as i8, top: space::XS as i8, ..Margin::ZERO })
            .show(ui, |ui| self.graph.show(ui, &good.drawing, self.cursor.map(|place| place.line)))
            .inner;
        if let Some(line) = pointed.line {
            self.go_to(context, Place { line, column: 1 }, 0);
        }
    }
}

/// What is said about places of the script.
fn marks(session: &Session, palette: &Palette) -> Vec<Mark> {
    let refusal = session.good.as_ref().and_then(|(_, good)| good.refusal.as_ref());
    let (problem, color) = match (&session.problem, refusal) {
        (Some(problem), _) => (problem, palette.bad),
        (None, Some(refusal)) => (refusal, palette.warn),
        (None, None) => return Vec::new(),
    };
    let Some(place) = problem.place else { return Vec::new() };
    let hint = problem.diagnostic.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
    vec![Mark { place, width: problem.width, text: format!("{}{hint}", problem.diagnostic.message), color }]
}
