//! Replay memory to and from a stream, oldest slot first.

use super::Replay;
use super::lane::Lane;
use std::io::{Error, ErrorKind, Read, Result, Write};

impl Replay {
    /// Writes every slot in use.
    pub fn write_to(&self, out: &mut impl Write) -> Result<()> {
        for lane in &self.lanes {
            for number in [lane.pixels, lane.ends.len(), lane.len] {
                out.write_all(&(number as u64).to_le_bytes())?;
            }
            for slot in (0..lane.len).map(|age| lane.slot(age)) {
                out.write_all(&lane.rewards[slot].to_le_bytes())?;
                out.write_all(&[lane.actions[slot], lane.ends[slot], lane.depths[slot]])?;
                out.write_all(&lane.frames[slot * lane.pixels..(slot + 1) * lane.pixels])?;
            }
        }
        Ok(())
    }

    /// Reads what [`Replay::write_to`] wrote, into a memory of the same shape.
    pub fn read_from(&mut self, input: &mut impl Read) -> Result<()> {
        for lane in &mut self.lanes {
            let mut number = || -> Result<usize> {
                let mut bytes = [0; 8];
                input.read_exact(&mut bytes)?;
                usize::try_from(u64::from_le_bytes(bytes))
                    .map_err(|error| Error::new(ErrorKind::InvalidData, error))
            };
            let (pixels, slots, len) = (number()?, number()?, number()?);
            if pixels != lane.pixels || slots != lane.ends.len() || len > slots {
                return Err(Error::new(
                    ErrorKind::InvalidData,
                    "the replay memory was saved with another shape",
                ));
            }
            *lane = Lane::new(slots, pixels);
            lane.len = len;
            lane.head = len % slots;
            for slot in 0..len {
                let mut reward = [0; 4];
                input.read_exact(&mut reward)?;
                lane.rewards[slot] = f32::from_le_bytes(reward);
                let mut marks = [0; 3];
                input.read_exact(&mut marks)?;
                [lane.actions[slot], lane.ends[slot], lane.depths[slot]] = marks;
                input.read_exact(&mut lane.frames[slot * pixels..(slot + 1) * pixels])?;
            }
        }
        Ok(())
    }
}
