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

/// A film as a GIF that repeats: of each picture what has changed. Pictures are encoded as they come, so that a film takes
/// the memory of its file.
pub(super) struct Film {
    /// Hundredths of a second that a picture stays.
    delay: u16,
    pictures: usize,
    /// Once there is a picture, whose size is the film's.
    begun: Option<Begun>,
}

struct Begun {
    encoder: Encoder<Vec<u8>>,
    /// The last picture that was shown.
    shown: Indexed,
    /// What of it is new; not written yet, since it stays if nothing moves.
    waiting: Frame<'static>,
}

/// Where the colours stand in a GIF: behind its signature and the description of the screen.
const COLOURS_AT: usize = 13;

impl Film {
    /// A film without pictures; each stays for `delay` hundredths of a second.
    pub fn new(delay: u16) -> Self {
        Self { delay, pictures: 0, begun: None }
    }

    /// Pictures so far.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// Adds a picture, of the size of the first.
    pub fn push(&mut self, picture: Indexed) -> Result<(), Failure> {
        self.pictures += 1;
        let Some(begun) = &mut self.begun else {
            self.begun = Some(Begun::new(picture, self.delay)?);
            return Ok(());
        };
        match picture.changed(&begun.shown) {
            None => begun.waiting.delay = begun.waiting.delay.saturating_add(self.delay),
            Some(area) => {
                let next = frame(&picture, area, self.delay)?;
                begun.encoder.write_frame(&begun.waiting).map_err(failed)?;
                (begun.waiting, begun.shown) = (next, picture);
            }
        }
        Ok(())
    }

    /// The file. The colours are only known now that all pictures are.
    pub fn finish(self, palette: &Palette) -> Result<Vec<u8>, Failure> {
        let Some(mut begun) = self.begun else {
            return Err(Failure::failed("there is no picture to make a film of"));
        };
        begun.encoder.write_frame(&begun.waiting).map_err(failed)?;
        let mut film = begun.encoder.into_inner().map_err(failed)?;
        let colours = palette.colours.concat();
        film[COLOURS_AT..COLOURS_AT + colours.len()].copy_from_slice(&colours);
        Ok(film)
    }
}

impl Begun {
    fn new(picture: Indexed, delay: u16) -> Result<Self, Failure> {
        let (width, height) = (side(picture.width)?, side(picture.height)?);
        // Room for every colour that there may be.
        let mut encoder = Encoder::new(Vec::new(), width, height, &[0; 3 * COLOURS]).map_err(failed)?;
        encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
        let waiting = frame(&picture, [0, 0, picture.width, picture.height], delay)?;
        Ok(Self { encoder, shown: picture, waiting })
    }
}

/// A part of a picture.
fn frame(picture: &Indexed, area: [usize; 4], delay: u16) -> Result<Frame<'static>, Failure> {
    let [left, top, width, height] = area;
    Ok(Frame {
        delay,
        dispose: DisposalMethod::Keep,
        left: side(left)?,
        top: side(top)?,
        width: side(width)?,
        height: side(height)?,
        buffer: Cow::Owned(picture.cut(area)),
        ..Frame::default()
    })
}

fn side(pixels: usize) -> Result<u16, Failure> {
    u16::try_from(pixels).map_err(|_| Failure::failed("a screen is too large for a GIF"))
}

fn failed(error: gif::EncodingError) -> Failure {
    Failure::failed(format!("the film cannot be encoded: {error}"))
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
        let mut film = Film::new(7);
        pictures.iter().for_each(|picture| film.push(picture.clone()).unwrap());
        assert_eq!(film.pictures(), 3);
        let film = film.finish(&palette).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::Indexed);
        let mut decoder = options.read_info(&*film).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (6, 6));
        let colours = decoder.global_palette().unwrap().to_vec();
        assert!(colours[..9] == [black, red, blue].concat() && colours.len() == 3 * COLOURS, "{colours:?}");
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
