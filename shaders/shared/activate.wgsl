// Shared: ReLU, if the layer has one, of an element or of several. Not max(): a NaN must come out as a NaN, to be found
// later.

override RELU: bool;

fn activate(value: Value) -> Value {
    if RELU {
        return select(value, Value(), value <= Value());
    }
    return value;
}
