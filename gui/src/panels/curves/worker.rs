//! Work beside the UI's thread: what would hold up a frame is done by another one, and shown when it is there.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use eframe::egui::Context;

use super::drawing::{Drawing, Input};

/// What is done at once; more would be seen as a delay (see [`Input::cost`]): about a millisecond.
const AT_ONCE: usize = 40_000;

type Job = Box<dyn FnOnce() + Send>;

/// One thread for all jobs, in their order, for as long as the program lives.
fn jobs() -> &'static Sender<Job> {
    static JOBS: OnceLock<Sender<Job>> = OnceLock::new();
    JOBS.get_or_init(|| {
        let (sender, receiver) = channel::<Job>();
        thread::spawn(move || receiver.into_iter().for_each(|job| job()));
        sender
    })
}

/// The lines of one plot, kept until what they follow from changes.
#[derive(Default)]
pub(super) struct Cached {
    input: Option<Input>,
    drawing: Arc<Drawing>,
    /// What is being worked on.
    pending: Option<(Input, Receiver<Drawing>)>,
}

impl Cached {
    /// The lines for an input, or those before it while they are being made.
    pub fn get(&mut self, ctx: &Context, input: Input) -> Arc<Drawing> {
        self.take();
        let is_fresh = self.input.as_ref() == Some(&input);
        // One job at a time: a slider that moves leaves no trail of work behind it.
        if !is_fresh && self.pending.is_none() {
            if input.cost() <= AT_ONCE {
                self.drawing = Arc::new(input.draw());
                self.input = Some(input);
            } else {
                self.start(ctx, input);
            }
        }
        self.drawing.clone()
    }

    /// Whether something is still being worked on.
    pub fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    fn take(&mut self) {
        let Some((_, receiver)) = &self.pending else { return };
        match receiver.try_recv() {
            Ok(drawing) => {
                self.drawing = Arc::new(drawing);
                self.input = self.pending.take().map(|(input, _)| input);
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
            // It came to nothing: the next frame tries again.
            Err(std::sync::mpsc::TryRecvError::Disconnected) => self.pending = None,
        }
    }

    fn start(&mut self, ctx: &Context, input: Input) {
        let (sender, receiver) = channel();
        let (work, ctx) = (input.clone(), ctx.clone());
        let job = Box::new(move || {
            // Nobody waits any more if the plot was closed.
            if sender.send(work.draw()).is_ok() {
                ctx.request_repaint();
            }
        });
        // The thread lives as long as the program: it takes every job.
        if jobs().send(job).is_ok() {
            self.pending = Some((input, receiver));
        }
    }
}
