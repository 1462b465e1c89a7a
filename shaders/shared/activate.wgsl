// Shared: ReLU, if the layer has one. Not max(): a NaN must come out as a NaN, to be found later.

override RELU: bool;

fn activate(value: f32) -> f32 {
    if RELU {
        return select(value, 0.0, value <= 0.0);
    }
    return value;
}
