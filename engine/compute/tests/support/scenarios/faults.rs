//! Updates whose numbers are not finite.

use super::{Scenario, ensure, export, pulling, reads, same, spec, text, update, update_with};
use kelvin_compute::{Clip, Device, Faults, Model, ModelSpec, OnFault};

pub const ALL: &[Scenario] = &[
    ("faults: stop freezes to the bit, until the report", stop),
    ("faults: skip leaves one update out", skip),
    ("faults: continue only counts", go_on),
    ("faults: a norm that overflows is caught before parameters change", overflow),
    ("faults: the first of several is named", several),
    ("grad norms: of what was learned from, before clipping", norms),
];

/// A sample with this weight has a loss and gradients that are no numbers.
const BROKEN: f32 = f32::NAN;
/// With this one loss and gradients are finite, but squares of gradients are not.
const OVERFLOWS: f32 = 1e25;

fn model(device: &dyn Device, on_fault: OnFault, clip: Clip) -> Result<Model, String> {
    pulling(device, ModelSpec { on_fault, clip, ..spec(&reads(&[0, 2], &[], &[4])) })
}

fn reported(model: &mut Model, expected: Option<(u64, u64, u64)>) -> Result<(), String> {
    let expected = expected.map(|(first, broken, skipped)| Faults { first, broken, skipped });
    let found = model.report().map_err(text)?.faults;
    ensure(found == expected, || format!("{found:?} was reported, not {expected:?}"))
}

fn stop(device: &dyn Device) -> Result<(), String> {
    for clip in [Clip::None, Clip::PerTensor(1.0), Clip::Global(1.0)] {
        let mut model = model(device, OnFault::Stop, clip)?;
        update(&mut model, 1)?;
        reported(&mut model, None)?;
        update(&mut model, 2)?;
        let good = export(&mut model)?;
        update_with(&mut model, 3, BROKEN)?;
        update(&mut model, 4)?;
        update(&mut model, 5)?;
        same("a frozen state", &export(&mut model)?.tensors, &good.tensors)?;
        reported(&mut model, Some((3, 1, 3)))?;
        same("the state of the last good update", &export(&mut model)?, &good)?;
        reported(&mut model, None)?;
        // On from there, as if nothing had been.
        let mut other = self::model(device, OnFault::Stop, clip)?;
        other.import(&good).map_err(text)?;
        for model in [&mut model, &mut other] {
            update(model, 6)?;
            reported(model, None)?;
        }
        let (state, expected) = (export(&mut model)?, export(&mut other)?);
        same("the update after a fault", &state, &expected)?;
        ensure(state.tensors != good.tensors, || "nothing moves after the report".into())?;
    }
    Ok(())
}

fn skip(device: &dyn Device) -> Result<(), String> {
    for weight in [BROKEN, OVERFLOWS] {
        let mut model = model(device, OnFault::Skip, Clip::PerTensor(1.0))?;
        update(&mut model, 1)?;
        let before = export(&mut model)?;
        update_with(&mut model, 2, weight)?;
        let mut skipped = export(&mut model)?;
        same("a skipped state", &skipped.tensors, &before.tensors)?;
        ensure(skipped.updates == 2, || format!("{} updates after a skipped one", skipped.updates))?;
        update(&mut model, 3)?;
        reported(&mut model, Some((2, 1, 1)))?;
        let mut other = self::model(device, OnFault::Skip, Clip::PerTensor(1.0))?;
        skipped.tensors = before.tensors.clone();
        other.import(&skipped).map_err(text)?;
        update(&mut other, 3)?;
        let (state, expected) = (export(&mut model)?, export(&mut other)?);
        same("the update after a skipped one", &state, &expected)?;
        ensure(state.tensors != before.tensors, || "nothing moves after a skipped update".into())?;
    }
    Ok(())
}

fn go_on(device: &dyn Device) -> Result<(), String> {
    let mut model = model(device, OnFault::Continue, Clip::PerTensor(1.0))?;
    update(&mut model, 1)?;
    // Clipped to nothing, so that the update after it is sound.
    update_with(&mut model, 2, OVERFLOWS)?;
    let before = export(&mut model)?;
    update(&mut model, 3)?;
    reported(&mut model, Some((2, 1, 0)))?;
    let after = export(&mut model)?;
    ensure(after.tensors != before.tensors && after.updates == 3, || "an update is missing".into())?;
    update_with(&mut model, 4, BROKEN)?;
    reported(&mut model, Some((4, 1, 0)))?;
    let tensors = export(&mut model)?.tensors;
    let bias = tensors.iter().find(|tensor| tensor.name == "online.output.bias");
    let spread = bias.is_some_and(|bias| bias.data.iter().all(|value| value.is_nan()));
    ensure(spread, || "a broken update was held".into())
}

fn overflow(device: &dyn Device) -> Result<(), String> {
    for clip in [Clip::None, Clip::PerTensor(1.0), Clip::Global(1.0)] {
        let mut model = model(device, OnFault::Stop, clip)?;
        update(&mut model, 1)?;
        let good = export(&mut model)?;
        update_with(&mut model, 2, OVERFLOWS)?;
        let report = model.report().map_err(text)?;
        ensure(report.means[0].is_finite(), || "the loss, too, is not finite".into())?;
        ensure(report.grad_norms.contains(&f32::INFINITY), || format!("norms {:?}", report.grad_norms))?;
        let expected = Some(Faults { first: 2, broken: 1, skipped: 1 });
        ensure(report.faults == expected, || format!("{:?}", report.faults))?;
        same("the state of the last good update", &export(&mut model)?, &good)?;
    }
    Ok(())
}

fn several(device: &dyn Device) -> Result<(), String> {
    for (on_fault, skipped) in [(OnFault::Stop, 3), (OnFault::Skip, 2)] {
        let mut model = model(device, on_fault, Clip::None)?;
        for weight in [1.0, 1.0, BROKEN, OVERFLOWS, 1.0] {
            update_with(&mut model, 1, weight)?;
        }
        reported(&mut model, Some((3, 2, skipped)))?;
        let base = model.updates();
        for weight in [1.0, f32::NEG_INFINITY] {
            update_with(&mut model, 2, weight)?;
        }
        reported(&mut model, Some((base + 2, 1, 1)))?;
    }
    Ok(())
}

/// The first moment after one update is `1 − β₁` times the gradient as it was clipped.
fn norms(device: &dyn Device) -> Result<(), String> {
    let gradient = |clip: Clip| -> Result<_, String> {
        let mut model = model(device, OnFault::Stop, clip)?;
        update(&mut model, 1)?;
        let report = model.report().map_err(text)?;
        let state = export(&mut model)?;
        let moments = state.tensors.into_iter().filter(|tensor| tensor.name.starts_with("adam.m."));
        let norm = |data: &[f32]| data.iter().map(|m| (f64::from(*m) / 0.1).powi(2)).sum::<f64>().sqrt();
        let norms: Vec<_> = moments.map(|tensor| norm(&tensor.data)).collect();
        Ok((model.grad_norm_names().to_vec(), report.grad_norms, norms))
    };
    // A root of a sum of at most a thousand squares, without cancellation.
    let near = |found: f32, expected: f64| {
        let within = (f64::from(found) / expected - 1.0).abs() <= 1e-5;
        ensure(within, || format!("a norm of {found}, not {expected}"))
    };
    let (names, found, free) = gradient(Clip::None)?;
    let expected =
        ["dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias", "output.weight", "output.bias"];
    ensure(names == expected, || format!("{names:?}"))?;
    found.iter().zip(&free).try_for_each(|(found, free)| near(*found, *free))?;
    let largest = free.iter().copied().fold(0.0, f64::max);

    let bound = (0.5 * largest) as f32;
    let (clipped_names, before, clipped) = gradient(Clip::PerTensor(bound))?;
    ensure(clipped_names == names && before == found, || format!("{before:?}, not {found:?}"))?;
    clipped
        .iter()
        .zip(&free)
        .try_for_each(|(clipped, free)| near(*clipped as f32, free.min(f64::from(bound))))?;

    let (names, before, clipped) = gradient(Clip::Global(bound))?;
    let total = |norms: &[f64]| norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
    ensure(names == ["global"] && before.len() == 1, || format!("{names:?}"))?;
    near(before[0], total(&free))?;
    near(total(&clipped) as f32, f64::from(bound))
}
