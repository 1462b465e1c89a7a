//! Measures which tile is fastest for each product of a plan.

use super::build::{Buffers, Pipelines};
use super::context::Context;
use super::executor::KernelDispatch;
use super::lower::{Launch, Lowering};
use super::products::ProductOp;
use super::tile::Tile;
use super::tiles::Tiles;
use crate::{Error, Plan};
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// What a model may be kept waiting; drivers spend most of it on compiling. Products that are not reached, the smallest,
/// keep the tile that was estimated.
const BUDGET: Duration = Duration::from_secs(2);
/// Repetitions in one submission, so that submitting does not count.
const REPEATS: usize = 16;
/// Submissions, of which the fastest counts.
const ROUNDS: usize = 3;

/// A product, and the launches of its candidates.
struct Trial {
    product: ProductOp,
    candidates: Vec<(Tile, Vec<Launch>)>,
}

/// Decides about all products of the plan that are undecided. Runs on buffers of its own, full of zeros. Says whether
/// there were any.
pub(super) fn measure(context: &Context, tiles: &Tiles, plan: &Plan) -> Result<bool, Error> {
    let (mut trials, mut scratch_len) = (Vec::<Trial>::new(), 0);
    for product in plan.programs.iter().flat_map(|(_, ops)| ops).filter_map(ProductOp::new) {
        let known = trials.iter().any(|trial| trial.product.name() == product.name());
        let Some(undecided) = tiles.undecided(&product).filter(|_| !known) else { continue };
        let mut candidates = Vec::new();
        for tile in undecided {
            let (launches, scratch) = product.launches(tile, tiles.busy_lanes())?;
            scratch_len = scratch_len.max(scratch);
            candidates.push((tile, launches));
        }
        trials.push(Trial { product, candidates });
    }
    if trials.is_empty() {
        return Ok(false);
    }
    trials.sort_by_key(|trial| Reverse(trial.product.multiplications()));
    let mut lowering = Lowering::new(tiles);
    lowering.scratch_len = scratch_len;
    let buffers = Buffers::new(context, plan, &lowering)?;
    let mut pipelines = Pipelines::new(context, None);
    let deadline = Instant::now() + BUDGET;
    for Trial { product, candidates } in &trials {
        let mut fastest: Option<(Duration, Tile)> = None;
        for (tile, launches) in candidates {
            if Instant::now() > deadline {
                break;
            }
            let dispatches = launches.iter().map(|launch| pipelines.dispatch(launch, &buffers));
            let dispatches = match dispatches.collect::<Result<Vec<_>, _>>() {
                Ok(dispatches) => dispatches,
                Err(lost @ Error::Lost(_)) => return Err(lost),
                // What a driver does not compile is not the fastest.
                Err(_) => continue,
            };
            let time = time(context, &dispatches)?;
            if fastest.is_none_or(|(least, _)| time < least) {
                fastest = Some((time, *tile));
            }
        }
        tiles.decide(product, fastest.map_or(candidates[0].0, |(_, tile)| tile));
    }
    Ok(true)
}

/// The fastest of some rounds, after one that lets the driver compile.
fn time(context: &Context, dispatches: &[KernelDispatch]) -> Result<Duration, Error> {
    let round = |repeats: usize| {
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for dispatch in (0..repeats).flat_map(|_| dispatches) {
            dispatch.record(&mut pass);
        }
        drop(pass);
        let begin = Instant::now();
        context.wait(&context.submit(encoder)?)?;
        Ok(begin.elapsed())
    };
    round(1)?;
    let mut fastest = round(REPEATS)?;
    for _ in 1..ROUNDS {
        fastest = fastest.min(round(REPEATS)?);
    }
    Ok(fastest)
}
