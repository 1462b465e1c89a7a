//! Every tile that an adapter can run, whether it would be chosen or not.

use crate::Test;
use crate::layers::{conv, conv2d_backward_params, conv2d_forward, dense_backward_input, dense_forward};
use kelvin_compute::{DenseShape, Device, DeviceRequest, Tiling, adapters, open_with};
use std::fs;

pub fn tests() -> Vec<Test> {
    // Every shape, with one of the three ways to run ahead, in turn: drivers take long to compile them all.
    let turn = |(i, name): (usize, String)| (i % 3 == (i / 3) % 3).then_some(name);
    let names = Tiling::names().into_iter().enumerate().filter_map(turn);
    let measured: Test = ("tiles: measured once, and kept".into(), Box::new(|_| measured()));
    names
        .map(|tile| (format!("tiles: {tile}"), Box::new(move |_: &dyn Device| agrees(tile)) as crate::Body))
        .chain([measured])
        .collect()
}

/// Odd sizes that fit no tile, one row, 18 columns and sums that are split; and fours, which are read otherwise.
fn agrees(tile: String) -> Result<(), String> {
    let adapter = DeviceRequest::Named(adapters()[0].name.clone());
    let device = match open_with(&adapter, &Tiling::Fixed(tile)) {
        Ok(device) => device,
        // The adapter cannot: a fact about it, not a failure.
        Err(error) if error.to_string().contains("cannot compute in tiles of") => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let dense = |batch, inputs, outputs| DenseShape { batch, inputs, outputs };
    let cases = [
        dense_forward(dense(1, 1021, 18), true),
        dense_backward_input(dense(131, 37, 18), true),
        conv2d_forward(conv(3, [21, 24], [4, 68], 8, 4), false, false),
        conv2d_forward(conv(3, [21, 24], [4, 68], 8, 4), false, true),
        conv2d_backward_params(conv(3, [12, 12], [4, 36], 4, 2), true),
    ];
    cases.iter().try_for_each(|case| case.check_sums(&*device))
}

/// What one device has measured, the next takes from the file: same tiles, same bits.
fn measured() -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let adapter = DeviceRequest::Named(adapters()[0].name.clone());
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let path = folder.path().join("tiles.json");
    let case = dense_forward(DenseShape { batch: 37, inputs: 515, outputs: 70 }, false);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let device = open_with(&adapter, &Tiling::Measured(path.clone())).map_err(|error| text(&error))?;
        case.check_sums(&*device)?;
        let kept = fs::read(&path).map_err(|error| text(&error))?;
        let bits: Vec<_> = case.on_gpu(&*device)?.concat().into_iter().map(f32::to_bits).collect();
        runs.push((device.tiles(), kept, bits));
    }
    if runs[0].0.is_empty() || runs[0] != runs[1] {
        return Err(format!("{:?}, then {:?}", runs[0].0, runs[1].0));
    }
    Ok(())
}
