//! Windows of several states, models that take over from one another, and means over the batch.

use super::{BATCH, N, OBS, OUTPUTS, Scenario, batch, ensure, export, objectives, observation};
use super::{pulling, reads, same, spec, text, update, update_with, with_kernel};
use kelvin_compute::{Batch, Clip, Device, Error, Faults, Model, ModelSpec, Reads, Tensor};

pub const ALL: &[Scenario] = &[
    ("windows: a region is the pass of its network over its states", regions),
    ("windows: the gradient is the sum of those of single states", gradients),
    ("windows: other reads are refused", refused),
    ("take over: the next update has the same bits", take_over),
    ("take over: a fault that was not reported comes along", take_over_fault),
    ("take over: what does not fit is refused and changes nothing", take_over_refused),
    ("warm: changes nothing", warm),
    ("consult: the target network by itself, which changes nothing", consult),
    ("phases: run in order, and may change with the objective", phases),
];

/// Regions that share a list, lists with gaps, single states, all states.
fn all_reads() -> Vec<Reads> {
    vec![
        reads(&[0], &[], &[4]),
        reads(&[0], &[4], &[4]),
        reads(&[0, 1, 3], &[2, 4], &[0, 1, 3]),
        reads(&[2], &[0, 1, 3, 4], &[]),
        reads(&[0, 1, 2, 3, 4], &[], &[1, 2, 3, 4]),
        reads(&[1], &[], &[]),
    ]
}

fn regions(device: &dyn Device) -> Result<(), String> {
    for reads in all_reads() {
        let mut model = pulling(device, spec(&reads))?;
        let target = act(&mut model, 7, &reads.target)?;
        update(&mut model, 1)?;
        let (trained, online) = (act(&mut model, 7, &reads.trained)?, act(&mut model, 7, &reads.online)?);
        let (obs, samples) = batch(&model, 7);
        let before = export(&mut model)?;
        let outputs = model.outputs(&Batch { obs: &obs, samples: &samples }).map_err(text)?;
        // The kernels take rows apart at places that depend on their number: other roundings, of numbers about one.
        near(&format!("{reads:?}: trained"), &outputs.trained, &trained, 1e-5)?;
        near(&format!("{reads:?}: online"), &outputs.online, &online, 1e-5)?;
        near(&format!("{reads:?}: target"), &outputs.target, &target, 1e-5)?;
        same("the state after looking at outputs", &export(&mut model)?, &before)?;
    }
    Ok(())
}

/// The outputs of the online network at some states.
fn act(model: &mut Model, seed: usize, states: &[usize]) -> Result<Vec<f32>, String> {
    let mut all = Vec::new();
    for state in states {
        let mut outputs = vec![f32::NAN; BATCH * OUTPUTS];
        model.act(&observation(seed, *state), &mut outputs).map_err(text)?;
        all.extend(outputs);
    }
    Ok(all)
}

fn near(what: &str, found: &[f32], expected: &[f32], tolerance: f32) -> Result<(), String> {
    ensure(found.len() == expected.len(), || format!("{what}: {} of {}", found.len(), expected.len()))?;
    let far = found.iter().zip(expected).find(|(found, expected)| {
        let within = (**found - **expected).abs() <= tolerance;
        !within
    });
    far.map_or(Ok(()), |(found, expected)| Err(format!("{what}: {found} is not {expected}")))
}

/// The gradient of one update, as Adam's first moment has it.
fn gradient(device: &dyn Device, reads: &Reads) -> Result<Vec<f32>, String> {
    let mut model = pulling(device, spec(reads))?;
    update(&mut model, 1)?;
    let moments = export(&mut model)?.tensors.into_iter().filter(|tensor| tensor.name.starts_with("adam.m."));
    Ok(moments.flat_map(|tensor: Tensor| tensor.data).map(|m| m / 0.1).collect())
}

fn gradients(device: &dyn Device) -> Result<(), String> {
    for trained in [&[0, 1, 3][..], &[0, 1, 2, 3, 4], &[2, 4]] {
        let whole = gradient(device, &reads(trained, &[], &[]))?;
        let mut sum = vec![0.0; whole.len()];
        for state in trained {
            let part = gradient(device, &reads(&[*state], &[], &[]))?;
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        // Sums of 37 to 185 rows with weights up to five, in another order.
        near(&format!("{trained:?}"), &whole, &sum, 2e-5)?;
        let largest = whole.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
        ensure(largest > 0.1, || format!("gradients of at most {largest} say nothing"))?;
    }
    Ok(())
}

fn refused(device: &dyn Device) -> Result<(), String> {
    let ours = reads(&[0], &[], &[4]);
    let mut model = pulling(device, spec(&ours))?;
    for theirs in [reads(&[0], &[4], &[]), reads(&[0, 4], &[], &[]), reads(&[0], &[], &[3])] {
        let kernel = objectives::pull(BATCH, OUTPUTS, N, &theirs);
        let compiled = model.compiler().compile(&kernel).map_err(text)?;
        match model.set_objective(&theirs, compiled) {
            Err(Error::Misuse(message)) if message.contains("reads") => {}
            other => return Err(format!("{theirs:?}: {other:?}")),
        }
    }
    update(&mut model, 1)
}

fn take_over(device: &dyn Device) -> Result<(), String> {
    let (one, other) = (reads(&[0], &[], &[4]), reads(&[0, 2], &[4], &[1, 2]));
    for to in [&one, &other] {
        let mut old = pulling(device, spec(&one))?;
        update(&mut old, 1)?;
        old.sync_target().map_err(text)?;
        // The new one is made and warmed up on another thread while the old one goes on.
        let made = std::thread::scope(|scope| {
            let made = scope.spawn(|| -> Result<Model, String> {
                let mut new = pulling(device, spec(to))?;
                // Another seed would be another spec, so it is an update that makes the two differ.
                update(&mut new, 9)?;
                new.report().map_err(text)?;
                new.warm().map_err(text)?;
                Ok(new)
            });
            let updated = (2..5).try_for_each(|seed| update(&mut old, seed));
            updated.and(made.join().map_err(|_| "the other thread panicked".to_owned())?)
        });
        let (mut new, state) = (made?, export(&mut old)?);
        new.take_over(&mut old).map_err(text)?;
        same("the state taken over", &export(&mut new)?, &state)?;
        let mut unmoved = pulling(device, spec(to))?;
        unmoved.import(&state).map_err(text)?;
        for seed in 5..8 {
            update(&mut new, seed)?;
            update(&mut unmoved, seed)?;
        }
        let means = [&mut new, &mut unmoved].map(|model| model.report().map_err(text));
        same("what is reported of a model that took over", &means[0], &means[1])?;
        same("a model that took over", &export(&mut new)?, &export(&mut unmoved)?)?;
    }
    Ok(())
}

fn take_over_fault(device: &dyn Device) -> Result<(), String> {
    let reads = reads(&[0], &[], &[4]);
    let mut old = pulling(device, spec(&reads))?;
    update(&mut old, 1)?;
    old.report().map_err(text)?;
    let good = export(&mut old)?;
    update_with(&mut old, 2, f32::NAN)?;
    let mut new = pulling(device, spec(&reads))?;
    new.take_over(&mut old).map_err(text)?;
    update(&mut new, 3)?;
    let faults = new.report().map_err(text)?.faults;
    ensure(faults == Some(Faults { first: 2, broken: 1, skipped: 2 }), || format!("{faults:?}"))?;
    same("the state of the last good update", &export(&mut new)?, &good)
}

fn take_over_refused(device: &dyn Device) -> Result<(), String> {
    let reads = reads(&[0], &[], &[4]);
    let mut old = pulling(device, spec(&reads))?;
    update(&mut old, 1)?;
    let mut new = pulling(device, ModelSpec { clip: Clip::Global(1.0), ..spec(&reads) })?;
    let before = [export(&mut old)?, export(&mut new)?];
    let result = new.take_over(&mut old);
    ensure(matches!(result, Err(Error::Misuse(_))), || format!("{result:?}"))?;
    same("models that were refused", &[export(&mut old)?, export(&mut new)?], &before)
}

fn warm(device: &dyn Device) -> Result<(), String> {
    let reads = reads(&[0, 1], &[2], &[3, 4]);
    let mut model = pulling(device, ModelSpec { consults: true, ..spec(&reads) })?;
    let fresh = export(&mut model)?;
    model.warm().map_err(text)?;
    same("a fresh state", &export(&mut model)?, &fresh)?;
    update(&mut model, 1)?;
    let state = export(&mut model)?;
    model.warm().map_err(text)?;
    same("a state", &export(&mut model)?, &state)?;
    update(&mut model, 2)?;
    let report = model.report().map_err(text)?;
    ensure(report.faults.is_none() && model.updates() == 2, || format!("{report:?}"))?;
    ensure(export(&mut model)?.tensors != state.tensors, || "nothing moves after warming".into())
}

fn phases(device: &dyn Device) -> Result<(), String> {
    let reads = reads(&[0], &[], &[]);
    let kernel = objectives::gather(BATCH, OUTPUTS, &reads);
    let mut model = with_kernel(device, spec(&reads), &kernel)?;
    for seed in 1..4 {
        let (obs, samples) = batch(&model, seed);
        let outputs = model.outputs(&Batch { obs: &obs, samples: &samples }).map_err(text)?.trained;
        let firsts: Vec<_> = outputs.iter().step_by(OUTPUTS).map(|y| f64::from(*y)).collect();
        let mean = firsts.iter().sum::<f64>() / BATCH as f64;
        let spread = firsts.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / BATCH as f64;
        update(&mut model, seed)?;
        let means = model.report().map_err(text)?.means;
        // Means of 37 numbers of order one, and again of their copies.
        near("spread and mean", &means[..2], &[spread as f32, mean as f32], 1e-5)?;
        ensure(spread > 1e-3, || format!("a spread of {spread} says nothing"))?;
    }
    // To none, and back.
    for kernel in [objectives::pull(BATCH, OUTPUTS, N, &reads), kernel] {
        let compiled = model.compiler().compile(&kernel).map_err(text)?;
        model.set_objective(&reads, compiled).map_err(text)?;
        let before = export(&mut model)?;
        update(&mut model, 5)?;
        let report = model.report().map_err(text)?;
        ensure(report.faults.is_none() && report.means[0] > 0.0, || format!("{report:?}"))?;
        ensure(export(&mut model)?.tensors != before.tensors, || "nothing was learned".into())?;
    }
    Ok(())
}

fn consult(device: &dyn Device) -> Result<(), String> {
    let reads = reads(&[0], &[], &[4]);
    let spec = ModelSpec { consults: true, ..super::spec(&reads) };
    let (obs, mut outputs) = (observation(7, 0), vec![f32::NAN; OUTPUTS]);
    let mut model = pulling(device, spec.clone())?;
    let asked = |model: &mut Model, sample: usize| {
        let mut outputs = vec![f32::NAN; OUTPUTS];
        let obs = &obs[sample * OBS.len()..(sample + 1) * OBS.len()];
        model.consult(obs, &mut outputs).map_err(text).map(|()| outputs)
    };
    let first = act(&mut model, 7, &[0])?;
    update(&mut model, 1)?;
    let learned = act(&mut model, 7, &[0])?;
    let before = export(&mut model)?;
    let mut consulted = Vec::new();
    for sample in 0..BATCH {
        consulted.extend(asked(&mut model, sample)?);
    }
    // One row alone is added up in another order than among others.
    near("the target network's outputs", &consulted, &first, 1e-5)?;
    let moved = learned.iter().zip(&first).fold(0.0f32, |most, (new, old)| most.max((new - old).abs()));
    ensure(moved > 1e-3, || format!("an update that moves outputs by {moved} says nothing"))?;
    same("the state after consulting", &export(&mut model)?, &before)?;
    model.sync_target().map_err(text)?;
    near("after a copy", &asked(&mut model, 3)?, &learned[3 * OUTPUTS..4 * OUTPUTS], 1e-5)?;
    // A twin that is never asked has the same bits.
    let mut silent = pulling(device, spec)?;
    update(&mut silent, 1)?;
    silent.sync_target().map_err(text)?;
    for seed in 2..5 {
        update(&mut silent, seed)?;
        update(&mut model, seed)?;
        asked(&mut model, seed)?;
    }
    same("a model that was asked", &export(&mut model)?, &export(&mut silent)?)?;
    let short = model.consult(&obs, &mut outputs);
    ensure(matches!(&short, Err(Error::Misuse(why)) if why.contains("consult: obs")), || {
        format!("{short:?}")
    })?;
    let mut model = pulling(device, super::spec(&reads))?;
    let none = model.consult(&obs[..OBS.len()], &mut outputs);
    ensure(matches!(&none, Err(Error::Misuse(why)) if why.contains("consults")), || format!("{none:?}"))
}
