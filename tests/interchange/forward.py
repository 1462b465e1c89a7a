"""The exported network's outputs at the example's observations by NumPy alone, as PyTorch's layers define them.

    forward.py DIR      prints the largest difference to the outputs in DIR/example.safetensors
"""

import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file


def conv(x, weight, bias, stride):
    """x [batch, in, height, width], weight [out, in, kernel, kernel]: no padding."""
    kernel = weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("bchwij,ocij->bohw", windows, weight, optimize=True) + bias[:, None, None]


folder = sys.argv[1]
with safe_open(f"{folder}/weights.safetensors", "np") as file:
    about = file.metadata()
tensors = {name: tensor.astype(np.float64) for name, tensor in load_file(f"{folder}/weights.safetensors").items()}
example = load_file(f"{folder}/example.safetensors")

x = example["obs"].astype(np.float64) / 255
for i, stride in enumerate(filter(None, about["strides"].split(","))):
    x = np.maximum(conv(x, tensors[f"conv{i + 1}.weight"], tensors[f"conv{i + 1}.bias"], int(stride)), 0)
x = x.reshape(len(x), -1)
dense = 1
while f"dense{dense}.weight" in tensors:
    x = np.maximum(x @ tensors[f"dense{dense}.weight"].T + tensors[f"dense{dense}.bias"], 0)
    dense += 1
outputs = x @ tensors["output.weight"].T + tensors["output.bias"]
assert outputs.shape == example["outputs"].shape and np.ptp(outputs) > 1e-4, outputs
print(np.abs(outputs - example["outputs"]).max())
