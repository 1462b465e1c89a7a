//! What stands below the text: what is wrong with it and where, or what it is to the run.

use eframe::egui::{Align, Color32, Frame, Layout, Link, Margin, RichText, Sense, Stroke, Ui, vec2};
use kelvin_run::{Event, ObjectiveVersion, grouped};

use super::ScriptContext;
use super::check::Problem;
use super::head::short;
use super::places::Place;
use super::session::Session;
use crate::theme::{Palette, size, space};

/// Draws it; the place somebody wants to see.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    context: &ScriptContext<'_>,
    cursor: Option<Place>,
) -> Option<Place> {
    let palette = Palette::of(ui);
    let mut jump = None;
    let refusal = session.good.as_ref().and_then(|(_, good)| good.refusal.as_ref());
    let said = refused(session, context);
    if let Some(problem) = &session.problem {
        jump = show_problem(ui, session, problem, palette.bad, &goes_on(session, context));
    } else if let Some(refusal) = refusal {
        let what = format!("It compiles, but this run would not take it up. {}", goes_on(session, context));
        jump = show_problem(ui, session, refusal, palette.warn, &what);
    } else if let Some(said) = &said {
        let first = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
        card(ui, palette.bad, |ui| {
            ui.label(RichText::new(format!("The run refused it: {first}")).color(palette.bad))
                .on_hover_text(said);
            ui.label(RichText::new(goes_on(session, context)).size(size::SMALL).color(palette.weak));
        });
    }
    ui.horizontal(|ui| {
        let (color, text) = state(session, context, palette);
        dot(ui, color);
        ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(Place { line, column }) = cursor {
                let text = format!("Line {line}, column {column}");
                ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
                ui.add_space(space::S);
            }
            if session.problem.is_none()
                && let Some((_, good)) = &session.good
            {
                let guess = match context.shape {
                    Ok(shape) if shape.is_guess => format!(", {} actions assumed", shape.layout.actions),
                    _ => String::new(),
                };
                let text = format!("{} operations, {}{guess}", grouped(good.operations as u64), good.reads);
                ui.add(
                    eframe::egui::Label::new(RichText::new(text).size(size::SMALL).color(palette.weak))
                        .truncate(),
                );
            }
        });
    });
    jump
}

/// A mistake with its hint, its place and what it means for the run.
fn show_problem(
    ui: &mut Ui,
    session: &Session,
    problem: &Problem,
    color: Color32,
    goes_on: &str,
) -> Option<Place> {
    let palette = Palette::of(ui);
    let mut jump = None;
    let diagnostic = &problem.diagnostic;
    card(ui, color, |ui| {
        ui.horizontal_wrapped(|ui| {
            if let Some(place) = problem.place {
                let text = format!("{}:{}", place.line, place.column);
                let link = Link::new(RichText::new(text).monospace().color(palette.accent));
                if ui.add(link).on_hover_text("Go to the mistake").clicked() {
                    jump = Some(place);
                }
            }
            ui.label(RichText::new(&diagnostic.message).color(color));
        });
        if session.script.as_deref().is_some_and(|script| problem.is_imported(script)) && diagnostic.line > 0
        {
            let file = diagnostic.file.file_name().unwrap_or_default().to_string_lossy();
            let place = format!("{file}:{}:{}", diagnostic.line, diagnostic.column);
            let text = format!("{place}  {}", diagnostic.source_line.trim());
            ui.label(RichText::new(text).monospace().color(palette.text))
                .on_hover_text(diagnostic.file.display().to_string());
        }
        if let Some(hint) = &diagnostic.hint {
            ui.label(RichText::new(hint).color(palette.text));
        }
        if !goes_on.is_empty() {
            ui.label(RichText::new(goes_on).size(size::SMALL).color(palette.weak));
        }
    });
    jump
}

fn card(ui: &mut Ui, color: Color32, content: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui);
    let frame = Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, color))
        .corner_radius(6)
        .inner_margin(Margin::symmetric(10, 7));
    frame.show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 3.0;
        content(ui);
    });
    ui.add_space(space::XS);
}

fn dot(ui: &mut Ui, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 4.0, color);
}

/// The last good version, named.
fn goes_on(session: &Session, context: &ScriptContext<'_>) -> String {
    match context.versions.last() {
        Some(version) => {
            let verb = if context.lives { "goes on" } else { "was in force" };
            format!("{} {verb}, since update {}.", short(&version.hash), grouped(version.update))
        }
        None => match &session.good {
            Some((hash, _)) => format!("{} was the last text that compiled.", short(hash)),
            None => String::new(),
        },
    }
}

/// What the run said of the file, if it refused it and nothing has changed since.
fn refused(session: &Session, context: &ScriptContext<'_>) -> Option<String> {
    let document = session.document()?;
    let runs = context.versions.last().is_some_and(|version| session.hash.as_deref() == Some(&version.hash));
    if document.is_edited() || runs || !context.lives {
        return None;
    }
    let about_script = |event: &&Event| event.event == "reload" || event.event == "reload_refused";
    let last = context.events.iter().rev().find(about_script)?;
    (last.event == "reload_refused")
        .then(|| last.detail.get("diagnostic")?.as_str().map(str::to_owned))
        .flatten()
}

/// What the text is to the run, in a line.
fn state(session: &Session, context: &ScriptContext<'_>, palette: &Palette) -> (Color32, String) {
    if let Err(why) = context.shape {
        return (palette.warn, format!("It cannot be checked: {why}"));
    }
    let running = context.versions.last();
    let is_edited = session.document().is_some_and(|document| document.is_edited());
    // Between a letter and the verdict on it, what was said before stays, as far as it cannot be wrong.
    let hash = session.hash.as_deref().filter(|_| session.is_checked() || session.problem.is_some());
    let Some(hash) = hash else {
        return match running {
            Some(version) if is_edited && context.lives => differs(palette.warn, version, "which runs"),
            _ => (palette.weak, "Checking …".to_owned()),
        };
    };
    if session.problem.is_some() {
        return (palette.bad, "It does not compile".to_owned());
    }
    match running {
        Some(version) if version.hash == hash => {
            let name = format!("{}, in force since update {}", short(hash), grouped(version.update));
            (palette.good, if context.lives { name } else { format!("{}, the last that ran", short(hash)) })
        }
        _ if session.document().is_none() => (palette.weak, format!("{}, an earlier version", short(hash))),
        Some(version) if is_edited && context.lives => differs(palette.warn, version, "which runs"),
        Some(_) if context.lives => {
            (palette.accent, format!("{} is written; the run takes it up", short(hash)))
        }
        Some(version) => differs(palette.weak, version, "the last that ran"),
        None => (palette.good, "It compiles".to_owned()),
    }
}

fn differs(color: Color32, version: &ObjectiveVersion, what: &str) -> (Color32, String) {
    (color, format!("Differs from {}, {what}", short(&version.hash)))
}
