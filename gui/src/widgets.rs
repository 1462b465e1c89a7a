//! Small parts that several panels share. Each has an accessible name, by which tests find it too.

use eframe::egui::{Button, Response, RichText, Role, Ui, WidgetInfo, vec2};

use crate::theme::{Icon, Palette, icon, size, space};

/// A button with a sign alone; `name` says what it does, to those who point at it and to those who cannot see it.
pub fn icon_button(ui: &mut Ui, sign: Icon, name: &str) -> Response {
    let button = Button::new(RichText::new(icon(sign)).size(size::BODY)).frame_when_inactive(false);
    let response = ui.add(button.min_size(vec2(24.0, 22.0)));
    named(response, Role::Button, name).on_hover_text(name)
}

/// Gives a widget the name that screen readers and tests know it by.
pub fn named(response: Response, role: Role, name: &str) -> Response {
    response.widget_info(|| WidgetInfo::labeled(role, true, name));
    response
}

/// One of a few, side by side; whether it changed. `name` says what is chosen, and goes before each choice's own.
pub fn segmented<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    value: &mut T,
    choices: &[(T, &str, &str)],
) -> bool {
    let before = *value;
    let palette = Palette::of(ui);
    let frame = eframe::egui::Frame::new().fill(palette.raised).corner_radius(5).inner_margin(1);
    frame.show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.horizontal(|ui| {
            for (choice, word, hint) in choices {
                let chosen = *value == *choice;
                let text = RichText::new(*word).color(if chosen { palette.text } else { palette.weak });
                let response = ui.add(Button::selectable(chosen, text).min_size(vec2(0.0, 20.0)));
                response.widget_info(|| {
                    WidgetInfo::selected(Role::RadioButton, true, chosen, format!("{name}: {word}"))
                });
                if response.on_hover_text(*hint).clicked() {
                    *value = *choice;
                }
            }
        });
    });
    *value != before
}

/// What a panel says that has nothing to show: what is missing and what to do.
pub fn empty(ui: &mut Ui, title: &str, hint: &str) {
    let palette = Palette::of(ui);
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.3).max(space::L));
        ui.label(RichText::new(title).size(size::TITLE));
        ui.add_space(space::XS);
        ui.set_max_width((ui.available_width() - 2.0 * space::S).min(360.0));
        ui.label(RichText::new(hint).color(palette.weak));
    });
}

/// A command that can be copied.
pub fn command(ui: &mut Ui, text: &str) {
    let palette = Palette::of(ui);
    let frame = eframe::egui::Frame::new().fill(palette.raised).corner_radius(6).inner_margin(8);
    frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            // All commands of a list are of one width, with their buttons below each other.
            let room = ui.available_width() - 40.0;
            let text_label = eframe::egui::Label::new(RichText::new(text).monospace()).wrap();
            ui.scope(|ui| {
                ui.set_width(room);
                ui.add(text_label);
            });
            if icon_button(ui, Icon::Copy, "Copy the command").clicked() {
                ui.ctx().copy_text(text.to_owned());
            }
        });
    });
}

/// Asks or shows something over everything else; what `content` returns, or true where it is to be closed otherwise.
pub fn sheet(
    ctx: &eframe::egui::Context,
    id: &str,
    width: f32,
    content: impl FnOnce(&mut Ui) -> bool,
) -> bool {
    let frame = eframe::egui::Frame::window(&ctx.style_of(ctx.theme())).inner_margin(space::L);
    let response = eframe::egui::Modal::new(eframe::egui::Id::unique(id)).frame(frame).show(ctx, |ui| {
        ui.set_width(width);
        content(ui)
    });
    response.inner || response.should_close()
}
