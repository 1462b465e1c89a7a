//! A policy at play, as a GIF.

use super::picture::{Film, Indexed, Palette};
use super::save;
use crate::console::{Console, grouped};
use crate::evaluate::{EvalRequest, Look, Played, Player};
use crate::failure::Failure;
use std::ops::ControlFlow;
use std::path::Path;

/// Least pixels of a screen's height; smaller ones are drawn larger, every pixel a square.
const HEIGHT: usize = 400;
/// Pixels of the strip of bars below the screen, and around it.
const BARS: usize = 64;
const MARGIN: usize = 6;
/// Emulator frames a second.
const FRAMES_PER_S: usize = 60;

/// How to film.
#[derive(Clone, Copy, Debug)]
pub struct Filming {
    /// Pictures at most, over all episodes: one an agent step.
    pub most: usize,
    /// Whether bars below the screen show what the network makes of it: probabilities of the actions, or action values
    /// from the smallest to the largest; that of the action taken stands out.
    pub bars: bool,
}

/// Plays the episodes that are asked for, one after another, and writes `policy.gif`.
///
/// # Errors
/// A run that cannot be evaluated, an environment without a screen, or a disk that does not take the file. A user who
/// stops it, too; the film then holds what was played until then.
pub fn video(request: &EvalRequest, filming: Filming, out: &Path, console: &Console) -> Result<(), Failure> {
    let mut player = Player::open(request, 1, console)?;
    let per_step = player.envs.spec().frames_per_step;
    let mut palette = Palette::default();
    // White, grey and orange for the bars, whatever the game's colours are.
    let colours = [[20, 23, 28], [146, 153, 163], [255, 138, 76]].map(|colour| palette.place(colour));
    // Decoders take less than two hundredths for ten.
    let delay = (100 * per_step).div_euclid(FRAMES_PER_S).max(if per_step == 1 { 12 } else { 2 });
    let mut film = Film::new(u16::try_from(delay).unwrap_or(10));
    let mut filmed = Ok(());
    let played = player.play(request, &mut |look: Look<'_>| {
        let picture = look.envs.screen(0).map(|screen| {
            let mut picture = palette.index(&screen, HEIGHT.div_ceil(screen.height.max(1)).min(32));
            if filming.bars {
                bars(&mut picture, look.weights, look.action, colours);
            }
            picture
        });
        filmed = match picture {
            Some(picture) => film.push(picture),
            None => Err(Failure::failed("the environment has no screen to film")),
        };
        match filmed.is_ok() && film.pictures() < filming.most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    filmed?;
    let end = match &played {
        Played::All(returns) => {
            let list = returns.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(", ");
            format!("return {list} ")
        }
        Played::Enough => "cut off there (--max-pictures) ".to_owned(),
        Played::Stopped if film.pictures() == 0 => return Err(stopped()),
        Played::Stopped => "stopped there ".to_owned(),
    };
    let said = format!("{} pictures, {end}({})", grouped(film.pictures() as u64), player.protocol);
    save(out, "policy.gif", &film.finish(&palette)?, console, &said)?;
    if played == Played::Stopped { Err(stopped()) } else { Ok(()) }
}

fn stopped() -> Failure {
    Failure::failed("stopped before all episodes were filmed").hint("ask for less with --max-pictures")
}

/// Bars below the picture, one an action.
fn bars(picture: &mut Indexed, weights: &[f32], action: usize, [ground, bar, taken]: [u8; 3]) {
    let top = picture.height;
    picture.extend(BARS, ground);
    let (least, most) = weights
        .iter()
        .fold((0.0f32, 0.0f32), |(least, most), weight| (least.min(*weight), most.max(*weight)));
    let room = picture.width.saturating_sub(2 * MARGIN) / weights.len().max(1);
    for (place, weight) in weights.iter().enumerate() {
        let share = if most > least { (weight - least) / (most - least) } else { 0.0 };
        let height = 2 + (share * (BARS - 2 * MARGIN - 2) as f32) as usize;
        let at = (MARGIN + place * room, top + BARS - MARGIN - height);
        picture.fill(at, (room.saturating_sub(3).max(1), height), if place == action { taken } else { bar });
    }
}
