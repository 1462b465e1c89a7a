//! Replay memory to and from a stream, oldest slot first.

use super::Replay;
use super::lane::Lane;
use std::io::{Error, ErrorKind, Read, Result, Write};

/// What a snapshot starts with: its name, and the version of what is kept in a slot.
const HEADER: [u8; 8] = *b"kreplay2";

impl Replay {
    /// Writes every slot in use.
    pub fn write_to(&self, out: &mut impl Write) -> Result<()> {
        out.write_all(&HEADER)?;
        for lane in &self.lanes {
            for number in [lane.pixels, lane.ends.len(), lane.len] {
                out.write_all(&(number as u64).to_le_bytes())?;
            }
            for slot in (0..lane.len).map(|age| lane.slot(age)) {
                out.write_all(&lane.rewards[slot].to_le_bytes())?;
                out.write_all(&lane.logps[slot].to_le_bytes())?;
                out.write_all(&[lane.actions[slot], lane.ends[slot], lane.depths[slot]])?;
                out.write_all(&lane.frames[slot * lane.pixels..(slot + 1) * lane.pixels])?;
            }
        }
        Ok(())
    }

    /// Reads what [`Replay::write_to`] wrote, into a memory of the same shape.
    pub fn read_from(&mut self, input: &mut impl Read) -> Result<()> {
        if bytes(input)? != HEADER {
            return Err(invalid(
                "another version of kelvin wrote it, which kept other things of a transition",
            ));
        }
        for lane in &mut self.lanes {
            let mut number = || -> Result<usize> {
                usize::try_from(u64::from_le_bytes(bytes(input)?))
                    .map_err(|error| invalid(&error.to_string()))
            };
            let (pixels, slots, len) = (number()?, number()?, number()?);
            if pixels != lane.pixels || slots != lane.ends.len() || len > slots {
                return Err(invalid("it was saved with another shape"));
            }
            *lane = Lane::new(slots, pixels);
            lane.len = len;
            lane.head = len % slots;
            lane.written = len as u64;
            for slot in 0..len {
                lane.rewards[slot] = f32::from_le_bytes(bytes(input)?);
                lane.logps[slot] = f32::from_le_bytes(bytes(input)?);
                [lane.actions[slot], lane.ends[slot], lane.depths[slot]] = bytes(input)?;
                input.read_exact(&mut lane.frames[slot * pixels..(slot + 1) * pixels])?;
            }
        }
        Ok(())
    }
}

fn bytes<const N: usize>(input: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidData, reason)
}
