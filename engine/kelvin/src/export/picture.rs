//! Pictures of at most 256 colours, put together to a GIF.

use crate::failure::Failure;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use kelvin_env::Screen;
use std::borrow::Cow;
use std::collections::HashMap;

/// Colours of a GIF.
const COLOURS: usize = 256;

/// A picture by the places of its colours, `[height, width]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Indexed {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

/// The colours met so far. The console has 128; should there be more than 256, the nearest stands for the rest.
#[derive(Default)]
pub(super) struct Palette {
    colours: Vec<[u8; 3]>,
    places: HashMap<[u8; 3], u8>,
}

impl Palette {
    /// The place of a colour.
    pub fn place(&mut self, colour: [u8; 3]) -> u8 {
        if let Some(place) = self.places.get(&colour) {
            return *place;
        }
        let place = if self.colours.len() < COLOURS {
            self.colours.push(colour);
            self.colours.len() - 1
        } else {
            let distance = |other: &[u8; 3]| -> u32 {
                other.iter().zip(colour).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
            };
            let nearest = self.colours.iter().enumerate().min_by_key(|(_, other)| distance(other));
            nearest.map_or(0, |(place, _)| place)
        };
        self.places.insert(colour, place as u8);
        place as u8
    }

    /// A screen, every pixel `scale` by `scale`.
    pub fn index(&mut self, screen: &Screen, scale: usize) -> Indexed {
        let (width, height) = (screen.width * scale, screen.height * scale);
        let mut pixels = Vec::with_capacity(width * height);
        for row in screen.rgb.as_chunks::<3>().0.chunks(screen.width) {
            let line: Vec<u8> =
                row.iter().flat_map(|colour| std::iter::repeat_n(self.place(*colour), scale)).collect();
            (0..scale).for_each(|_| pixels.extend(&line));
        }
        Indexed { width, height, pixels }
    }
}

impl Indexed {
    /// Fills a rectangle, cut to the picture.
    pub fn fill(&mut self, (left, top): (usize, usize), (width, height): (usize, usize), colour: u8) {
        for row in top..(top + height).min(self.height) {
            let line = row * self.width;
            self.pixels[line + left.min(self.width)..line + (left + width).min(self.width)].fill(colour);
        }
    }

    /// Adds rows below, of one colour.
    pub fn extend(&mut self, rows: usize, colour: u8) {
        self.height += rows;
        self.pixels.resize(self.width * self.height, colour);
    }

    /// The smallest rectangle in which it differs from another one of its size: left, top, width, height. None where
    /// they are the same.
    fn changed(&self, before: &Self) -> Option<[usize; 4]> {
        let lines = || self.pixels.chunks(self.width).zip(before.pixels.chunks(self.width));
        let top = lines().position(|(a, b)| a != b)?;
        let bottom = top + lines().skip(top).collect::<Vec<_>>().iter().rposition(|(a, b)| a != b)?;
        let (mut left, mut right) = (self.width, 0);
        for (a, b) in lines().skip(top).take(bottom - top + 1) {
            let differ =
                || a.iter().zip(b).enumerate().filter(|(_, (a, b))| a != b).map(|(column, _)| column);
            left = left.min(differ().next().unwrap_or(self.width));
            right = right.max(differ().next_back().unwrap_or(0));
        }
        Some([left, top, right + 1 - left, bottom + 1 - top])
    }

    fn cut(&self, [left, top, width, height]: [usize; 4]) -> Vec<u8> {
        let lines = self.pixels.chunks(self.width).skip(top).take(height);
        lines.flat_map(|line| &line[left..left + width]).copied().collect()
    }
}

/// A film as a GIF that repeats: of each picture what has changed, `delay` hundredths of a second long.
pub(super) fn film(pictures: &[Indexed], palette: &Palette, delay: u16) -> Result<Vec<u8>, Failure> {
    let failed = |error: gif::EncodingError| Failure::failed(format!("the film cannot be encoded: {error}"));
    let Some(first) = pictures.first() else {
        return Err(Failure::failed("there is no picture to make a film of"));
    };
    let side =
        |pixels: usize| u16::try_from(pixels).map_err(|_| Failure::failed("a screen is too large for a GIF"));
    let size = (side(first.width)?, side(first.height)?);
    let colours: Vec<u8> = palette.colours.concat();
    let mut film = Vec::new();
    {
        let mut encoder = Encoder::new(&mut film, size.0, size.1, &colours).map_err(failed)?;
        encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
        let mut waiting: Option<Frame<'_>> = None;
        for (place, picture) in pictures.iter().enumerate() {
            let whole = [0, 0, picture.width, picture.height];
            let area = match place.checked_sub(1) {
                None => Some(whole),
                Some(before) => picture.changed(&pictures[before]),
            };
            match (area, &mut waiting) {
                // Nothing moved: the picture before stays for longer.
                (None, Some(before)) => before.delay = before.delay.saturating_add(delay),
                (area, waiting) => {
                    let area = area.unwrap_or(whole);
                    let frame = Frame {
                        delay,
                        dispose: DisposalMethod::Keep,
                        left: side(area[0])?,
                        top: side(area[1])?,
                        width: side(area[2])?,
                        height: side(area[3])?,
                        buffer: Cow::Owned(picture.cut(area)),
                        ..Frame::default()
                    };
                    if let Some(before) = waiting.replace(frame) {
                        encoder.write_frame(&before).map_err(failed)?;
                    }
                }
            }
        }
        if let Some(last) = &waiting {
            encoder.write_frame(last).map_err(failed)?;
        }
    }
    Ok(film)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(rgb: &[[u8; 3]]) -> Screen {
        Screen { width: 2, height: rgb.len() / 2, rgb: rgb.concat() }
    }

    #[test]
    fn a_film_decodes_to_its_pictures() {
        let (black, red, blue) = ([0, 0, 0], [200, 0, 0], [0, 0, 200]);
        let screens = [
            screen(&[black, black, black, red]),
            screen(&[black, black, black, red]),
            screen(&[black, blue, black, red]),
        ];
        let mut palette = Palette::default();
        let pictures: Vec<Indexed> = screens.iter().map(|screen| palette.index(screen, 3)).collect();
        let film = film(&pictures, &palette, 7).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::Indexed);
        let mut decoder = options.read_info(&*film).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (6, 6));
        let first = decoder.read_next_frame().unwrap().unwrap();
        assert_eq!((first.delay, &*first.buffer), (14, &*pictures[0].pixels), "it stands for two");
        let second = decoder.read_next_frame().unwrap().unwrap();
        assert_eq!((second.left, second.top, second.width, second.height), (3, 0, 3, 3));
        assert!(second.buffer.iter().all(|place| *place == palette.place(blue)));
        assert!(decoder.read_next_frame().unwrap().is_none());
    }

    #[test]
    fn a_colour_too_many_is_the_nearest() {
        let mut palette = Palette::default();
        for grey in 0..=255 {
            assert_eq!(palette.place([grey, grey, grey]), grey);
        }
        assert_eq!(palette.place([100, 101, 101]), 101);
    }
}
