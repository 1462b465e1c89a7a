"""Loads a network that `kelvin export RUN --safetensors` wrote into PyTorch, and checks it.

    pip install torch safetensors
    python docs/load_pytorch.py runs/soft_kl-pong-s0/export

The file holds the online network in PyTorch's own layout: convolutions `[out, in, kernel, kernel]`, dense layers
`[out, in]`, images with their channels first. What it is for stands in its metadata:

    env, actions    the environment, and what its actions are called, by index
    heads           columns of the output, as in q:0:6 or logits:0:6,v:6:7
    input           what the network is given: [batch, stack, height, width] bytes / 255, the oldest frame first
    stack           frames in an observation
    strides         of the convolutions, first to last
    frames, updates how long it was trained
"""

import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file


def network(path):
    """The network as a module from bytes `[batch, stack, height, width]` to outputs, and its metadata."""
    with safe_open(path, "pt") as file:
        about = file.metadata()
    tensors = load_file(path)
    strides = [int(stride) for stride in about["strides"].split(",") if stride]
    # Convolutions first, then dense layers, the output last.
    names = [f"conv{i + 1}" for i in range(len(strides))]
    dense = sorted(name.removesuffix(".weight") for name in tensors if name.startswith("dense") and name.endswith(".weight"))
    names += sorted(dense, key=lambda name: int(name.removeprefix("dense"))) + ["output"]
    layers, flat = [], False
    for name in names:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        if weight.dim() == 4:
            layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], strides[len(layers) // 2])
        else:
            if not flat:
                layers.append(torch.nn.Flatten())
                flat = True
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        layers += [layer] if name == "output" else [layer, torch.nn.ReLU()]
    body = torch.nn.Sequential(*layers)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = body

        def forward(self, obs):
            return self.body(obs.float() / 255)

    return Network(), about


def heads(about, outputs):
    """The outputs by head, as in `{"q": [batch, actions]}`."""
    columns = (head.split(":") for head in about["heads"].split(","))
    return {name: outputs[:, int(first):int(end)] for name, first, end in columns}


def main():
    folder = pathlib.Path(sys.argv[1])
    net, about = network(folder / "weights.safetensors")
    example = load_file(folder / "example.safetensors")
    with torch.no_grad():
        outputs = net(example["obs"])
    difference = (outputs - example["outputs"]).abs().max().item()
    print({name: tuple(values.shape) for name, values in heads(about, outputs).items()}, about["env"])
    print(f"largest difference {difference:.3g}")
    # Sums of a few thousand products in another order, of numbers around one.
    assert difference < 1e-5, "this is not the network that kelvin has"


if __name__ == "__main__":
    main()
