//! The game's screen, and the frames that the network sees.

use std::sync::Arc;

use eframe::egui::{self, ColorImage, Context, TextureHandle, TextureOptions, Ui, Vec2};
use kelvin_run::Picture;

use crate::theme::space;

/// An emulator's pixels are wider than high: 160 of them fill a screen of 4 to 3.
const ATARI_PIXELS: [usize; 2] = [210, 160];

/// Pictures as the renderer has them.
#[derive(Default)]
pub(super) struct Screens {
    of: Option<Arc<Picture>>,
    screen: Option<TextureHandle>,
    /// Width by height of the screen.
    aspect: f32,
    /// The oldest first.
    stack: Vec<TextureHandle>,
}

impl Screens {
    /// Uploads a picture unless it is the one that is shown.
    pub fn update(&mut self, ctx: &Context, picture: Option<&Arc<Picture>>) {
        let is_shown = |new: &&Arc<Picture>| self.of.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, new));
        let Some(picture) = picture.filter(|new| !is_shown(new)) else { return };
        self.of = Some(Arc::clone(picture));
        let [height, width] = picture.screen_size;
        if height * width > 0 && picture.screen.len() == 3 * height * width {
            let image = ColorImage::from_rgb([width, height], &picture.screen);
            put(&mut self.screen, ctx, "screen", image);
            let wide = [height, width] == ATARI_PIXELS || width * 3 < height * 4;
            self.aspect = if wide { 4.0 / 3.0 } else { width as f32 / height as f32 };
        }
        let [count, height, width] = picture.stack_size;
        let pixels = height * width;
        if pixels > 0 && picture.stack.len() == count * pixels {
            self.stack.truncate(count);
            for (index, frame) in picture.stack.chunks_exact(pixels).enumerate() {
                let image = ColorImage::from_gray([width, height], frame);
                let mut handle = self.stack.get(index).cloned();
                let is_new = handle.is_none();
                put(&mut handle, ctx, &format!("stack {index}"), image);
                if let Some(handle) = handle.filter(|_| is_new) {
                    self.stack.push(handle);
                }
            }
        }
    }

    /// Draws the screen, and beside it what the network sees.
    pub fn show(&self, ui: &mut Ui) {
        let gap = space::S;
        let columns = self.stack.len().div_ceil(2);
        let width = ui.available_width();
        let Some(screen) = &self.screen else {
            // A built-in environment has no other screen than what the network sees.
            let side = (width / self.stack.len().max(1) as f32 - gap).clamp(24.0, 240.0);
            ui.horizontal(|ui| frames(ui, &self.stack, side));
            return;
        };
        // The stack's rows are as high together as the screen.
        let share =
            if self.stack.is_empty() { 1.0 } else { self.aspect / (self.aspect + 0.5 * columns as f32) };
        let room = width - if self.stack.is_empty() { 0.0 } else { gap * columns as f32 };
        let height = (room * share / self.aspect).clamp(60.0, 420.0);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(gap);
            let size = Vec2::new(height * self.aspect, height);
            shown(ui, screen, size, "The game's screen");
            let side = (height - gap) / 2.0;
            ui.vertical(|ui| {
                for row in self.stack.chunks(columns.max(1)) {
                    ui.horizontal(|ui| frames(ui, row, side));
                }
            });
        });
    }
}

fn frames(ui: &mut Ui, stack: &[TextureHandle], side: f32) {
    for frame in stack {
        shown(ui, frame, Vec2::splat(side), "A frame as the network sees it");
    }
}

fn shown(ui: &mut Ui, texture: &TextureHandle, size: Vec2, what: &str) {
    let image = egui::Image::new((texture.id(), size)).corner_radius(3.0).alt_text(what);
    ui.add(image).on_hover_text(what);
}

fn put(handle: &mut Option<TextureHandle>, ctx: &Context, name: &str, image: ColorImage) {
    match handle {
        Some(handle) => handle.set(image, TextureOptions::NEAREST),
        None => *handle = Some(ctx.load_texture(name, image, TextureOptions::NEAREST)),
    }
}
